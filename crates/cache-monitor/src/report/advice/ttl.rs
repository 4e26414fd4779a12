//! What another TTL would change, from what production counted.
//!
//! Where a key is asked for at random with rate λ and kept for T, `λT / (1 + λT)` of its reads hit (Jung, Berger,
//! Balakrishnan, Modeling TTL-based Internet Caches, INFOCOM 2003), so from hits and misses at T follow those at 2T and
//! T/2. The counters cannot tell expiries from first reads and from invalidations, and keys are asked for unevenly.
//! Each of these makes the true effect smaller (unevenness by Jensen's inequality), so what is said is a bound, and is
//! called one. Loads ahead of an expiry are left out.

use cli_support::render::to_f64;
use serde::Serialize;

use super::super::build::rounded;
use super::Used;
use crate::statistics::MIN_SAMPLES;

/// The TTLs that are thought about, as multiples of the present one.
const TTL_FACTORS: [f64; 2] = [2.0, 0.5];

/// What another TTL would change at most.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct TtlEffect {
    /// The other TTL.
    pub(crate) ttl_seconds: u64,
    /// So many more loads in the same time at most; negative: so many fewer at most.
    pub(crate) loads_change: f64,
    /// The hit rate then.
    pub(crate) hit_rate: f64,
}

/// Empty where nothing can be said.
pub(super) fn ttl_effects(used: Used, ttl_seconds: u64) -> Vec<TtlEffect> {
    let (hits, misses) = (to_f64(used.hits()), to_f64(used.misses));
    if used.hits() < MIN_SAMPLES || used.misses < MIN_SAMPLES {
        return Vec::new();
    }
    let effect = |factor: f64| {
        // λT, as hits and misses show it.
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
