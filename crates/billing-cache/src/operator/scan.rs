//! Walk: every key of some cached types that stands in Redis, a step at a time, for whoever looks at values one by one.
//!
//! Invariant: constant memory, one short SCAN a step; whoever walks sets the pace. A key that stays during the whole
//! walk is given at least once, unless it goes from one master of a cluster to another; one that moves while the
//! server's table grows may be given twice, as `SCAN` has it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::connection::error::{L2Error, RedisUnreachable};
use crate::connection::link::{Link, OwnConnection};
use crate::declaration::any_key::AnyKey;
use crate::declaration::cached_type::{CachedType, Source, TypeInfo};
use crate::declaration::key::escape_glob;
use crate::protocol::rate_limit::Pace;
use crate::protocol::scan::{scan_command, scanned};
use crate::read::cache::Cache;
use crate::read::shared::Shared;

/// A walk that is going on. Dropping it ends it.
pub struct KeyWalk {
    shared: Arc<Shared>,
    connection: OwnConnection,
    /// The shards to come.
    to_come: VecDeque<Arc<Link>>,
    types: Vec<TypeInfo>,
    pattern: String,
    pace: Pace,
    /// Where to look next; `None` when all was looked at.
    cursor: Option<u64>,
}

/// What one step of a walk found.
#[derive(Debug)]
pub struct WalkStep {
    /// Keys that the server looked at, ours or not, as near as `SCAN` lets one know.
    pub looked_at: u64,
    /// Those of them that are keys of the types, perhaps none.
    pub keys: Vec<AnyKey>,
}

impl<S: Source> Cache<S> {
    /// Begins a walk over the keys of these types.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn walk(&self, types: &[TypeInfo], pace: Pace) -> Result<KeyWalk, RedisUnreachable> {
        let shared = Arc::clone(self.shared());
        let mut to_come: VecDeque<Arc<Link>> = shared.shards.layout().links().iter().cloned().collect();
        let first = to_come.pop_front().ok_or_else(|| shared.shards.unreachable(L2Error::Away))?;
        let connection = first.own_connection().await?;
        let pattern = match types {
            [one] => one.scan_pattern(&shared.space),
            _ => format!("{}*", escape_glob(shared.space.prefix())),
        };
        Ok(KeyWalk { shared, connection, to_come, types: types.to_vec(), pattern, pace, cursor: Some(0) })
    }

    /// The key that stands in Redis under this text; `None` if it is a key of no cached type.
    #[must_use]
    pub fn key_of_text(&self, text: &str) -> Option<AnyKey> {
        let owner = self.types().find(|info| info.owns(self.space(), text))?;
        Some(AnyKey::new(owner.name, text.to_owned()))
    }

    /// The key as its type has it; `None` if it is a key of another type.
    #[must_use]
    pub fn typed_key<T: CachedType<Source = S>>(&self, key: &AnyKey) -> Option<T::Key> {
        self.space().parse::<T>(key.as_str())
    }
}

impl KeyWalk {
    /// Goes one round trip further; `None` at the end.
    ///
    /// # Errors
    /// Redis cannot be used any more.
    pub async fn step(&mut self) -> Result<Option<WalkStep>, RedisUnreachable> {
        let Some(cursor) = self.cursor else { return Ok(None) };
        let count = self.pace.step(self.shared.settings.scan_count);
        self.pace.take(count).await;
        let names = self.scan(cursor, count).await.map_err(|error| self.shared.shards.unreachable(error))?;
        if let (None, Some(next)) = (self.cursor, self.to_come.pop_front()) {
            self.connection = next.own_connection().await?;
            self.cursor = Some(0);
        }
        let keys = names.into_iter().filter_map(|name| self.owned(name)).collect();
        Ok(Some(WalkStep { looked_at: count as u64, keys }))
    }

    async fn scan(&mut self, cursor: u64, count: usize) -> Result<Vec<Vec<u8>>, L2Error> {
        let answer = self.connection.command(&scan_command(cursor, Some(&self.pattern), count)).await?;
        let (cursor, names) = scanned(answer)?;
        self.cursor = cursor;
        Ok(names)
    }

    fn owned(&self, name: Vec<u8>) -> Option<AnyKey> {
        let text = String::from_utf8(name).ok()?;
        let owner = self.types.iter().find(|info| info.owns(&self.shared.space, &text))?;
        Some(AnyKey::new(owner.name, text))
    }
}

impl fmt::Debug for KeyWalk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyWalk").field("types", &self.types).finish_non_exhaustive()
    }
}
