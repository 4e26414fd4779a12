//! The data id: a random text under a key of ours, by which the data that are there now are told from those that were
//! there before.
//!
//! `SWAPDB` exchanges all keys of a database under the feet of whoever is connected, and no announcement or error tells
//! of it; nor does a flush to who has no L1. Invariants (`protocol.md`, section 5): the id is part of the history; a
//! relay or an ear that finds none sets one; where another one is found than before, the connection counts as a new
//! one, so reads wait for a replay and L1 is emptied. A Redis Cluster has no `SWAPDB`, and no data id: who moved a slot
//! would move it too.

use std::sync::Arc;

use redis::{RedisResult, Value};

/// What stands under the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DataId(Arc<str>);

impl DataId {
    pub(crate) fn fresh() -> Self {
        Self(format!("{:016x}", rand::random::<u64>()).into())
    }

    /// What GET answered: nothing where there is none, or where it may not be read. What others put there is cut.
    pub(crate) fn of(answer: Option<RedisResult<Value>>) -> Option<Self> {
        let text: Option<String> = redis::from_redis_value(answer?.ok()?).ok()?;
        let id: String = text?.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
        Some(Self(id.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a look does that finds no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfNone {
    /// Sets one.
    Set,
    /// Leaves it so: tools that look change nothing.
    Leave,
}
