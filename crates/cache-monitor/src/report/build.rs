//! Builds the report from measurements.
//!
//! Invariant: a report contains no percentile and no improvement for which there are too few samples.

use std::time::Duration;

use billing_cache::{Numbers, Tier, TypeInfo};
use cli_support::Ending;
use cli_support::render::to_f64;

use super::advice::Used;
use super::conditions::Conditions;
use super::model::{
    Advice, Costs, Gain, Improvement, Kind, Measured, MonitorReport, PairedGain, PercentileTime, Requests,
    SCHEMA_VERSION, Share, Times, TypeReport, rounded,
};
use super::notes::notes;
use crate::measurement::{Measurement, OfTier};
use crate::statistics::{CONFIDENCE, Estimate, Latencies, MIN_SAMPLES, Percentile, Support};

/// The name of direct loads, beside the names of the tiers.
const DATABASE: &str = "database";

/// The result for one type.
#[derive(Debug)]
pub(crate) struct TypeOutcome {
    /// The type, with the TTL in force during the measurement.
    pub(crate) info: TypeInfo,
    /// The TTL in production.
    pub(crate) ttl: Duration,
    /// Number of keys to choose from; `None` if a log was replayed.
    pub(crate) keys: Option<u64>,
    /// Empty if there was no request.
    pub(crate) measurement: Measurement,
}

/// Builds the report.
pub(crate) fn build(conditions: Conditions, outcomes: &[TypeOutcome]) -> MonitorReport {
    let usage = conditions.usage.as_ref().ok();
    let types: Vec<TypeReport> = outcomes.iter().map(|outcome| type_report(outcome, usage)).collect();
    let measured = types.iter().filter_map(|of_type| of_type.measured.as_ref());
    let total = Requests::sum(measured.map(|measured| measured.requests));
    MonitorReport {
        schema_version: SCHEMA_VERSION,
        total,
        debug_build: cfg!(debug_assertions),
        interrupted: conditions.ended == Ending::Interrupted,
        gate: None,
        notes: notes(&conditions, &types),
        measured_at: conditions.measured_at,
        database: conditions.database,
        redis: conditions.redis,
        workload: conditions.workload,
        concurrency: conditions.concurrency,
        warmup: conditions.warmup,
        types,
    }
}

fn type_report(outcome: &TypeOutcome, usage: Option<&Numbers>) -> TypeReport {
    let measured = (outcome.measurement.count() > 0).then(|| measured(&outcome.measurement));
    let advice = measured.as_ref().and_then(|measured| {
        let used = usage.and_then(|usage| Used::of(usage, outcome.info.name));
        Costs::of(measured, used.as_ref()).map(|costs| Advice::of(costs, used, outcome.ttl.as_secs()))
    });
    TypeReport {
        name: outcome.info.name.to_owned(),
        pattern: outcome.info.pattern(),
        keys: outcome.keys,
        ttl_seconds: outcome.info.ttl.as_secs(),
        measured,
        advice,
    }
}

fn measured(measurement: &Measurement) -> Measured {
    // L1 is shown only if it answered a request; a row of zeros would say nothing.
    let used = |of_tier: &&OfTier| of_tier.tier != Tier::L1 || of_tier.latencies.count() > 0;
    let tiers: Vec<&OfTier> = measurement.tiers.iter().filter(used).collect();
    let hits = tiers.iter().filter(|of_tier| of_tier.tier.is_hit());
    let database = Times::of(DATABASE, Kind::Load, &measurement.database);
    let of_tiers =
        tiers.iter().map(|of_tier| Times::of(of_tier.tier.as_str(), kind_of(of_tier.tier), &of_tier.latencies));
    Measured {
        elapsed_seconds: rounded(measurement.elapsed().as_secs_f64()),
        requests: Requests::of(tiers.iter().map(|of_tier| (kind_of(of_tier.tier), of_tier.latencies.count()))),
        improvement: measurement.hits.estimate().map(PairedGain::of),
        improvements: hits.map(|hits| Improvement::of(&measurement.database, hits)).collect(),
        times: std::iter::once(database).chain(of_tiers).collect(),
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
        let point = |(share, us): (f64, f64)| Share { share, us: rounded(us) };
        Self {
            source,
            kind,
            count: latencies.count(),
            mean_us: latencies.mean_us().map(rounded),
            percentiles: Percentile::ALL.map(|percentile| PercentileTime::of(percentile, latencies)).into(),
            distribution: latencies.curve().into_iter().map(point).collect(),
        }
    }
}

impl PercentileTime {
    fn of(percentile: Percentile, latencies: &Latencies) -> Self {
        let support = percentile.support(latencies.count());
        let us = latencies.quantile_us(percentile.share()).filter(|_| support != Support::TooFew);
        Self { name: percentile.name, us: us.map(rounded), support }
    }
}

impl Improvement {
    fn of(database: &Latencies, hits: &OfTier) -> Self {
        let enough = database.count().min(hits.latencies.count()) >= MIN_SAMPLES;
        let gain = |database: Option<f64>, hit: Option<f64>| database.zip(hit).filter(|_| enough).and_then(Gain::of);
        Self {
            tier: hits.tier.as_str(),
            of_means: gain(database.mean_us(), hits.latencies.mean_us()),
            of_medians: gain(database.quantile_us(0.5), hits.latencies.quantile_us(0.5)),
            of_pairs: hits.ratios.estimate().map(PairedGain::of),
        }
    }
}

impl Gain {
    /// `None` if one of them was too short to be measured.
    fn of((database, hit): (f64, f64)) -> Option<Self> {
        (database > 0.0 && hit > 0.0).then(|| Self::of_ratio(hit / database))
    }

    fn of_ratio(hit_to_database: f64) -> Self {
        Self { percent: rounded((1.0 - hit_to_database) * 100.0), factor: rounded(1.0 / hit_to_database) }
    }
}

impl PairedGain {
    /// A smaller ratio is a larger gain.
    fn of(ratio: Estimate) -> Self {
        Self {
            pairs: ratio.pairs,
            confidence: CONFIDENCE,
            median: Gain::of_ratio(ratio.median),
            low: Gain::of_ratio(ratio.high),
            high: Gain::of_ratio(ratio.low),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::PairRatios;

    fn latencies(count: u64, micros: u64) -> Latencies {
        let mut latencies = Latencies::new();
        (0..count).for_each(|_| latencies.record(Duration::from_micros(micros)));
        latencies
    }

    fn hits(count: u64, micros: u64, load_micros: u64) -> OfTier {
        let mut ratios = PairRatios::new();
        (0..count).for_each(|_| ratios.record(Duration::from_micros(micros), Duration::from_micros(load_micros)));
        OfTier { tier: Tier::L2, latencies: latencies(count, micros), ratios }
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
    fn percentiles_that_the_samples_cannot_bear_are_left_out() {
        for (count, shown) in [(0, 0), (19, 0), (20, 2), (99, 2), (100, 3), (1000, 4)] {
            let times = Times::of("l2", Kind::Hit, &latencies(count, 5));
            assert_eq!(times.percentiles.iter().filter(|percentile| percentile.us.is_some()).count(), shown, "{count}");
            assert_eq!(times.mean_us, (count > 0).then_some(5.0), "{count}");
            assert_eq!(times.distribution.is_empty(), shown == 0, "{count}");
        }
    }

    #[test]
    fn an_improvement_is_of_the_database_time() {
        let better = Improvement::of(&latencies(20, 1000), &hits(20, 250, 1000));
        assert_eq!(better.of_means, Some(Gain { percent: 75.0, factor: 4.0 }));
        assert!((better.of_pairs.unwrap().median.percent - 75.0).abs() < 0.1, "{better:?}");
        let worse = Improvement::of(&latencies(20, 100), &hits(20, 200, 100)).of_means.unwrap();
        assert_eq!((worse.percent, worse.factor), (-100.0, 0.5));
        let few = Improvement::of(&latencies(20, 1000), &hits(19, 250, 1000));
        assert_eq!((few.of_means, few.of_medians, few.of_pairs), (None, None, None));
    }

    #[test]
    fn every_tier_has_a_kind_of_its_own_or_is_a_hit() {
        let of_kind = |kind| Tier::ALL.into_iter().filter(|tier| kind_of(*tier) == kind).count();
        assert_eq!((of_kind(Kind::Miss), of_kind(Kind::Bypass), of_kind(Kind::Load)), (1, 1, 0));
    }
}
