//! The running processes: with every flush, each service stores its identity and its state towards Redis. Tools do not,
//! because they end too soon to be seen.
//!
//! In Redis `billing_cache:{numbers}:process:{id}` is a JSON object that expires when a few flushes are missed. The
//! sorted set `billing_cache:{numbers}:processes` holds the ids by the time when each process was last seen, in
//! milliseconds since 1970.
//!
//! Used by the flush, and by `cache-monitor` to show them.

use std::time::{Duration, SystemTime};

use redis::{FromRedisValue, Pipeline, RedisResult, Value};
use serde::{Deserialize, Serialize};

use crate::clock::{millis, millis_since_1970, time_of_millis};
use crate::connection::breaker::BreakerState;
use crate::connection::error::RedisUnreachable;
use crate::counting::identity::Identity;
use crate::counting::resolution::LONGEST_KEPT;
use crate::declaration::cached_type::Source;
use crate::declaration::key::NUMBERS;
use crate::read::cache::Cache;
use crate::read::shared::Shared;

/// Number of processes listed. Beyond it those not seen for longest are dropped.
const MOST: i64 = 1_000;
/// Number of flushes that may be missed.
const MISSED_FLUSHES: u32 = 3;
/// Extra time, because a flush may take a while.
const LENIENCY: Duration = Duration::from_secs(5);

/// A service that flushed recently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// A random id, made when the process opened its cache.
    pub id: String,
    /// The name of its machine.
    pub host: String,
    /// Its process number there.
    pub pid: u32,
    /// The file name of its executable.
    pub program: String,
    /// When it opened its cache, by its own clock.
    pub started: SystemTime,
    /// When it last flushed, by its own clock.
    pub seen: SystemTime,
    /// The state of its breaker at that time.
    pub breaker: BreakerState,
    /// Whether its reads used Redis at that time.
    pub uses_redis: bool,
    /// Whether its L1 counted at that time; `None` if it has none.
    pub l1_live: Option<bool>,
    /// Number of keys whose invalidation by this process is unconfirmed; 1 may stand for all.
    pub suspects: u64,
}

/// The JSON object in Redis.
#[derive(Serialize, Deserialize)]
struct Said {
    host: String,
    pid: u32,
    program: String,
    started_ms: u64,
    seen_ms: u64,
    breaker: String,
    uses_redis: bool,
    l1_live: Option<bool>,
    suspects: u64,
}

impl Identity {
    /// Adds the commands that report this process as alive.
    pub(super) fn add_to(&self, pipeline: &mut Pipeline, shared: &Shared) {
        let seen_ms = millis_since_1970(SystemTime::now());
        let said = serde_json::to_string(&self.said(shared, seen_ms)).expect("texts and numbers have a JSON form");
        let flush = Duration::from_millis(shared.settings.counters_flush_ms);
        let alive_ms = millis(flush * MISSED_FLUSHES + LENIENCY);
        let index = index(shared);
        pipeline.cmd("SET").arg(key(shared, &self.id)).arg(said).arg("PX").arg(alive_ms);
        pipeline.cmd("ZADD").arg(&index).arg(seen_ms).arg(&self.id);
        pipeline.cmd("ZREMRANGEBYRANK").arg(&index).arg(0).arg(-1 - MOST);
        pipeline.cmd("EXPIRE").arg(&index).arg(LONGEST_KEPT.as_secs());
    }

    fn said(&self, shared: &Shared, seen_ms: u64) -> Said {
        Said {
            host: self.host.clone(),
            pid: std::process::id(),
            program: self.program.clone(),
            started_ms: millis_since_1970(self.started),
            seen_ms,
            breaker: shared.shards.breaker_state().as_str().to_owned(),
            uses_redis: shared.shards.is_in_use(),
            l1_live: shared.guard.is_live(),
            suspects: shared.suspects.len() as u64,
        }
    }
}

impl<S: Source> Cache<S> {
    /// The services that flushed recently, the one last seen first; at most 1,000.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn processes(&self) -> Result<Vec<Process>, RedisUnreachable> {
        let shared = self.shared();
        let mut connection = shared.numbers_connection().await?;
        let mut pipeline = Pipeline::new();
        pipeline.ignore_errors().cmd("ZREVRANGE").arg(index(shared)).arg(0).arg(MOST - 1);
        let ids = connection.pipeline(&pipeline).await.map_err(|error| shared.shards.unreachable(error))?;
        let ids: Vec<String> = members(ids);
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<String> = ids.iter().map(|id| key(shared, id)).collect();
        let said = connection.command(redis::cmd("MGET").arg(keys)).await;
        let said: Vec<Value> = said.map_err(|error| shared.shards.unreachable(error))?;
        Ok(ids.into_iter().zip(said).filter_map(|(id, said)| process(id, &said)).collect())
    }
}

/// The texts in the one answer; empty if the value has another type.
fn members(answers: Vec<RedisResult<Value>>) -> Vec<String> {
    let Some(Ok(Value::Array(members))) = answers.into_iter().next() else { return Vec::new() };
    members.into_iter().filter_map(|member| String::from_redis_value(member).ok()).collect()
}

/// `None` if the process is gone, or the value is something else.
fn process(id: String, said: &Value) -> Option<Process> {
    let Value::BulkString(said) = said else { return None };
    let said: Said = serde_json::from_slice(said).ok()?;
    Some(Process {
        id,
        host: said.host,
        pid: said.pid,
        program: said.program,
        started: time_of_millis(said.started_ms)?,
        seen: time_of_millis(said.seen_ms)?,
        breaker: BreakerState::parse(&said.breaker)?,
        uses_redis: said.uses_redis,
        l1_live: said.l1_live,
        suspects: said.suspects,
    })
}

fn key(shared: &Shared, id: &str) -> String {
    format!("{}{NUMBERS}process:{id}", shared.space.prefix())
}

fn index(shared: &Shared) -> String {
    format!("{}{NUMBERS}processes", shared.space.prefix())
}
