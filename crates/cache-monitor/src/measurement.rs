//! The measurements of one cached type, in pairs: a request through the cache, and a direct load of the same key.
//!
//! Invariants: "database" times are times of real loads only; each pair adds to both sides, so the sides have equal
//! counts.

use std::time::{Duration, Instant};

use billing_cache::Tier;

use crate::statistics::{Latencies, PairRatios};

/// A request and a load of the same key directly before or after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    /// The tier that answered the request.
    pub(crate) tier: Tier,
    /// The duration of the request.
    pub(crate) request: Duration,
    /// The duration of the load.
    pub(crate) load: Duration,
    /// When the first of the two started.
    pub(crate) began: Instant,
}

/// The measurements of one type.
#[derive(Debug)]
pub(crate) struct Measurement {
    /// Direct loads from the database.
    pub(crate) database: Latencies,
    /// Requests by the tier that answered them, for each of [`Tier::ALL`].
    pub(crate) tiers: Vec<OfTier>,
    /// The ratios of all hits to the loads of their pairs, in any tier.
    pub(crate) hits: PairRatios,
    /// When the first pair started and the last one ended.
    span: Option<(Instant, Instant)>,
}

/// The requests that one tier answered.
#[derive(Debug)]
pub(crate) struct OfTier {
    /// The tier.
    pub(crate) tier: Tier,
    /// The durations of the requests.
    pub(crate) latencies: Latencies,
    /// The ratios of the requests to the loads of their pairs.
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

    /// Number of pairs so far.
    pub(crate) fn count(&self) -> u64 {
        self.database.count()
    }

    /// From the start of the first pair to the end of the last one.
    pub(crate) fn elapsed(&self) -> Duration {
        self.span.map_or(Duration::ZERO, |(began, ended)| ended - began)
    }
}
