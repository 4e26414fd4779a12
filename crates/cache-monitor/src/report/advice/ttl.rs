//! The effect of another TTL, computed from the counters of production.
//!
//! If a key is read at random with rate λ and kept for T, `λT / (1 + λT)` of its reads hit (Jung, Berger, Balakrishnan,
//! Modeling TTL-based Internet Caches, INFOCOM 2003). So hits and misses at T give those at 2T and T/2. The counters do
//! not separate expiries from first reads and from invalidations, and keys are not read equally often. Both make the
//! true effect smaller (the second by Jensen's inequality), so the result is an upper bound, and is reported as one.
//! Refreshes ahead of an expiry are ignored.

use cli_support::render::to_f64;
use serde::Serialize;

use super::super::build::rounded;
use super::Used;
use crate::statistics::MIN_SAMPLES;

/// The TTLs to consider, as multiples of the present one.
const TTL_FACTORS: [f64; 2] = [2.0, 0.5];

/// The maximum effect of another TTL.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct TtlEffect {
    /// The other TTL.
    pub(crate) ttl_seconds: u64,
    /// The maximum number of additional loads in the same time; if negative, the maximum number of saved loads.
    pub(crate) loads_change: f64,
    /// The hit rate with that TTL.
    pub(crate) hit_rate: f64,
}

/// Empty if there are too few hits or misses.
pub(super) fn ttl_effects(used: Used, ttl_seconds: u64) -> Vec<TtlEffect> {
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
