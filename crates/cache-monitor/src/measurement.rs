//! What was measured of one cached type, pair by pair: a request through the cache, and a load of the same key past it.
//!
//! Invariants: "database" times are of true loads only; each pair adds to both sides, so the sides have equal counts.

use std::time::{Duration, Instant};

use billing_cache::Tier;

use crate::statistics::{Latencies, PairRatios};

/// A request and, right before or after it, a load of the same key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    /// What answered the request.
    pub(crate) tier: Tier,
    /// How long the request took.
    pub(crate) request: Duration,
    /// How long the load took.
    pub(crate) load: Duration,
    /// When the first of the two began.
    pub(crate) began: Instant,
}

/// What was measured of one type.
#[derive(Debug)]
pub(crate) struct Measurement {
    /// Loads past the cache.
    pub(crate) database: Latencies,
    /// Requests by what answered them, for each of [`Tier::ALL`].
    pub(crate) tiers: Vec<OfTier>,
    /// All hits beside the loads of their pairs, whatever the tier.
    pub(crate) hits: PairRatios,
    /// When the first pair began and the last one ended.
    span: Option<(Instant, Instant)>,
}

/// The requests that one tier answered.
#[derive(Debug)]
pub(crate) struct OfTier {
    /// Which tier.
    pub(crate) tier: Tier,
    /// How long they took.
    pub(crate) latencies: Latencies,
    /// How long they took beside the loads of their pairs.
    pub(crate) ratios: PairRatios,
}

impl Measurement {
    pub(crate) fn new() -> Self {
        let of_tier = |tier| OfTier { tier, latencies: Latencies::new(), ratios: PairRatios::new() };
        let tiers = Tier::ALL.into_iter().map(of_tier).collect();
        Self { database: Latencies::new(), tiers, hits: PairRatios::new(), span: None }
    }

    pub(crate) fn record(&mut self, pair: Pair) {
        let now = Instant::now();
        let began = self.span.map_or(pair.began, |(began, _)| began.min(pair.began));
        self.span = Some((began, now));
        self.database.record(pair.load);
        if pair.tier.is_hit() {
            self.hits.record(pair.request, pair.load);
        }
        let answered = self.tiers.iter_mut().find(|known| known.tier == pair.tier);
        let answered = answered.expect("Tier::ALL has every tier");
        answered.latencies.record(pair.request);
        answered.ratios.record(pair.request, pair.load);
    }

    /// Pairs so far.
    pub(crate) fn count(&self) -> u64 {
        self.database.count()
    }

    /// From the beginning of the first pair to the end of the last one.
    pub(crate) fn elapsed(&self) -> Duration {
        self.span.map_or(Duration::ZERO, |(began, ended)| ended - began)
    }
}
