//! Keyspace statistics: what Redis contains, by cached type. One SCAN over the database, in a cluster over one primary
//! after the other. MEMORY USAGE and PTTL of some or all keys are sent in the same pipelines. Memory use is constant
//! for any number of keys.
//!
//! Used by `cache-admin stats` and `cache-monitor`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, FromRedisValue, RedisResult, Value};
use serde::Serialize;

use super::server::{self, ServerInfo};
use super::tally::{Tally, TypeSurvey};
use crate::connection::error::{L2Error, RedisUnreachable};
use crate::connection::link::{Link, OwnConnection};
use crate::connection::redirect::is_elsewhere;
use crate::declaration::cached_type::{Source, TypeInfo};
use crate::declaration::key::{BOOKKEEPING, key_of_lease};
use crate::protocol::rate_limit::Pace;
use crate::protocol::scan::{scan_command, scanned};
use crate::read::cache::Cache;
use crate::read::shared::Shared;

/// The first keys of a type are all measured, so that the result for small types is exact.
const MEASURED_ALL: u64 = 1_000;
/// Of the further keys, one in this many is measured, chosen at random.
const MEASURED_ONE_IN: u32 = 50;

/// The keys for which memory and time to live are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// All keys of a type with few keys, and a random sample of a type with many.
    Sample,
    /// All.
    All,
}

/// The result of the statistics.
#[derive(Clone, Debug, Serialize)]
pub struct Survey {
    /// The server.
    pub server: ServerInfo,
    /// The cached types, in the order in which they were added to the cache.
    pub types: Vec<TypeSurvey>,
    /// Leases of all types: loads in flight.
    pub leases: u64,
    /// Bookkeeping keys of this cache, such as counters.
    pub bookkeeping: u64,
    /// Keys in this database that are not of this cache.
    pub foreign: u64,
}

impl<S: Source> Cache<S> {
    /// Starts a scan that examines every key of the database once.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn surveying(&self, measure: Measure, pace: Pace) -> Result<Surveying<S>, RedisUnreachable> {
        let shared = self.shared();
        let server = server::server_info(shared).await?;
        let mut to_come: VecDeque<Arc<Link>> = shared.shards.layout().links().iter().cloned().collect();
        let first = to_come.pop_front().ok_or_else(|| shared.shards.unreachable(L2Error::Away))?;
        let connection = first.own_connection().await?;
        let types: Vec<TypeInfo> = shared.types.iter().map(|registered| registered.info).collect();
        let found = Found { tallies: vec![Tally::default(); types.len()], types, ..Found::default() };
        let (cursor, to_measure) = (Some(0), Vec::new());
        Ok(Surveying { cache: self.clone(), connection, to_come, server, measure, pace, cursor, to_measure, found })
    }

    /// Examines every key of the database once and measures all keys of this cache.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn survey(&self) -> Result<Survey, RedisUnreachable> {
        let mut surveying = self.surveying(Measure::All, Pace::unlimited()).await?;
        while surveying.step().await?.is_some() {}
        Ok(surveying.so_far())
    }

    /// The times to live of the values under these key texts, in their order; `None` for a value that is not cached.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn times_to_live(&self, texts: &[String]) -> Result<Vec<Option<Duration>>, RedisUnreachable> {
        let shared = self.shared();
        let mut found = Vec::with_capacity(texts.len());
        for batch in texts.chunks(shared.settings.scan_count) {
            let answers = shared.shards.look_at(batch, |key| vec![pttl(key)]).await?;
            for answer in answers.into_iter().flatten() {
                let ttl_ms = answer.and_then(|answer| Ok(i64::from_redis_value(answer)?));
                found.push(time_to_live(ttl_ms.map_err(|error| shared.shards.unreachable(error.into()))?));
            }
        }
        Ok(found)
    }

    /// Number of keys in the database, of this cache or not; `None` if the server, or the rights of this user, do not
    /// allow the question.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn key_count(&self) -> Result<Option<u64>, RedisUnreachable> {
        let (shards, mut keys) = (&self.shared().shards, 0);
        let layout = shards.layout();
        if layout.links().is_empty() {
            return Err(shards.unreachable(L2Error::Away));
        }
        for link in layout.links() {
            let mut connection = link.own_connection().await?;
            match connection.command::<u64>(&redis::cmd("DBSIZE")).await {
                Ok(size) => keys += size,
                Err(error) if error.is_refusal() => return Ok(None),
                Err(error) => return Err(link.unreachable(error)),
            }
        }
        Ok(Some(keys))
    }
}

fn pttl(key: &str) -> Cmd {
    let mut command = redis::cmd("PTTL");
    command.arg(key);
    command
}

/// Running keyspace statistics.
///
/// It counts what `SCAN` returns: a key that moves while the table of the server grows may be counted twice.
pub struct Surveying<S: Source> {
    cache: Cache<S>,
    connection: OwnConnection,
    /// The shards that follow.
    to_come: VecDeque<Arc<Link>>,
    server: ServerInfo,
    measure: Measure,
    pace: Pace,
    /// The next cursor; `None` when everything was examined.
    cursor: Option<u64>,
    /// Keys that the next step measures, with the indexes of their types.
    to_measure: Vec<(usize, Vec<u8>)>,
    found: Found,
}

impl<S: Source> Surveying<S> {
    /// Takes one more round trip, and answers the number of names seen; `None` at the end.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn step(&mut self) -> Result<Option<u64>, RedisUnreachable> {
        let cache = self.cache.clone();
        let step = self.round_trip(cache.shared()).await;
        step.map_err(|error| cache.shared().shards.unreachable(error))
    }

    /// The result so far. Keys that were seen and not yet measured are counted.
    #[must_use]
    pub fn so_far(&self) -> Survey {
        let Found { types, tallies, leases, bookkeeping, foreign } = &self.found;
        Survey {
            server: self.server.clone(),
            types: types.iter().zip(tallies).map(|(info, tally)| tally.survey(info.name)).collect(),
            leases: *leases,
            bookkeeping: *bookkeeping,
            foreign: *foreign,
        }
    }

    async fn round_trip(&mut self, shared: &Shared) -> Result<Option<u64>, L2Error> {
        if self.cursor.is_none() && self.to_measure.is_empty() {
            let Some(next) = self.to_come.pop_front() else { return Ok(None) };
            self.connection = next.own_connection().await.map_err(|error| error.source)?;
            self.cursor = Some(0);
        }
        let count = self.pace.step(shared.settings.scan_count);
        self.pace.take(count).await;
        let mut pipeline = redis::Pipeline::with_capacity(self.to_measure.len() * 2 + 1);
        pipeline.ignore_errors();
        for (_, key) in &self.to_measure {
            pipeline.cmd("MEMORY").arg("USAGE").arg(key).cmd("PTTL").arg(key);
        }
        if let Some(cursor) = self.cursor {
            pipeline.add_command(scan_command(cursor, None, count));
        }
        let answers: Vec<RedisResult<Value>> = self.connection.pipeline(&pipeline).await?;
        let mut answers = answers.into_iter().map(gone_if_elsewhere);
        for (owner, _) in self.to_measure.drain(..) {
            let (memory, ttl) = (answers.next().unwrap_or(Ok(Value::Nil)), answers.next().unwrap_or(Ok(Value::Nil))?);
            self.found.measure(owner, &memory, &ttl);
        }
        let (cursor, names) = answers.next().transpose()?.map_or(Ok((None, Vec::new())), scanned)?;
        self.cursor = cursor;
        let seen = names.len() as u64;
        for name in names {
            if let Some(owner) = self.found.sort_in(shared, &name)
                && self.measure.wants(&self.found.tallies[owner])
            {
                self.to_measure.push((owner, name));
            }
        }
        Ok(Some(seen))
    }
}

/// A key that has moved to another primary since it was seen is counted there.
fn gone_if_elsewhere(answer: RedisResult<Value>) -> RedisResult<Value> {
    match answer {
        Err(error) if is_elsewhere(&error) => Ok(Value::Nil),
        answer => answer,
    }
}

/// PTTL answers -2 for no key, and -1 for a key that never expires.
fn time_to_live(ttl_ms: i64) -> Option<Duration> {
    match ttl_ms {
        -2 => None,
        _ => Some(u64::try_from(ttl_ms).map_or(Duration::MAX, Duration::from_millis)),
    }
}

impl Measure {
    /// Whether to measure the key that was seen last.
    fn wants(self, tally: &Tally) -> bool {
        self == Self::All || tally.seen() <= MEASURED_ALL || rand::random_range(0..MEASURED_ONE_IN) == 0
    }
}

/// The counts so far.
#[derive(Default)]
struct Found {
    types: Vec<TypeInfo>,
    /// One for each type.
    tallies: Vec<Tally>,
    leases: u64,
    bookkeeping: u64,
    foreign: u64,
}

impl Found {
    /// Counts a name. Answers the index of its type if it is a cached value.
    fn sort_in(&mut self, shared: &Shared, name: &[u8]) -> Option<usize> {
        let Ok(name) = str::from_utf8(name) else {
            self.foreign += 1;
            return None;
        };
        let owner_of = |key: &str| self.types.iter().position(|info| info.owns(&shared.space, key));
        if let Some(owner) = owner_of(name) {
            self.tallies[owner].see();
            return Some(owner);
        }
        if key_of_lease(name).is_some_and(|key| owner_of(key).is_some()) {
            self.leases += 1;
        } else if shared.space.strip(name).is_some_and(|name| name.starts_with(BOOKKEEPING)) {
            self.bookkeeping += 1;
        } else {
            self.foreign += 1;
        }
        None
    }

    /// Processes the answers to PTTL and to MEMORY USAGE, which not every server supports and not every user may ask.
    /// For a key that is gone they are -2 and nil.
    fn measure(&mut self, owner: usize, memory: &RedisResult<Value>, ttl: &Value) {
        let tally = &mut self.tallies[owner];
        match (memory, ttl) {
            (Ok(Value::Int(bytes)), Value::Int(ttl_ms)) if *ttl_ms != -2 => {
                tally.measure(Some(u64::try_from(*bytes).unwrap_or(0)), *ttl_ms);
            }
            (Err(_), Value::Int(ttl_ms)) if *ttl_ms != -2 => tally.measure(None, *ttl_ms),
            _ => tally.miss(),
        }
    }
}
