//! When the breakers of the services opened and closed, and why.
//!
//! In Redis this is the sorted set `billing_cache:{numbers}:breaker`: JSON objects by time, in milliseconds since 1970.
//! A change is sent again until Redis acknowledges it; the same object sent twice is one member.
//!
//! Used by the flush, and by `cache-monitor` to show them.

use std::time::SystemTime;

use redis::{FromRedisValue, Pipeline, RedisResult, Value};
use serde::{Deserialize, Serialize};

use crate::clock::{millis_since_1970, time_of_millis};
use crate::connection::breaker::{BreakerState, Change};
use crate::connection::error::RedisUnreachable;
use crate::counting::identity::Identity;
use crate::declaration::cached_type::Source;
use crate::declaration::key::NUMBERS;
use crate::read::cache::Cache;
use crate::read::shared::Shared;

/// Number of changes kept. Beyond it the oldest are dropped.
const MOST: i64 = 1_000;
const KEPT_SECONDS: u64 = 30 * 24 * 3600;

/// A change of the state of the breaker of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerChange {
    /// The time, by the clock of the process.
    pub at: SystemTime,
    /// The machine of the process and its number there: `host/pid`.
    pub process: String,
    /// The new state.
    pub state: BreakerState,
    /// Why it changed, for people.
    pub reason: String,
}

/// The JSON object in Redis.
#[derive(Serialize, Deserialize)]
struct Said {
    process: String,
    /// Tells processes with the same number apart, such as restarts of a container, and caches within a process.
    id: String,
    /// The number of the change, so that two changes in one millisecond stay two.
    number: u64,
    state: String,
    reason: String,
}

impl Identity {
    /// Adds the commands that store these changes.
    pub(super) fn add_changes_to(&self, pipeline: &mut Pipeline, shared: &Shared, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        let key = key(shared);
        for Change { at, to, reason, number } in changes {
            let said = Said {
                process: self.label(),
                id: self.id.clone(),
                number: *number,
                state: to.as_str().to_owned(),
                reason: reason.clone(),
            };
            let said = serde_json::to_string(&said).expect("texts and numbers have a JSON form");
            pipeline.cmd("ZADD").arg(&key).arg(millis_since_1970(*at)).arg(said);
        }
        pipeline.cmd("ZREMRANGEBYRANK").arg(&key).arg(0).arg(-1 - MOST);
        pipeline.cmd("EXPIRE").arg(&key).arg(KEPT_SECONDS);
    }
}

impl<S: Source> Cache<S> {
    /// The changes of the breakers of all services since `since`, the newest first; at most the latest 1,000.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn breaker_changes(&self, since: SystemTime) -> Result<Vec<BreakerChange>, RedisUnreachable> {
        let shared = self.shared();
        let mut connection = shared.numbers_connection().await?;
        let mut pipeline = Pipeline::new();
        pipeline.ignore_errors().cmd("ZREVRANGE").arg(key(shared)).arg(0).arg(MOST - 1).arg("WITHSCORES");
        let read = connection.pipeline(&pipeline).await.map_err(|error| shared.shards.unreachable(error))?;
        let read: Vec<RedisResult<Value>> = read;
        let Some(Ok(Value::Array(members))) = read.first() else { return Ok(Vec::new()) };
        Ok(members.chunks(2).filter_map(change).filter(|change| change.at >= since).collect())
    }
}

/// `None` if the member is no change.
fn change(member: &[Value]) -> Option<BreakerChange> {
    let [said, at] = member else { return None };
    let said: Said = serde_json::from_str(&String::from_redis_value_ref(said).ok()?).ok()?;
    let at = time_of_millis(u64::from_redis_value_ref(at).ok()?)?;
    Some(BreakerChange { at, process: said.process, state: BreakerState::parse(&said.state)?, reason: said.reason })
}

fn key(shared: &Shared) -> String {
    format!("{}{NUMBERS}breaker", shared.space.prefix())
}
