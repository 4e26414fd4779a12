//! What the monitor found, as data. Its JSON is described in `docs/cache-monitor.schema.json`.
//!
//! Invariant: every number that is shown anywhere is a field here; the text rendering adds none.

mod build;
mod text;

use serde::Serialize;

pub(crate) use build::{Conditions, TypeOutcome, build};

/// The whole report.
#[derive(Debug, Serialize)]
pub(crate) struct MonitorReport {
    /// When the measurement ended: UTC, ISO 8601.
    pub(crate) measured_at: String,
    /// Which database, without user and password.
    pub(crate) database: String,
    /// Which Redis, without user and password.
    pub(crate) redis: String,
    /// Requests of each type.
    pub(crate) iterations: u64,
    /// Keys of each type to draw from, at most.
    pub(crate) keys_limit: u64,
    /// Exponent of the distribution of the keys.
    pub(crate) zipf_exponent: f64,
    /// Gives the same sequence of keys again.
    pub(crate) seed: u64,
    /// All types together.
    pub(crate) total: Requests,
    /// Each registered type, in the order of the registry.
    pub(crate) types: Vec<TypeReport>,
    /// Sentences on what a reader of the numbers must know.
    pub(crate) notes: Vec<String>,
}

/// One cached type.
#[derive(Debug, Serialize)]
pub(crate) struct TypeReport {
    /// Its name.
    pub(crate) name: String,
    /// Its key scheme.
    pub(crate) pattern: String,
    /// How many existing keys were drawn from; 0 means that there are no rows in the database.
    pub(crate) keys: u64,
    /// How long a value was cached during the measurement, at most.
    pub(crate) ttl_seconds: u64,
    /// What was measured; `None` without keys.
    pub(crate) measured: Option<Measured>,
}

/// What was measured of one type.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    /// How long the measurement of the type took.
    pub(crate) elapsed_seconds: f64,
    /// How the requests were answered.
    pub(crate) requests: Requests,
    /// The times of each source: the database first, then the tiers.
    pub(crate) times: Vec<Times>,
    /// What each tier that answers from the cache gains over the database.
    pub(crate) improvements: Vec<Improvement>,
}

/// How requests through the cache were answered. `requests = hits + misses + bypassed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Requests {
    /// All of them.
    pub(crate) requests: u64,
    /// Found in the cache, in whatever tier.
    pub(crate) hits: u64,
    /// Loaded by the cache.
    pub(crate) misses: u64,
    /// Loaded past the cache, because Redis could not be used.
    pub(crate) bypassed: u64,
    /// Share of hits from 0 to 1; `None` without requests.
    pub(crate) hit_rate: Option<f64>,
    /// Share of misses from 0 to 1; `None` without requests.
    pub(crate) miss_rate: Option<f64>,
}

/// What a source is to the one who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A load past the cache.
    Load,
    /// A request that found its value in the cache.
    Hit,
    /// A request that loaded and filled.
    Miss,
    /// A request that went past Redis.
    Bypass,
}

/// The times of one source, in microseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Times {
    /// `database`, or the name of a tier.
    pub(crate) source: &'static str,
    /// What it is.
    pub(crate) kind: Kind,
    /// How many there were.
    pub(crate) count: u64,
    /// `None` of nothing.
    pub(crate) mean_us: Option<f64>,
    /// `None` with too few samples.
    pub(crate) p50_us: Option<f64>,
    /// `None` with too few samples.
    pub(crate) p95_us: Option<f64>,
    /// `None` with too few samples.
    pub(crate) p99_us: Option<f64>,
    /// There are none, or not enough for percentiles.
    pub(crate) too_few_samples: bool,
    /// The p99 is of so few samples that it is little else than the slowest one.
    pub(crate) p99_uncertain: bool,
}

/// What the hits of a tier gain over loads from the database.
#[derive(Debug, Serialize)]
pub(crate) struct Improvement {
    /// The tier.
    pub(crate) tier: &'static str,
    /// Of the means; `None` with too few samples.
    pub(crate) of_means: Option<Gain>,
    /// Of the medians; `None` with too few samples.
    pub(crate) of_medians: Option<Gain>,
}

/// One time against another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Gain {
    /// How much shorter, in percent of the database's time; negative if it is longer.
    pub(crate) percent: f64,
    /// How many times as fast.
    pub(crate) factor: f64,
}
