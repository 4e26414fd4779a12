//! Walks over many keys: SCAN, and what `clear` does with it. Constant memory, short commands, never `KEYS`.
//!
//! Invariant of clear (`protocol.md`, section 7): all leases are revoked before any value is looked for, so that a fill in
//! flight cannot bring a cleared value back.

use super::error::L2Error;
use super::history::{self, History, info_field};
use super::link::OwnConnection;
use super::store::unlink;
use crate::cache::Shared;
use crate::cached_type::TypeInfo;
use crate::key::{escape_glob, key_of_lease};

/// What a clear removed of one cached type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    /// Values removed.
    pub keys: u64,
    /// Leases revoked, each of a load that was in flight.
    pub leases: u64,
}

/// A walk over the names in a database.
pub(crate) struct Scan {
    cursor: Option<u64>,
    pattern: Option<String>,
    count: usize,
}

impl Scan {
    /// Over all names, or those that match the pattern.
    pub(crate) fn new(pattern: Option<String>, count: usize) -> Self {
        Self { cursor: Some(0), pattern, count }
    }

    /// The next names, perhaps none; `None` at the end. A name may come twice, as `SCAN` has it.
    pub(crate) async fn next(&mut self, connection: &mut OwnConnection) -> Result<Option<Vec<Vec<u8>>>, L2Error> {
        let Some(cursor) = self.cursor else { return Ok(None) };
        let mut command = redis::cmd("SCAN");
        command.arg(cursor);
        if let Some(pattern) = &self.pattern {
            command.arg("MATCH").arg(pattern);
        }
        command.arg("COUNT").arg(self.count);
        let (cursor, names): (u64, Vec<Vec<u8>>) = connection.command(&command).await?;
        self.cursor = (cursor != 0).then_some(cursor);
        Ok(Some(names))
    }
}

/// Which names a pass of a clear looks at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    Leases,
    Values,
}

/// Whether what is found is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClearMode {
    /// Remove it.
    Remove,
    /// Only count it.
    DryRun,
}

/// Removes all values and leases of the types, and nothing else; `progress` hears how many were found in each step.
pub(crate) async fn clear_types(
    shared: &Shared,
    types: &[TypeInfo],
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Vec<Cleared>, L2Error> {
    walk_types(shared, types, ClearMode::Remove, progress).await
}

/// Removes all values and leases of the types, and says in which history: that of the server that did it, read before on
/// the same connection.
pub(crate) async fn clear_types_of_primary(shared: &Shared, types: &[TypeInfo]) -> Result<Option<History>, L2Error> {
    let mut connection = shared.link.own_connection().await.map_err(|error| error.source)?;
    let info: Option<String> = connection.command(&redis::cmd("INFO")).await.ok();
    let info = info.unwrap_or_default();
    if history::is_replica(&info) {
        return Err(L2Error::Replica);
    }
    walk(&mut connection, shared, types, ClearMode::Remove, &mut |_| {}).await?;
    Ok(History::of(info_field(&info, "run_id"), &info))
}

pub(crate) async fn walk_types(
    shared: &Shared,
    types: &[TypeInfo],
    mode: ClearMode,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Vec<Cleared>, L2Error> {
    let mut connection = shared.link.own_connection().await.map_err(|error| error.source)?;
    walk(&mut connection, shared, types, mode, progress).await
}

async fn walk(
    connection: &mut OwnConnection,
    shared: &Shared,
    types: &[TypeInfo],
    mode: ClearMode,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Vec<Cleared>, L2Error> {
    let mut cleared = vec![Cleared::default(); types.len()];
    for pass in [Pass::Leases, Pass::Values] {
        let mut scan = Scan::new(Some(pass.pattern(shared, types)), shared.settings.scan_count);
        while let Some(names) = scan.next(connection).await? {
            let found: Vec<(usize, String)> =
                names.into_iter().filter_map(|name| pass.owned(shared, types, name)).collect();
            progress(found.len() as u64);
            match mode {
                ClearMode::Remove => remove(connection, pass, &found, &mut cleared).await?,
                ClearMode::DryRun => found.iter().for_each(|(owner, _)| cleared[*owner].count(pass, 1)),
            }
        }
    }
    Ok(cleared)
}

impl Pass {
    fn pattern(self, shared: &Shared, types: &[TypeInfo]) -> String {
        let value = match types {
            [one] => one.scan_pattern(&shared.space),
            _ => format!("{}*", escape_glob(shared.space.prefix())),
        };
        match self {
            Self::Leases => format!("lease:{{{value}}}"),
            Self::Values => value,
        }
    }

    /// The type that owns a name, and the key that the name stands for.
    fn owned(self, shared: &Shared, types: &[TypeInfo], name: Vec<u8>) -> Option<(usize, String)> {
        let name = String::from_utf8(name).ok()?;
        let key = match self {
            Self::Leases => key_of_lease(&name)?.to_owned(),
            Self::Values => name,
        };
        let owner = types.iter().position(|info| info.owns(&shared.space, &key))?;
        Some((owner, key))
    }
}

impl Cleared {
    /// `removed` names of the value and lease of one key were there.
    fn count(&mut self, pass: Pass, removed: u64) {
        match (pass, removed) {
            (_, 0) => {}
            (_, 2..) => {
                self.keys += 1;
                self.leases += 1;
            }
            (Pass::Leases, 1) => self.leases += 1,
            (Pass::Values, 1) => self.keys += 1,
        }
    }
}

async fn remove(
    connection: &mut OwnConnection,
    pass: Pass,
    found: &[(usize, String)],
    cleared: &mut [Cleared],
) -> Result<(), L2Error> {
    if found.is_empty() {
        return Ok(());
    }
    let mut pipeline = redis::Pipeline::with_capacity(found.len());
    for (_, key) in found {
        pipeline.add_command(unlink(key));
    }
    let removed: Vec<u64> = connection.pipeline(&pipeline).await?;
    for ((owner, _), removed) in found.iter().zip(removed) {
        cleared[*owner].count(pass, removed);
    }
    Ok(())
}
