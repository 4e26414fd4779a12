//! A scan over every key of some cached types in Redis, one step at a time, for callers that inspect values one by one.
//!
//! Invariant: memory use is constant, each step is one short SCAN, and the caller sets the pace. A key that exists
//! during the whole scan is returned at least once, unless it moves from one primary of a cluster to another. A key
//! that moves while the table of the server grows may be returned twice, as by `SCAN` itself.
//!
//! Used by the audit.

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

/// A running scan. Dropping it stops it.
pub struct KeyWalk {
    shared: Arc<Shared>,
    connection: OwnConnection,
    /// The shards that follow.
    to_come: VecDeque<Arc<Link>>,
    types: Vec<TypeInfo>,
    pattern: String,
    pace: Pace,
    /// The next cursor; `None` when everything was examined.
    cursor: Option<u64>,
}

/// The result of one step of a scan.
#[derive(Debug)]
pub struct WalkStep {
    /// Number of keys that the server examined, of this cache or not, as exactly as `SCAN` tells.
    pub looked_at: u64,
    /// The keys of the types among them; possibly none.
    pub keys: Vec<AnyKey>,
}

impl<S: Source> Cache<S> {
    /// Starts a scan over the keys of these types.
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

    /// The key with this text in Redis; `None` if it is a key of no cached type.
    #[must_use]
    pub fn key_of_text(&self, text: &str) -> Option<AnyKey> {
        let owner = self.types().find(|info| info.owns(self.space(), text))?;
        Some(AnyKey::new(owner.name, text.to_owned()))
    }

    /// The key as the key type of `T`; `None` if it is a key of another type.
    #[must_use]
    pub fn typed_key<T: CachedType<Source = S>>(&self, key: &AnyKey) -> Option<T::Key> {
        self.space().parse::<T>(key.as_str())
    }
}

impl KeyWalk {
    /// Takes one more round trip; `None` at the end.
    ///
    /// # Errors
    /// Redis can no longer be used.
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
