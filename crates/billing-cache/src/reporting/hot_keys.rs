//! Hot keys: how often keys are read, added up in Redis over all processes.
//!
//! In Redis they are next to the counters and flushed with them.
//! `billing_cache:{numbers}:reads:{half-life}s:{landmark}:{type}` is a sorted set of key texts by decayed reads. The
//! same name without the type is a sorted set of the sum of each type. Scores under one landmark are weights that can
//! be added unchanged (see `popularity`). A reader also adds those of the previous landmark, divided by 2^64. Nothing
//! is ever aged by rewriting, so the processes need to agree only on the clock. The half-life is part of the name, so
//! that processes with different settings do not mix.
//!
//! Invariants: there are at most `cache.usage_keys` keys per type, and every set expires by itself. Any program can
//! write to Redis, so members that are no keys of the type are ignored, and the result is only a hint what to load
//! first.
//!
//! Used by the flush, warm-up and `cache-monitor`.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::{FromRedisValue, Pipeline, RedisResult, Value};
use serde::Serialize;

use crate::connection::error::RedisUnreachable;
use crate::counting::popularity::{Decay, Instant, Popularity, Unsent, rebased};
use crate::counting::resolution::LONGEST_KEPT;
use crate::declaration::cached_type::{Source, TypeInfo};
use crate::declaration::key::{KeySpace, NUMBERS};
use crate::declaration::settings::CacheSettings;
use crate::read::cache::Cache;
use crate::read::shared::Shared;

/// The member of the sums that holds the time when counting began, in seconds since 1970. No type has such a name.
const SINCE: &str = ":since";

/// A key that is read often.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HotKey {
    /// The text of the key in Redis.
    pub text: String,
    /// An estimate from sampled reads of all processes, in which recent reads count more.
    pub reads_per_hour: f64,
}

/// The known reads of a cached type.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HotKeys {
    /// The most-read keys first.
    pub keys: Vec<HotKey>,
    /// Reads of all keys of the type, including keys that are not listed.
    pub reads_per_hour: f64,
}

impl<S: Source> Cache<S> {
    /// The keys of the type that all processes together have read most recently, up to `limit` of them; empty if no
    /// reads are known. Recent reads count more.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn hot_keys(&self, info: &TypeInfo, limit: usize) -> Result<HotKeys, RedisUnreachable> {
        let shared = self.shared();
        let names = Names::of(shared);
        let now = SystemTime::now();
        let instant = names.decay.instant(now);
        let mut pipeline = Pipeline::new();
        pipeline.ignore_errors();
        for period in [instant.period, instant.period.saturating_sub(1)] {
            let (keys, sums) = (names.keys(period, info), names.sums(period));
            pipeline.cmd("ZREVRANGE").arg(keys).arg(0).arg(shared.settings.usage_keys).arg("WITHSCORES");
            pipeline.cmd("ZRANGE").arg(sums).arg(0).arg(-1).arg("WITHSCORES");
        }
        let mut connection = shared.numbers_connection().await?;
        let read = connection.pipeline(&pipeline).await;
        let read: Vec<RedisResult<Value>> = read.map_err(|error| shared.shards.unreachable(error))?;
        let mut found = Found::default();
        for (age, sets) in read.chunks(2).enumerate() {
            let [keys, sums] = sets else { continue };
            let factor = rebased(instant.period.saturating_sub(age as u64), instant.period);
            found.add(info, &shared.space, Scores { keys: scores(keys), sums: scores(sums), factor });
        }
        Ok(found.rated(names.decay, instant, now, limit))
    }
}

/// Two sorted sets that were counted under one landmark.
struct Scores {
    keys: Vec<(String, f64)>,
    sums: Vec<(String, f64)>,
    /// The factor that makes them comparable with those of the current landmark.
    factor: f64,
}

/// The members of a sorted set. A value of another type, and a member or score that is no text or no number, are
/// ignored.
fn scores(answer: &RedisResult<Value>) -> Vec<(String, f64)> {
    let Ok(Value::Array(members)) = answer else { return Vec::new() };
    let member = |pair: &[Value]| {
        let [member, score] = pair else { return None };
        let text = String::from_redis_value(member.clone()).ok()?;
        let score = f64::from_redis_value(score.clone()).ok()?;
        (score.is_finite() && score > 0.0).then_some((text, score))
    };
    members.chunks(2).filter_map(member).collect()
}

/// Decayed sums under the current landmark.
#[derive(Default)]
struct Found {
    reads: HashMap<String, f64>,
    sum: f64,
    since: Option<f64>,
}

impl Found {
    fn add(&mut self, info: &TypeInfo, space: &KeySpace, scores: Scores) {
        for (text, score) in scores.keys.into_iter().filter(|(text, _)| info.owns(space, text)) {
            *self.reads.entry(text).or_default() += score * scores.factor;
        }
        for (member, score) in scores.sums {
            if member == info.name {
                self.sum += score * scores.factor;
            } else if member == SINCE {
                self.since = Some(self.since.map_or(score, |since| since.min(score)));
            }
        }
    }

    /// The sums as current rates.
    fn rated(self, decay: Decay, instant: Instant, now: SystemTime, limit: usize) -> HotKeys {
        let since = self.since.and_then(|since| Duration::try_from_secs_f64(since).ok());
        let since = since.and_then(|since| UNIX_EPOCH.checked_add(since)).unwrap_or(UNIX_EPOCH);
        let rate = decay.reads_per_hour(now.duration_since(since).unwrap_or_default()) / instant.weight;
        let of_key = |(text, reads): (String, f64)| HotKey { text, reads_per_hour: reads * rate };
        let mut keys: Vec<HotKey> = self.reads.into_iter().map(of_key).collect();
        keys.sort_by(|a, b| b.reads_per_hour.total_cmp(&a.reads_per_hour).then_with(|| a.text.cmp(&b.text)));
        // The sum may have been lost although the keys were not.
        let known: f64 = keys.iter().map(|key| key.reads_per_hour).sum();
        keys.truncate(limit);
        HotKeys { keys, reads_per_hour: known.max(self.sum * rate) }
    }
}

/// What the processes noted since their last flush, to be sent to Redis; by type, in the order of registration.
pub(crate) struct Flush(Vec<Option<Unsent>>);

impl Flush {
    /// Takes the noted reads. Two concurrent flushes never get the same reads.
    pub(crate) fn take(shared: &Shared) -> Self {
        Self(shared.types.iter().map(|registered| registered.popularity.as_deref().map(Popularity::take)).collect())
    }

    /// Puts the reads back, because they were not sent.
    pub(crate) fn put_back(self, shared: &Shared) {
        for (registered, unsent) in shared.types.iter().zip(self.0) {
            if let (Some(popularity), Some(unsent)) = (&registered.popularity, unsent) {
                popularity.put_back(unsent);
            }
        }
    }

    /// Adds the commands that send the reads to Redis.
    pub(crate) fn add_to(&self, pipeline: &mut Pipeline, shared: &Shared) {
        let names = Names::of(shared);
        for (registered, unsent) in shared.types.iter().zip(&self.0) {
            if let Some(unsent) = unsent.as_ref().filter(|unsent| unsent.reads.total() > 0.0) {
                names.add_reads(pipeline, &registered.info, unsent);
            }
        }
    }
}

/// The names of the sorted sets.
struct Names<'a> {
    space: &'a KeySpace,
    settings: &'a CacheSettings,
    decay: Decay,
}

impl<'a> Names<'a> {
    fn of(shared: &'a Shared) -> Self {
        let settings = &shared.settings;
        Self { space: &shared.space, settings, decay: Decay::new(settings.usage_half_life_seconds) }
    }

    fn sums(&self, period: u64) -> String {
        let half_life = self.settings.usage_half_life_seconds;
        format!("{}{NUMBERS}reads:{half_life}s:{period}", self.space.prefix())
    }

    fn keys(&self, period: u64, info: &TypeInfo) -> String {
        format!("{}:{}", self.sums(period), info.name)
    }

    /// The sums are added first. A set that cannot be updated, because its name holds a value of another type, does not
    /// prevent the update of the others.
    fn add_reads(&self, pipeline: &mut Pipeline, info: &TypeInfo, unsent: &Unsent) {
        let (keys, sums) = (self.keys(unsent.period, info), self.sums(unsent.period));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        pipeline.cmd("ZADD").arg(&sums).arg("NX").arg(now).arg(SINCE);
        pipeline.cmd("ZINCRBY").arg(&sums).arg(unsent.reads.total()).arg(info.name);
        for (text, reads) in unsent.reads.iter() {
            pipeline.cmd("ZINCRBY").arg(&keys).arg(reads).arg(text);
        }
        let last_too_many = -1 - i64::try_from(self.settings.usage_keys).unwrap_or(i64::MAX - 1);
        pipeline.cmd("ZREMRANGEBYRANK").arg(&keys).arg(0).arg(last_too_many);
        for set in [&sums, &keys] {
            pipeline.cmd("EXPIRE").arg(set).arg(LONGEST_KEPT.as_secs());
        }
    }
}
