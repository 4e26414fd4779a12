//! Clear: scans over the keys of cached types, which remove what they find.
//!
//! Invariant of clear (`protocol.md`, "Warm-up and clear"): all leases are revoked before the scan for values begins,
//! so that a fill in flight cannot bring a cleared value back. A lease that is granted later belongs to a load that
//! begins later, so the second scan leaves leases alone.
//!
//! Used by the operator's clear, by the relay, and after another source or too many unconfirmed invalidations.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use redis::{RedisResult, Value};

use super::history::History;
use super::primaries;
use super::rate_limit::Pace;
use super::scan::{Scanner, scan_command, scanned};
use crate::connection::error::L2Error;
use crate::connection::link::{Link, OwnConnection};
use crate::connection::redirect::is_elsewhere;
use crate::connection::shards::Slots;
use crate::declaration::cached_type::TypeInfo;
use crate::declaration::key::{escape_glob, key_of_lease};
use crate::mutation::keeps;

/// What a clear removed of one cached type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    /// Values removed.
    pub keys: u64,
    /// Leases revoked; each belonged to a load in flight.
    pub leases: u64,
}

/// The names that a pass of a clear looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    Leases,
    Values,
}

/// Whether the names found are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClearMode {
    /// Remove them.
    Remove,
    /// Only count them.
    DryRun,
}

/// The result of one step of a clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClearStep {
    /// Number of keys that the server examined, of this cache or not, as exactly as `SCAN` tells.
    pub looked_at: u64,
    /// Number of names of these types that were found. The next step removes them.
    pub found: u64,
}

/// Largest number of rounds of a clear. Another round begins if slots moved from one primary to another meanwhile.
const MOST_ROUNDS: usize = 5;
/// Pause between two rounds. Moving a slot takes a while, and so does learning the new slot map.
const PAUSE_OF_ROUNDS: Duration = Duration::from_millis(200);

/// The number of times a clear examines each key of the database.
pub(crate) const PASSES: u64 = 2;

/// A running clear of one shard. Each step is one round trip: it removes what the previous step found, and scans
/// further.
pub(crate) struct ClearWalk {
    types: Vec<TypeInfo>,
    mode: ClearMode,
    pace: Pace,
    /// The next pass and cursor; `None` when everything was examined.
    next: Option<(Pass, u64)>,
    /// What the last step found, by the indexes of the types, and the pass of that step.
    found: Vec<(usize, Vec<u8>)>,
    found_in: Pass,
    cleared: Vec<Cleared>,
    /// Whether a name that was found had moved to another shard when it was to be removed.
    missed: bool,
}

impl ClearWalk {
    pub(crate) fn new(types: &[TypeInfo], mode: ClearMode, pace: Pace) -> Self {
        Self {
            types: types.to_vec(),
            mode,
            pace,
            next: Some((Pass::first(), 0)),
            found: Vec::new(),
            found_in: Pass::first(),
            cleared: vec![Cleared::default(); types.len()],
            missed: false,
        }
    }

    /// Begins again, on another shard.
    fn begin(&mut self) {
        self.next = Some((Pass::first(), 0));
        self.found.clear();
    }

    /// The types, in the order of [`cleared`](Self::cleared).
    pub(crate) fn types(&self) -> &[TypeInfo] {
        &self.types
    }

    pub(crate) fn mode(&self) -> ClearMode {
        self.mode
    }

    /// What was removed so far, or would be removed, in the order of the types.
    pub(crate) fn cleared(&self) -> &[Cleared] {
        &self.cleared
    }

    /// Takes one more step; `None` at the end. If it is dropped meanwhile, its removals are not counted.
    pub(crate) async fn step(
        &mut self,
        connection: &mut OwnConnection,
        scanner: Scanner<'_>,
    ) -> Result<Option<ClearStep>, L2Error> {
        let removing = self.mode == ClearMode::Remove && !self.found.is_empty();
        if self.next.is_none() && !removing {
            self.count_found(None);
            return Ok(None);
        }
        let count = self.pace.step(scanner.scan_count);
        self.pace.take(count).await;
        let mut pipeline = redis::Pipeline::with_capacity(self.found.len() + 1);
        pipeline.ignore_errors();
        if removing {
            self.found.iter().for_each(|(_, name)| {
                pipeline.cmd("UNLINK").arg(name);
            });
        }
        if let Some((pass, cursor)) = self.next {
            pipeline.add_command(scan_command(cursor, Some(&pass.pattern(scanner, &self.types)), count));
        }
        let answers: Vec<RedisResult<Value>> = connection.pipeline(&pipeline).await?;
        let mut answers = self.without_elsewhere(answers)?;
        let answer = self.next.and_then(|_| answers.pop());
        self.count_found(removing.then_some(&answers[..]));
        if let (Some((pass, _)), Some(answer)) = (self.next, answer) {
            self.look(scanner, pass, answer)?;
        } else {
            self.next = None;
        }
        Ok(Some(ClearStep { looked_at: count as u64, found: self.found.len() as u64 }))
    }

    /// The answers; `Nil` for a name that was not removed because its slot has moved.
    fn without_elsewhere(&mut self, answers: Vec<RedisResult<Value>>) -> RedisResult<Vec<Value>> {
        let mut of = |answer: RedisResult<Value>| match answer {
            Err(error) if is_elsewhere(&error) => {
                self.missed = true;
                Ok(Value::Nil)
            }
            answer => answer,
        };
        answers.into_iter().map(&mut of).collect()
    }

    /// Processes the answer to a `SCAN` of this pass.
    fn look(&mut self, scanner: Scanner<'_>, pass: Pass, answer: Value) -> Result<(), L2Error> {
        let (cursor, names) = scanned(answer)?;
        let owner = |name: &[u8]| pass.owner(scanner, &self.types, name);
        self.found = names.into_iter().filter_map(|name| Some((owner(&name)?, name))).collect();
        self.found_in = pass;
        self.next = match cursor {
            Some(cursor) => Some((pass, cursor)),
            None => pass.next().map(|pass| (pass, 0)),
        };
        Ok(())
    }

    /// Counts what the last step found: the names that these answers say were removed, or all names in a dry run.
    fn count_found(&mut self, removed: Option<&[Value]>) {
        let was_there = |place: usize| removed.is_none_or(|removed| removed.get(place) == Some(&Value::Int(1)));
        for (place, (owner, _)) in self.found.drain(..).enumerate() {
            let cleared = &mut self.cleared[owner];
            let number = if self.found_in == Pass::Leases { &mut cleared.leases } else { &mut cleared.keys };
            *number += u64::from(was_there(place));
        }
    }
}

/// The primaries that a clear covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All primaries; it fails if one is away.
    Everywhere,
    /// The connected primaries.
    WhereConnected,
}

/// A clear of every shard, one after the other. It begins again if slots moved between shards meanwhile, because both
/// scans may then have missed a key.
pub(crate) struct ClearRun {
    walk: ClearWalk,
    scope: Scope,
    /// The shards that follow in this round; `None` before the first step of a round.
    to_come: Option<VecDeque<Arc<Link>>>,
    connection: Option<OwnConnection>,
    /// The assignment of slots when the round began.
    slots: Option<Slots>,
    rounds: usize,
}

impl ClearRun {
    pub(crate) fn new(types: &[TypeInfo], mode: ClearMode, pace: Pace, scope: Scope) -> Self {
        let walk = ClearWalk::new(types, mode, pace);
        Self { walk, scope, to_come: None, connection: None, slots: None, rounds: 0 }
    }

    pub(crate) fn walk(&self) -> &ClearWalk {
        &self.walk
    }

    /// Takes one more step; `None` at the end.
    ///
    /// # Errors
    /// Redis cannot be used, or slots keep moving.
    pub(crate) async fn step(&mut self, scanner: Scanner<'_>) -> Result<Option<ClearStep>, L2Error> {
        loop {
            if let Some(connection) = &mut self.connection {
                if let Some(step) = self.walk.step(connection, scanner).await? {
                    return Ok(Some(step));
                }
                self.connection = None;
            }
            match &mut self.to_come {
                None => self.begin_round(scanner).await?,
                Some(to_come) => match to_come.pop_front() {
                    Some(link) => {
                        self.connection = Some(link.own_connection().await.map_err(|error| error.source)?);
                        self.walk.begin();
                    }
                    None if self.is_complete(scanner).await? => return Ok(None),
                    None if self.rounds == MOST_ROUNDS => return Err(L2Error::SlotsMove),
                    None => {
                        self.to_come = None;
                        tokio::time::sleep(PAUSE_OF_ROUNDS).await;
                    }
                },
            }
        }
    }

    async fn begin_round(&mut self, scanner: Scanner<'_>) -> Result<(), L2Error> {
        self.rounds += 1;
        self.walk.missed = false;
        self.slots = scanner.shards.settled_slots().await?;
        let layout = scanner.shards.layout();
        if layout.links().is_empty() || (self.scope == Scope::Everywhere && !layout.is_covered()) {
            return Err(L2Error::Away);
        }
        let is_wanted = |link: &&Arc<Link>| self.scope == Scope::Everywhere || link.connection().is_some();
        self.to_come = Some(layout.links().iter().filter(is_wanted).cloned().collect());
        Ok(())
    }

    /// Whether this round cannot have missed a key. In a dry run a missed key does no harm.
    async fn is_complete(&self, scanner: Scanner<'_>) -> Result<bool, L2Error> {
        if self.walk.mode == ClearMode::DryRun || !scanner.shards.is_cluster() {
            return Ok(true);
        }
        let is_settled = self.slots.is_some() && scanner.shards.settled_slots().await? == self.slots;
        Ok(is_settled && !self.walk.missed)
    }
}

/// Removes all values and leases of the types, and nothing else.
pub(crate) async fn clear_types(scanner: Scanner<'_>, types: &[TypeInfo]) -> Result<(), L2Error> {
    clear(scanner, types, Scope::Everywhere).await
}

/// Where values were removed, and in which history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClearedOnRecord {
    /// Whether every primary was cleared. If not, a part of a cluster is away and must still be cleared.
    pub everywhere: bool,
    /// The history of all primaries together; `None` if it changed meanwhile, or a primary does not report its history.
    pub history: Option<History>,
}

/// Removes all values and leases of the types on every connected primary.
pub(crate) async fn clear_on_record(scanner: Scanner<'_>, types: &[TypeInfo]) -> Result<ClearedOnRecord, L2Error> {
    let before = primaries::of(scanner.shards).await?;
    clear(scanner, types, Scope::WhereConnected).await?;
    let after = primaries::of(scanner.shards).await?;
    let everywhere = before.are_all() && after.are_all();
    Ok(ClearedOnRecord { everywhere, history: before.history_of_all().filter(|_| before == after) })
}

async fn clear(scanner: Scanner<'_>, types: &[TypeInfo], scope: Scope) -> Result<(), L2Error> {
    let mut run = ClearRun::new(types, ClearMode::Remove, Pace::unlimited(), scope);
    while run.step(scanner).await?.is_some() {}
    Ok(())
}

impl Pass {
    fn first() -> Self {
        if keeps("leases-in-clear") && keeps("leases-first-in-clear") { Self::Leases } else { Self::Values }
    }

    /// The pass after this one; `None` after the last.
    fn next(self) -> Option<Self> {
        match self {
            Self::Leases => keeps("leases-first-in-clear").then_some(Self::Values),
            Self::Values => (!keeps("leases-first-in-clear")).then_some(Self::Leases),
        }
    }

    fn pattern(self, scanner: Scanner<'_>, types: &[TypeInfo]) -> String {
        let value = match types {
            [one] => one.scan_pattern(scanner.space),
            _ => format!("{}*", escape_glob(scanner.space.prefix())),
        };
        match self {
            Self::Leases => format!("lease:{{{value}}}"),
            Self::Values => value,
        }
    }

    /// The index of the type that owns a name.
    fn owner(self, scanner: Scanner<'_>, types: &[TypeInfo], name: &[u8]) -> Option<usize> {
        let name = str::from_utf8(name).ok()?;
        let key = match self {
            Self::Leases => key_of_lease(name)?,
            Self::Values => name,
        };
        types.iter().position(|info| info.owns(scanner.space, key))
    }
}
