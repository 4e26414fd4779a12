//! From measurements to the report: all arithmetic of the monitor is here.
//!
//! Invariant: no percentile and no improvement of too few samples gets into a report.

use std::time::Duration;

use billing_cache::{Tier, TypeInfo};
use cli_support::render::to_f64;

use super::{Gain, Improvement, Kind, Measured, MonitorReport, Requests, Times, TypeReport};
use crate::latencies::Latencies;
use crate::measurement::{Measurement, Plan};

/// With fewer samples there are no percentiles and no improvement: a p95 needs one sample in twenty above it.
pub(super) const MIN_SAMPLES: u64 = 20;
/// With fewer samples a p99 is marked: it needs one sample in a hundred above it.
pub(super) const MIN_SAMPLES_P99: u64 = 100;
/// The name of loads past the cache, next to the names of the tiers.
const DATABASE: &str = "database";

/// Under which conditions was measured.
#[derive(Debug)]
pub(crate) struct Conditions {
    /// When it ended: UTC, ISO 8601.
    pub(crate) measured_at: String,
    /// Which database.
    pub(crate) database: String,
    /// Which Redis.
    pub(crate) redis: String,
    /// How much, and how keys were drawn.
    pub(crate) plan: Plan,
    /// Keys of each type to draw from, at most.
    pub(crate) keys_limit: u64,
}

/// What came out for one type.
#[derive(Debug)]
pub(crate) struct TypeOutcome {
    /// The type, with the TTL in force.
    pub(crate) info: TypeInfo,
    /// How many keys it had.
    pub(crate) keys: usize,
    /// `None` without keys.
    pub(crate) measurement: Option<Measurement>,
}

/// Puts the report together.
pub(crate) fn build(conditions: Conditions, outcomes: &[TypeOutcome]) -> MonitorReport {
    let types: Vec<TypeReport> = outcomes.iter().map(type_report).collect();
    let measured = types.iter().filter_map(|of_type| of_type.measured.as_ref());
    MonitorReport {
        measured_at: conditions.measured_at,
        database: conditions.database,
        redis: conditions.redis,
        iterations: conditions.plan.iterations,
        keys_limit: conditions.keys_limit,
        zipf_exponent: conditions.plan.draw.exponent,
        seed: conditions.plan.draw.seed,
        total: Requests::sum(measured.map(|measured| measured.requests)),
        notes: types.iter().flat_map(notes).chain(debug_build()).collect(),
        types,
    }
}

fn type_report(outcome: &TypeOutcome) -> TypeReport {
    TypeReport {
        name: outcome.info.name.to_owned(),
        pattern: outcome.info.pattern(),
        keys: outcome.keys as u64,
        ttl_seconds: outcome.info.ttl.as_secs(),
        measured: outcome.measurement.as_ref().map(measured),
    }
}

fn measured(measurement: &Measurement) -> Measured {
    // L1 only where it is on and was of use; a row of zeros would say nothing.
    let tiers = measurement.requests.iter().filter(|(tier, latencies)| *tier != Tier::L1 || latencies.count() > 0);
    let hits = tiers.clone().filter(|(tier, _)| tier.is_hit());
    let database = Times::of(DATABASE, Kind::Load, &measurement.database);
    let times = tiers.clone().map(|(tier, latencies)| Times::of(tier.as_str(), kind_of(*tier), latencies));
    Measured {
        elapsed_seconds: rounded(measurement.elapsed.as_secs_f64()),
        requests: Requests::of(tiers.map(|(tier, latencies)| (kind_of(*tier), latencies.count()))),
        improvements: hits.map(|(tier, hits)| Improvement::of(*tier, &measurement.database, hits)).collect(),
        times: std::iter::once(database).chain(times).collect(),
    }
}

fn kind_of(tier: Tier) -> Kind {
    match tier {
        Tier::Loaded => Kind::Miss,
        tier if tier.is_hit() => Kind::Hit,
        _ => Kind::Bypass,
    }
}

impl Requests {
    fn of(counts: impl Iterator<Item = (Kind, u64)>) -> Self {
        let mut requests = Self::default();
        for (kind, count) in counts {
            requests.requests += count;
            match kind {
                Kind::Hit => requests.hits += count,
                Kind::Miss => requests.misses += count,
                Kind::Load | Kind::Bypass => requests.bypassed += count,
            }
        }
        requests.with_rates()
    }

    fn sum(all: impl Iterator<Item = Self>) -> Self {
        let counts = all.flat_map(|of_type| {
            [(Kind::Hit, of_type.hits), (Kind::Miss, of_type.misses), (Kind::Bypass, of_type.bypassed)]
        });
        Self::of(counts)
    }

    fn with_rates(self) -> Self {
        let rate = |count| (self.requests > 0).then(|| to_f64(count) / to_f64(self.requests));
        Self { hit_rate: rate(self.hits), miss_rate: rate(self.misses), ..self }
    }
}

impl Times {
    fn of(source: &'static str, kind: Kind, latencies: &Latencies) -> Self {
        let count = latencies.count();
        let enough = count >= MIN_SAMPLES;
        let quantile = |quantile| latencies.quantile_us(quantile).filter(|_| enough).map(rounded);
        Self {
            source,
            kind,
            count,
            mean_us: latencies.mean_us().map(rounded),
            p50_us: quantile(0.50),
            p95_us: quantile(0.95),
            p99_us: quantile(0.99),
            too_few_samples: !enough,
            p99_uncertain: enough && count < MIN_SAMPLES_P99,
        }
    }
}

impl Improvement {
    fn of(tier: Tier, database: &Latencies, hits: &Latencies) -> Self {
        let enough = database.count().min(hits.count()) >= MIN_SAMPLES;
        let gain = |database: Option<f64>, hit: Option<f64>| database.zip(hit).filter(|_| enough).and_then(Gain::of);
        Self {
            tier: tier.as_str(),
            of_means: gain(database.mean_us(), hits.mean_us()),
            of_medians: gain(database.quantile_us(0.5), hits.quantile_us(0.5)),
        }
    }
}

impl Gain {
    /// `None` where one of them took no time that could be measured.
    fn of((database, hit): (f64, f64)) -> Option<Self> {
        let measurable = database > 0.0 && hit > 0.0;
        measurable
            .then(|| Self { percent: rounded((database - hit) / database * 100.0), factor: rounded(database / hit) })
    }
}

fn notes(of_type: &TypeReport) -> Vec<String> {
    let name = &of_type.name;
    let Some(measured) = &of_type.measured else {
        return vec![format!("{name}: no rows in the database")];
    };
    let mut notes = Vec::new();
    let Requests { requests, bypassed, .. } = measured.requests;
    if bypassed > 0 {
        notes.push(format!(
            "{name}: {bypassed} of {requests} requests went past Redis, which refused or did not answer within \
             redis.command_timeout_ms; the times of hits leave them out"
        ));
    }
    let ttl = Duration::from_secs(of_type.ttl_seconds);
    if Duration::from_secs_f64(measured.elapsed_seconds) > ttl {
        let seconds = of_type.ttl_seconds;
        notes.push(format!(
            "{name}: took longer than the {seconds} s a value is cached here, so some misses are expiries"
        ));
    }
    notes
}

fn debug_build() -> Option<String> {
    let note = "measured with a debug build, which is slower than what runs in production";
    cfg!(debug_assertions).then(|| note.to_owned())
}

/// To three digits after the point, which is a nanosecond where the unit is a microsecond.
fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latencies(count: u64, micros: u64) -> Latencies {
        let mut latencies = Latencies::new();
        (0..count).for_each(|_| latencies.record(Duration::from_micros(micros)));
        latencies
    }

    #[test]
    fn shares_add_up_and_nothing_has_no_rate() {
        let counts = [(Kind::Hit, 60), (Kind::Miss, 30), (Kind::Bypass, 10)];
        let requests = Requests::of(counts.into_iter());
        assert_eq!((requests.requests, requests.hit_rate, requests.miss_rate), (100, Some(0.6), Some(0.3)));
        let doubled = Requests::sum([requests, requests].into_iter());
        assert_eq!((doubled.requests, doubled.hits, doubled.hit_rate), (200, 120, Some(0.6)));
        assert_eq!(Requests::sum(std::iter::empty()), Requests::default());
    }

    #[test]
    fn percentiles_need_samples() {
        for (count, shown, uncertain) in
            [(0, false, false), (19, false, false), (20, true, true), (99, true, true), (100, true, false)]
        {
            let times = Times::of("l2", Kind::Hit, &latencies(count, 5));
            assert_eq!(times.p50_us.is_some() && times.p99_us.is_some(), shown, "{count}");
            assert_eq!((times.too_few_samples, times.p99_uncertain), (!shown, uncertain), "{count}");
            assert_eq!(times.mean_us, (count > 0).then_some(5.0), "{count}");
        }
    }

    #[test]
    fn an_improvement_is_of_the_database_time() {
        let improvement = Improvement::of(Tier::L2, &latencies(20, 1000), &latencies(20, 250));
        assert_eq!(improvement.of_means, Some(Gain { percent: 75.0, factor: 4.0 }));
        let worse = Improvement::of(Tier::L2, &latencies(20, 100), &latencies(20, 200)).of_means.unwrap();
        assert_eq!((worse.percent, worse.factor), (-100.0, 0.5));
        let few = Improvement::of(Tier::L2, &latencies(20, 1000), &latencies(19, 250));
        assert_eq!((few.of_means, few.of_medians), (None, None));
    }

    #[test]
    fn every_tier_has_a_kind_of_its_own_or_is_a_hit() {
        let of_kind = |kind| Tier::ALL.into_iter().filter(|tier| kind_of(*tier) == kind).count();
        assert_eq!((of_kind(Kind::Miss), of_kind(Kind::Bypass), of_kind(Kind::Load)), (1, 1, 0));
    }
}
