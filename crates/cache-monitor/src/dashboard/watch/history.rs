//! The history: read when somebody asks for it, and kept, so that asking again costs a few buckets.
//!
//! Invariants: one reader of a range at a time, for whom all others wait, and read no more often than every [`FRESH`],
//! whatever the number of viewers; what is kept is bounded by the steps of the ranges.

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

/// Who asks again sooner gets the same.
const FRESH: Duration = Duration::from_secs(2);
/// Buckets that are in memory at a time, while their sums are made.
const BUCKETS_AT_ONCE: u64 = 120;

/// The history in all ranges.
pub(crate) struct Histories {
    cache: BillingCache,
    types: Vec<&'static str>,
    ranges: [Mutex<RangeOfPoints>; Range::ALL.len()],
}

/// What Redis has of some steps.
struct Counted<'a> {
    buckets: Vec<Bucket>,
    /// Those of other steps too.
    changes: &'a [BreakerChange],
}

struct RangeOfPoints {
    range: Range,
    points: Kept<Point>,
    asked_at: Option<Instant>,
    /// When the step that went on then was read last.
    read_at: Option<SystemTime>,
    redis: EndpointState,
}

impl Histories {
    pub(crate) fn new(cache: BillingCache, types: Vec<&'static str>) -> Self {
        Self { cache, types, ranges: Range::ALL.map(|range| Mutex::new(RangeOfPoints::new(range))) }
    }

    /// The points of this range, up to now. `redis` is what is known of it; nothing before it was asked first.
    pub(crate) async fn of(&self, range: Range, redis: Option<&Status>) -> History {
        let mut points = self.ranges[range as usize].lock().await;
        let now = SystemTime::now();
        let recovered = redis.and_then(|redis| redis.recovered(now));
        if points.asked_at.is_none_or(|at| at.elapsed() >= FRESH) {
            let refreshed = self.refresh(&mut points, now, recovered).await;
            // The snapshot says why.
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

    /// The last one goes on.
    fn steps(&self, now: SystemTime) -> RangeInclusive<u64> {
        let last = self.points.step_at(now);
        (last + 1).saturating_sub(self.range.steps())..=last
    }

    fn buckets_a_step(&self) -> u64 {
        self.range.step().as_secs() / self.range.resolution().length().as_secs()
    }

    /// The beginnings of the first and the last bucket.
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
