//! The history: read on request, and kept, so that the next request needs only a few buckets.
//!
//! Invariants: each range has one reader at a time, and all other requests wait for it; a range is read at most once
//! per [`FRESH`], whatever the number of viewers; the memory is limited by the number of steps of the ranges.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use billing_cache::{BreakerChange, BreakerState, Bucket, Numbers, RedisUnreachable};
use billing_core::cached::BillingCache;
use tokio::sync::Mutex;
use tracing::debug;

use super::kept::Kept;
use super::status::Status;
use crate::dashboard::model::{EndpointState, History, Point, Range, SCHEMA_VERSION};
use crate::dashboard::summary;

/// A request within this time gets the previous answer.
const FRESH: Duration = Duration::from_secs(2);
/// Maximum number of buckets in memory while they are summed.
const BUCKETS_AT_ONCE: u64 = 120;

/// The history in all ranges.
pub(crate) struct Histories {
    cache: BillingCache,
    types: Vec<&'static str>,
    ranges: [Mutex<RangeOfPoints>; Range::ALL.len()],
}

/// The data of some steps in Redis.
struct Counted<'a> {
    buckets: Vec<Bucket>,
    /// Includes the changes of other steps.
    changes: &'a [BreakerChange],
}

struct RangeOfPoints {
    range: Range,
    points: Kept<Point>,
    asked_at: Option<Instant>,
    /// When the step that was current then was last read.
    read_at: Option<SystemTime>,
    redis: EndpointState,
}

impl Histories {
    pub(crate) fn new(cache: BillingCache, types: Vec<&'static str>) -> Self {
        Self { cache, types, ranges: Range::ALL.map(|range| Mutex::new(RangeOfPoints::new(range))) }
    }

    /// The points of this range, up to now. `redis` is the known state of Redis; `None` before it was first asked.
    pub(crate) async fn of(&self, range: Range, redis: Option<&Status>) -> History {
        let mut points = self.ranges[range as usize].lock().await;
        let now = SystemTime::now();
        let recovered = redis.and_then(|redis| redis.recovered(now));
        if points.asked_at.is_none_or(|at| at.elapsed() >= FRESH) {
            let refreshed = self.refresh(&mut points, now, recovered).await;
            // The snapshot contains the reason.
            points.redis = if refreshed.is_ok() { EndpointState::Ok } else { EndpointState::Away };
            points.asked_at = Some(Instant::now());
        }
        points.history(now)
    }

    /// May be dropped at any await: what was read until then is kept.
    async fn refresh(
        &self,
        points: &mut RangeOfPoints,
        now: SystemTime,
        recovered: Option<SystemTime>,
    ) -> Result<(), RedisUnreachable> {
        let steps = points.steps(now);
        let most = (BUCKETS_AT_ONCE / points.buckets_a_step()).max(1);
        let stretches = points.points.to_read(steps.clone(), most, recovered);
        let Some(first) = stretches.first() else { return Ok(()) };
        let changes = self.cache.breaker_changes(points.bounds(first).0).await?;
        for stretch in stretches {
            let (from, to) = points.bounds(&stretch);
            let buckets = self.cache.history(points.range.resolution(), from, to).await?;
            debug!(range = ?points.range, buckets = buckets.len(), "history was read");
            points.put(stretch, Counted { buckets, changes: &changes }, now, &self.types);
        }
        points.read_at = Some(now);
        points.points.forget_before(*steps.start());
        Ok(())
    }
}

impl RangeOfPoints {
    fn new(range: Range) -> Self {
        let points = Kept::of_length(range.step(), range.resolution());
        Self { range, points, asked_at: None, read_at: None, redis: EndpointState::NotAsked }
    }

    /// The last step is the current one.
    fn steps(&self, now: SystemTime) -> RangeInclusive<u64> {
        let last = self.points.step_at(now);
        (last + 1).saturating_sub(self.range.steps())..=last
    }

    fn buckets_a_step(&self) -> u64 {
        self.range.step().as_secs() / self.range.resolution().length().as_secs()
    }

    /// The start times of the first and the last bucket.
    fn bounds(&self, steps: &RangeInclusive<u64>) -> (SystemTime, SystemTime) {
        let end = self.points.start_of(steps.end() + 1);
        (self.points.start_of(*steps.start()), end - self.range.resolution().length())
    }

    fn put(&mut self, steps: RangeInclusive<u64>, counted: Counted<'_>, now: SystemTime, types: &[&'static str]) {
        let mut sums: BTreeMap<u64, Numbers> = steps.map(|step| (step, Numbers::default())).collect();
        for bucket in counted.buckets {
            if let Some(sum) = sums.get_mut(&self.points.step_at(bucket.start)) {
                *sum += bucket.numbers;
            }
        }
        for (step, numbers) in sums {
            let opened = counted.changes.iter().filter(|change| change.state == BreakerState::Open);
            let opened = opened.filter(|change| self.points.step_at(change.at) == step).count() as u64;
            let point = self.point(step, &numbers, now, types);
            self.points.put(step, now, Point { breaker_open_changes: opened, ..point });
        }
    }

    fn point(&self, step: u64, numbers: &Numbers, now: SystemTime, types: &[&'static str]) -> Point {
        let start = self.points.start_of(step);
        let length = now.duration_since(start).unwrap_or_default().min(self.range.step());
        let (total, by_type) = summary::summarize(numbers, types, length);
        Point {
            at: step * self.range.step().as_secs(),
            total,
            types: by_type,
            backlog: summary::backlog_peak(numbers),
            audit: summary::audit_counts(numbers, types),
            breaker_open_changes: 0,
        }
    }

    fn history(&self, now: SystemTime) -> History {
        let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        History {
            schema_version: SCHEMA_VERSION,
            range: self.range,
            step_seconds: self.range.step().as_secs(),
            redis: self.redis,
            read_at: self.read_at.map(seconds),
            points: self.steps(now).filter_map(|step| self.points.get(step).cloned()).collect(),
        }
    }
}
