//! The advice per type: whether caching is worth it, and what another TTL would change.
//!
//! A read through the cache costs `h × hit + (1 − h) × miss`, a direct read costs `load`. So caching saves time from
//! the hit rate `(miss − load) / (miss − hit)` on. The costs are medians of this run; `h` is the hit rate that
//! production counted.

use std::time::Duration;

use billing_cache::{Event, Numbers};
use cli_support::render::{self, to_f64};

use super::model::{Advice, Costs, Kind, Measured, Production, Times, TtlEffect, Verdict, rounded};
use crate::statistics::MIN_SAMPLES;
use crate::usage::HOURS;

/// A difference of less than this share of a load does not count.
const NOTABLE: f64 = 0.1;
/// The TTLs to consider, as multiples of the present one.
const TTL_FACTORS: [f64; 2] = [2.0, 0.5];
/// Round trips of a miss to Redis: one takes the lease, one fills.
const TRIPS_OF_A_MISS: f64 = 2.0;

/// The counters of production for one type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Used {
    pub(super) hits_l1: u64,
    pub(super) hits_l2: u64,
    pub(super) misses: u64,
    pub(super) bypassed: u64,
    pub(super) invalidated: u64,
}

impl Used {
    /// The counters of production for a type; `None` if there are too few reads.
    pub(crate) fn of(usage: &Numbers, cache_type: &str) -> Option<Self> {
        let count = |event| usage.count(cache_type, event);
        let used = Self {
            hits_l1: count(Event::HitL1),
            hits_l2: count(Event::HitL2),
            misses: count(Event::Miss),
            bypassed: count(Event::Bypass),
            invalidated: count(Event::Invalidated),
        };
        (used.reads() >= MIN_SAMPLES).then_some(used)
    }

    fn hits(self) -> u64 {
        self.hits_l1 + self.hits_l2
    }

    fn reads(self) -> u64 {
        self.hits() + self.misses + self.bypassed
    }

    fn hit_rate(self) -> f64 {
        to_f64(self.hits()) / to_f64(self.reads())
    }
}

impl Costs {
    /// `None` if there were too few loads or hits: a single pause of the machine would determine the result.
    pub(crate) fn of(measured: &Measured, used: Option<&Used>) -> Option<Self> {
        let hits: u64 = measured.times.iter().filter(|times| times.kind == Kind::Hit).map(|times| times.count).sum();
        let loads = measured.times.iter().find(|times| times.kind == Kind::Load)?;
        if loads.count < MIN_SAMPLES || hits < MIN_SAMPLES {
            return None;
        }
        let load_us = loads.typical_us()?;
        let hit_us = measured.hit_us(used)?;
        let misses = measured.times.iter().find(|times| times.kind == Kind::Miss && times.count >= MIN_SAMPLES);
        let measured_miss = misses.and_then(Times::typical_us);
        let l2_us = measured.times.iter().find(|times| times.source == "l2").and_then(Times::typical_us);
        let estimate = load_us + TRIPS_OF_A_MISS * l2_us.unwrap_or(hit_us);
        let miss_us = rounded(measured_miss.unwrap_or(estimate));
        Some(Self { load_us, hit_us: rounded(hit_us), miss_us, miss_estimated: measured_miss.is_none() })
    }

    fn break_even(self) -> Option<f64> {
        let Self { load_us, hit_us, miss_us, .. } = self;
        (hit_us < load_us).then(|| rounded(((miss_us - load_us) / (miss_us - hit_us)).clamp(0.0, 1.0)))
    }

    fn read_us(self, hit_rate: f64) -> f64 {
        hit_rate * self.hit_us + (1.0 - hit_rate) * self.miss_us
    }
}

impl Measured {
    /// The average duration of a hit. Each tier is weighted by its hits in production, or in this run if those are
    /// unknown.
    fn hit_us(&self, used: Option<&Used>) -> Option<f64> {
        let hits = || self.times.iter().filter(|times| times.kind == Kind::Hit);
        let in_production =
            |source: &str| used.map_or(0, |used| if source == "l1" { used.hits_l1 } else { used.hits_l2 });
        let known = hits().any(|times| times.count > 0 && in_production(times.source) > 0);
        let weighted = hits().filter_map(|times| {
            let weight = if known { in_production(times.source) } else { times.count };
            Some((to_f64(weight), times.typical_us()?))
        });
        let (weights, sum) =
            weighted.fold((0.0, 0.0), |(weights, sum), (weight, us)| (weights + weight, sum + weight * us));
        (weights > 0.0).then(|| sum / weights)
    }
}

impl Times {
    /// The median, or the mean if there are too few samples. A single pause of the machine changes a mean, and thereby
    /// the advice.
    fn typical_us(&self) -> Option<f64> {
        let median = self.percentiles.iter().find(|percentile| percentile.name == "p50");
        median.and_then(|median| median.us).or(self.mean_us)
    }
}

impl Production {
    fn of(used: Used, costs: Costs) -> Self {
        let hit_rate = used.hit_rate();
        Self {
            hours: HOURS,
            reads: used.reads(),
            hits: used.hits(),
            misses: used.misses,
            invalidated: used.invalidated,
            hit_rate: rounded(hit_rate),
            read_us: rounded(costs.read_us(hit_rate)),
            database_seconds_saved: rounded(to_f64(used.hits()) * costs.load_us / 1e6),
        }
    }
}

impl Advice {
    /// The advice; `ttl_seconds` is the TTL in production.
    pub(crate) fn of(costs: Costs, used: Option<Used>, ttl_seconds: u64) -> Self {
        let production = used.map(|used| Production::of(used, costs));
        let mut advice = Self {
            verdict: verdict(costs, production),
            costs,
            break_even_hit_rate: costs.break_even(),
            production,
            ttl_seconds,
            ttl_effects: used.map(|used| ttl_effects(used, ttl_seconds)).unwrap_or_default(),
            sentences: Vec::new(),
        };
        advice.sentences = vec![advice.sentence()];
        advice
    }
}

fn verdict(costs: Costs, production: Option<Production>) -> Verdict {
    let saved = production.map(|production| 1.0 - production.read_us / costs.load_us);
    match saved {
        Some(saved) if saved >= NOTABLE => Verdict::WorthIt,
        Some(saved) if saved <= -NOTABLE => Verdict::NotWorthIt,
        Some(_) => Verdict::LittleDifference,
        None if costs.hit_us >= costs.load_us => Verdict::NotWorthIt,
        None => Verdict::Unknown,
    }
}

/// The effect of another TTL, computed from the counters of production; empty if there are too few hits or misses.
///
/// If a key is read at random with rate λ and kept for T, `λT / (1 + λT)` of its reads hit (Jung, Berger, Balakrishnan,
/// Modeling TTL-based Internet Caches, INFOCOM 2003). So hits and misses at T give those at 2T and T/2. The counters do
/// not separate expiries from first reads and from invalidations, and keys are not read equally often. Both make the
/// true effect smaller (the second by Jensen's inequality), so the result is an upper bound, and is reported as one.
/// Refreshes ahead of an expiry are ignored.
fn ttl_effects(used: Used, ttl_seconds: u64) -> Vec<TtlEffect> {
    let (hits, misses) = (to_f64(used.hits()), to_f64(used.misses));
    if used.hits() < MIN_SAMPLES || used.misses < MIN_SAMPLES {
        return Vec::new();
    }
    let effect = |factor: f64| {
        // λT, which follows from hits and misses.
        let asked_per_ttl = hits / misses;
        let loads_change = (hits + misses) / (1.0 + factor * asked_per_ttl) - misses;
        let hit_rate = rounded((hits - loads_change) / to_f64(used.reads()));
        TtlEffect { ttl_seconds: times(ttl_seconds, factor), loads_change: loads_change.round(), hit_rate }
    };
    TTL_FACTORS.map(effect).into()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a TTL is small and positive")]
fn times(seconds: u64, factor: f64) -> u64 {
    ((to_f64(seconds) * factor).round() as u64).max(1)
}

impl Advice {
    /// The tables have the numbers that it is drawn from.
    fn sentence(&self) -> String {
        let Costs { load_us, hit_us, .. } = self.costs;
        let [load, hit] = [load_us, hit_us].map(micros);
        let read = self.production.map(|production| micros(production.read_us)).unwrap_or_default();
        match (self.verdict, self.production) {
            (Verdict::WorthIt, _) => format!("worth caching: a read takes {read} on average, a load {load}"),
            (Verdict::LittleDifference, _) => {
                format!("spares the database, not the readers: a read takes {read} on average, a load {load}")
            }
            (Verdict::NotWorthIt, Some(_)) => {
                format!("slower than without the cache: a read takes {read} on average, a load {load}")
            }
            (Verdict::NotWorthIt, None) => format!("slower than without the cache: a hit takes {hit}, a load {load}"),
            (Verdict::Unknown, _) => format!(
                "unknown whether it is worth caching: fewer than {MIN_SAMPLES} reads of the last {HOURS} h are known"
            ),
        }
    }
}

fn micros(us: f64) -> String {
    render::duration(Duration::from_secs_f64(us / 1e6))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    const COSTS: Costs = Costs { load_us: 1000.0, hit_us: 100.0, miss_us: 1200.0, miss_estimated: false };

    fn used(hits: u64, misses: u64, invalidated: u64) -> Used {
        Used { hits_l1: 0, hits_l2: hits, misses, bypassed: 0, invalidated }
    }

    #[test]
    fn it_pays_from_the_break_even_hit_rate_on() {
        let rate = COSTS.break_even().unwrap();
        assert!((rate - 200.0 / 1100.0).abs() < 0.001, "{rate}");
        assert!((COSTS.read_us(200.0 / 1100.0) - COSTS.load_us).abs() < 1e-6);
        assert_eq!(Costs { hit_us: 1000.0, ..COSTS }.break_even(), None);
    }

    #[test]
    fn the_verdict_follows_the_hit_rate_of_production() {
        let verdict = |used| Advice::of(COSTS, used, 300).verdict;
        assert_eq!(verdict(Some(used(90, 10, 0))), Verdict::WorthIt);
        assert_eq!(verdict(Some(used(18, 82, 0))), Verdict::LittleDifference);
        assert_eq!(verdict(Some(used(0, 100, 0))), Verdict::NotWorthIt);
        assert_eq!(verdict(None), Verdict::Unknown);
    }

    #[test]
    fn a_longer_ttl_saves_loads_and_a_shorter_one_costs_some() {
        // As many expiries as hits: λT = 1, so at 2T a third of the reads load, at T/2 two thirds.
        let effects = ttl_effects(used(600, 600, 0), 300);
        assert_eq!(effects.iter().map(|effect| effect.ttl_seconds).collect::<Vec<_>>(), [600, 150]);
        assert_eq!(effects.iter().map(|effect| effect.loads_change).collect::<Vec<_>>(), [-200.0, 200.0]);
        assert_eq!(effects.iter().map(|effect| effect.hit_rate).collect::<Vec<_>>(), [0.667, 0.333]);
    }

    #[test]
    fn nothing_is_said_of_a_handful_of_reads() {
        let mut measured = sample::report().types.pop().unwrap().measured.unwrap();
        assert!(Costs::of(&measured, None).is_some());
        measured.times.iter_mut().filter(|times| times.kind == Kind::Hit).for_each(|times| times.count = 2);
        assert_eq!(Costs::of(&measured, None), None, "four hits say nothing of what a hit costs");
        let advice = Advice::of(COSTS, Some(used(30, 1, 40)), 300);
        assert!(advice.ttl_effects.is_empty(), "{:?}", advice.ttl_effects);
    }

    #[test]
    fn without_usage_nothing_is_said_of_production() {
        let advice = Advice::of(COSTS, None, 300);
        assert_eq!((advice.production, advice.ttl_effects.len()), (None, 0));
        assert!(advice.sentences[0].starts_with("unknown"), "{:?}", advice.sentences);
    }
}
