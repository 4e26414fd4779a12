//! The data id: a random text under a bookkeeping key, which tells the data that a server has now from the data it had
//! before.
//!
//! `SWAPDB` exchanges all keys of a database while clients stay connected, and no invalidation message or error reports
//! it. A client without L1 does not learn of a flush either. Invariants (`protocol.md`, "Relay and replay"): the id is
//! part of the history. A relay or a tracking connection that finds no id sets one. If the id differs from
//! the one found before, the connection counts as a new one, so reads wait for a replay and L1 is emptied. A Redis
//! Cluster has no `SWAPDB`, and no data id: its key would move with its slot.
//!
//! Used by the link, INVALIDATE, and the looks in `which_data`.

use std::sync::Arc;

use redis::{RedisResult, Value};

/// The value of that key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DataId(Arc<str>);

impl DataId {
    pub(crate) fn fresh() -> Self {
        Self(format!("{:016x}", rand::random::<u64>()).into())
    }

    /// The id from an answer to GET; `None` if the key is absent or may not be read. A value that another program
    /// stored there is cut.
    pub(crate) fn of(answer: Option<RedisResult<Value>>) -> Option<Self> {
        let text: Option<String> = redis::from_redis_value(answer?.ok()?).ok()?;
        let id: String = text?.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
        Some(Self(id.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What to do if no id is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfNone {
    /// Set one.
    Set,
    /// Leave it so: tools that inspect change nothing.
    Leave,
}
