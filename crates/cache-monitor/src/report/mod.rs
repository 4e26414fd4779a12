//! What the monitor found, as data. Its JSON is described in `docs/cache-monitor.schema.json`.
//!
//! Invariant: every number that is shown anywhere is a field here; the renderings add none.

mod advice;
mod build;
mod charts;
mod gate;
mod html;
mod markdown;
mod notes;
mod tables;
mod text;

#[cfg(test)]
mod sample;

use serde::Serialize;

pub(crate) use advice::Advice;
pub(crate) use build::{Conditions, Ended, TypeOutcome, build};
pub(crate) use gate::{Gate, Outcome, judge};

/// Raised whenever a reader of older reports would misread newer ones.
pub(crate) const SCHEMA_VERSION: u64 = 2;

/// The whole report.
#[derive(Debug, Serialize)]
pub(crate) struct MonitorReport {
    /// [`SCHEMA_VERSION`].
    pub(crate) schema_version: u64,
    /// When the measurement ended: UTC, ISO 8601.
    pub(crate) measured_at: String,
    /// Which database, without user and password.
    pub(crate) database: String,
    /// Which Redis, without user and password.
    pub(crate) redis: String,
    /// What was asked for.
    pub(crate) workload: WorkloadReport,
    /// Tasks that asked at the same time.
    pub(crate) concurrency: u64,
    /// Requests of each type that were made first and not counted.
    pub(crate) warmup: u64,
    /// Measured with a build that is slower than what runs in production.
    pub(crate) debug_build: bool,
    /// Somebody ended it before its time: the numbers are right, and fewer than asked for.
    pub(crate) interrupted: bool,
    /// All types together.
    pub(crate) total: Requests,
    /// Each type that was to be measured, in the order of the registry.
    pub(crate) types: Vec<TypeReport>,
    /// What `--fail-under` says of it; `None` without that flag.
    pub(crate) gate: Option<Gate>,
    /// Sentences on what a reader of the numbers must know.
    pub(crate) notes: Vec<String>,
}

/// What was asked for.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(crate) enum WorkloadReport {
    /// Keys drawn at random.
    Zipf {
        /// Requests of each type.
        iterations: u64,
        /// Keys of each type to draw from, at most.
        keys_limit: u64,
        /// Exponent of the distribution of the keys.
        zipf_exponent: f64,
        /// Gives the same sequence of keys again.
        seed: u64,
    },
    /// A recorded access log.
    Trace {
        /// Which one; `-` is standard input.
        file: String,
        /// Lines that are not empty.
        lines: u64,
        /// Keys of the types that are measured.
        replayed: u64,
        /// Keys of other types of ours.
        other_types: u64,
        /// Lines that are no keys of ours.
        foreign: u64,
    },
}

/// One cached type.
#[derive(Debug, Serialize)]
pub(crate) struct TypeReport {
    /// Its name.
    pub(crate) name: String,
    /// Its key scheme.
    pub(crate) pattern: String,
    /// How many existing keys were drawn from; 0: there are no rows in the database; `None` when a log was replayed.
    pub(crate) keys: Option<u64>,
    /// How long a value was cached during the measurement, at most.
    pub(crate) ttl_seconds: u64,
    /// What was measured; `None` if there was no request.
    pub(crate) measured: Option<Measured>,
    /// What follows from it; `None` if nothing was measured.
    pub(crate) advice: Option<Advice>,
}

/// What was measured of one type.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    /// From its first request to the end of its last one.
    pub(crate) elapsed_seconds: f64,
    /// How the requests were answered.
    pub(crate) requests: Requests,
    /// The times of each source: the database first, then the tiers.
    pub(crate) times: Vec<Times>,
    /// What all hits together gain over the database, in whatever tier; `None` with too few samples.
    pub(crate) improvement: Option<PairedGain>,
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
    /// The percentiles, each with what the samples can say of it.
    pub(crate) percentiles: Vec<PercentileTime>,
    /// How the times are distributed; empty with too few samples.
    pub(crate) distribution: Vec<Share>,
}

/// A percentile of some times.
#[derive(Debug, Serialize)]
pub(crate) struct PercentileTime {
    /// Such as `p99`.
    pub(crate) name: &'static str,
    /// `None` with too few samples.
    pub(crate) us: Option<f64>,
    /// What the samples can say of it.
    pub(crate) support: SupportReport,
}

/// What the samples can say of a percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SupportReport {
    /// Enough of them lie above it.
    Good,
    /// Fewer than ten do.
    Uncertain,
    /// Not even one does.
    TooFew,
}

/// A point of a distribution.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Share {
    /// This share of the operations, from 0 to 1,
    pub(crate) share: f64,
    /// took so long at most.
    pub(crate) us: f64,
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
    /// The median of the pairs of a hit and a load of the same key at the same moment; `None` with too few samples.
    pub(crate) of_pairs: Option<PairedGain>,
}

/// One time against another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Gain {
    /// How much shorter, in percent of the database's time; negative if it is longer.
    pub(crate) percent: f64,
    /// How many times as fast.
    pub(crate) factor: f64,
}

/// The median gain of pairs, and the interval that holds the true one with `confidence`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct PairedGain {
    /// How many pairs.
    pub(crate) pairs: u64,
    /// How often such an interval holds the true median.
    pub(crate) confidence: f64,
    /// The median.
    pub(crate) median: Gain,
    /// The lower end.
    pub(crate) low: Gain,
    /// The upper end.
    pub(crate) high: Gain,
}
