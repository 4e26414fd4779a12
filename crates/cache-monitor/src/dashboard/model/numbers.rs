//! The counts and measurements of one period, for one cached type or for all.

use serde::Serialize;

/// The numbers of one period.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct NumbersReport {
    /// Answered reads: the sum of the next four fields.
    pub(crate) requests: u64,
    /// `None` for a period of length zero.
    pub(crate) requests_per_second: Option<f64>,
    pub(crate) hit_l1: u64,
    pub(crate) hit_l2: u64,
    pub(crate) misses: u64,
    /// Reads that bypassed Redis, because it could not be used.
    pub(crate) bypassed: u64,
    /// The share of hits among the requests, from 0 to 1; `None` without requests.
    pub(crate) hit_rate: Option<f64>,
    pub(crate) l1_rate: Option<f64>,
    pub(crate) l2_rate: Option<f64>,
    pub(crate) latency: Latencies,
    /// How much longer all readers together would have waited without the cache; `None` if no load was measured.
    pub(crate) saved_seconds: Option<f64>,
    pub(crate) miss_reasons: MissReasons,
    pub(crate) loads: u64,
    pub(crate) loads_failed: u64,
    pub(crate) overloaded: u64,
    pub(crate) fills_stored: u64,
    pub(crate) fills_refused: u64,
    pub(crate) refreshed_ahead: u64,
    pub(crate) coalesced: u64,
    pub(crate) contended: u64,
    pub(crate) redis_errors: u64,
    pub(crate) invalidations: u64,
    pub(crate) invalidations_pending: u64,
    /// From the commit of a write until Redis acknowledged the invalidation.
    pub(crate) invalidation_delay: Delays,
    /// The age of values when they were served.
    pub(crate) age_at_serve: Ages,
}

/// The reasons for misses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct MissReasons {
    pub(crate) cold: u64,
    pub(crate) expired: u64,
    pub(crate) invalidated: u64,
    pub(crate) evicted: u64,
    pub(crate) undecodable: u64,
    pub(crate) bypassed: u64,
}

/// The durations of reads, by the source of the answer, and of the database alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Latencies {
    pub(crate) l1: Latency,
    pub(crate) l2: Latency,
    pub(crate) miss: Latency,
    pub(crate) bypass: Latency,
    pub(crate) database: Latency,
}

/// A distribution of durations, in microseconds. Without measurements, everything except the count is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Latency {
    pub(crate) count: u64,
    pub(crate) p50_us: Option<f64>,
    pub(crate) p95_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    pub(crate) max_us: Option<f64>,
}

/// A distribution of durations, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Delays {
    pub(crate) count: u64,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p95_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    pub(crate) max_ms: Option<f64>,
}

/// A distribution of durations, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Ages {
    pub(crate) count: u64,
    pub(crate) p50_seconds: Option<f64>,
    pub(crate) p95_seconds: Option<f64>,
    pub(crate) p99_seconds: Option<f64>,
    pub(crate) max_seconds: Option<f64>,
}
