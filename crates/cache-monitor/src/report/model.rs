//! The report as data. `docs/cache-monitor.schema.json` describes its JSON.
//!
//! Invariant: every number shown anywhere is a field here; the renderings compute none.

use serde::Serialize;

use crate::statistics::Support;

/// Increased whenever a reader of older reports would misread newer ones.
pub(crate) const SCHEMA_VERSION: u64 = 2;

/// The whole report.
#[derive(Debug, Serialize)]
pub(crate) struct MonitorReport {
    /// [`SCHEMA_VERSION`].
    pub(crate) schema_version: u64,
    /// When the measurement ended: UTC, ISO 8601.
    pub(crate) measured_at: String,
    /// The database, without user and password.
    pub(crate) database: String,
    /// The Redis server, without user and password.
    pub(crate) redis: String,
    /// The workload.
    pub(crate) workload: WorkloadReport,
    /// Number of tasks that sent requests at the same time.
    pub(crate) concurrency: u64,
    /// Number of requests of each type that were made first and not counted.
    pub(crate) warmup: u64,
    /// True for a debug build, which is slower than the build that runs in production.
    pub(crate) debug_build: bool,
    /// True after an interruption: the numbers are right, but there are fewer than requested.
    pub(crate) interrupted: bool,
    /// All types together.
    pub(crate) total: Requests,
    /// The measured types, in the order of the registry.
    pub(crate) types: Vec<TypeReport>,
    /// The result of `--fail-under`; `None` without that flag.
    pub(crate) gate: Option<Gate>,
    /// Notes that are needed to read the numbers correctly.
    pub(crate) notes: Vec<String>,
}

/// The workload.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(crate) enum WorkloadReport {
    /// Keys drawn at random from a Zipf distribution.
    Zipf {
        /// Requests of each type.
        iterations: u64,
        /// Maximum number of keys of each type to draw from.
        keys_limit: u64,
        /// Exponent of the distribution of the keys.
        zipf_exponent: f64,
        /// Gives the same key sequence again.
        seed: u64,
    },
    /// A recorded access log.
    Trace {
        /// The path of the log; `-` is standard input.
        file: String,
        /// Number of lines that are not empty.
        lines: u64,
        /// Number of keys of the measured types.
        replayed: u64,
        /// Number of keys of other cached types.
        other_types: u64,
        /// Number of lines that are no keys of this cache.
        foreign: u64,
    },
}

/// One cached type.
#[derive(Debug, Serialize)]
pub(crate) struct TypeReport {
    /// Its name.
    pub(crate) name: String,
    /// The pattern of its keys.
    pub(crate) pattern: String,
    /// Number of existing keys to draw from; 0 if the database has no rows; `None` if a log was replayed.
    pub(crate) keys: Option<u64>,
    /// Maximum time that a value was cached during the measurement.
    pub(crate) ttl_seconds: u64,
    /// The measurements; `None` if there was no request.
    pub(crate) measured: Option<Measured>,
    /// The advice; `None` if nothing was measured.
    pub(crate) advice: Option<Advice>,
}

/// The measurements of one type.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    /// From the start of the first request to the end of the last one.
    pub(crate) elapsed_seconds: f64,
    /// The number of requests by answer.
    pub(crate) requests: Requests,
    /// The times by source: the database first, then the tiers.
    pub(crate) times: Vec<Times>,
    /// The gain of all hits over the database, in any tier; `None` with too few samples.
    pub(crate) improvement: Option<PairedGain>,
    /// The gain of each tier of hits over the database.
    pub(crate) improvements: Vec<Improvement>,
}

/// The number of requests through the cache by answer. `requests = hits + misses + bypassed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Requests {
    /// All requests.
    pub(crate) requests: u64,
    /// Found in the cache, in any tier.
    pub(crate) hits: u64,
    /// Loaded by the cache.
    pub(crate) misses: u64,
    /// Loaded without the cache, because Redis could not be used.
    pub(crate) bypassed: u64,
    /// Share of hits from 0 to 1; `None` without requests.
    pub(crate) hit_rate: Option<f64>,
    /// Share of misses from 0 to 1; `None` without requests.
    pub(crate) miss_rate: Option<f64>,
}

/// The kind of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A direct load from the database.
    Load,
    /// A request that found its value in the cache.
    Hit,
    /// A request that loaded and filled.
    Miss,
    /// A request that bypassed Redis.
    Bypass,
}

/// The times of one source, in microseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Times {
    /// `database`, or the name of a tier.
    pub(crate) source: &'static str,
    /// The kind of the source.
    pub(crate) kind: Kind,
    /// Number of operations.
    pub(crate) count: u64,
    /// `None` if there were none.
    pub(crate) mean_us: Option<f64>,
    /// The percentiles, each with the support by the samples.
    pub(crate) percentiles: Vec<PercentileTime>,
    /// The distribution of the times; empty with too few samples.
    pub(crate) distribution: Vec<Share>,
}

/// One percentile of the times.
#[derive(Debug, Serialize)]
pub(crate) struct PercentileTime {
    /// A name such as `p99`.
    pub(crate) name: &'static str,
    /// `None` with too few samples.
    pub(crate) us: Option<f64>,
    /// How well the samples support it.
    pub(crate) support: Support,
}

/// A point of a distribution.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Share {
    /// The share of the operations, from 0 to 1, …
    pub(crate) share: f64,
    /// … that took at most this long.
    pub(crate) us: f64,
}

/// The gain of the hits of a tier over loads from the database.
#[derive(Debug, Serialize)]
pub(crate) struct Improvement {
    /// The tier.
    pub(crate) tier: &'static str,
    /// The gain of the means; `None` with too few samples.
    pub(crate) of_means: Option<Gain>,
    /// The gain of the medians; `None` with too few samples.
    pub(crate) of_medians: Option<Gain>,
    /// The median gain of pairs of a hit and a load of the same key at the same time; `None` with too few samples.
    pub(crate) of_pairs: Option<PairedGain>,
}

/// One time compared with another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Gain {
    /// How much shorter it is, in percent of the database's time; negative if it is longer.
    pub(crate) percent: f64,
    /// How many times as fast it is.
    pub(crate) factor: f64,
}

/// The median gain of pairs, and the interval that contains the true one with probability `confidence`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct PairedGain {
    /// Number of pairs.
    pub(crate) pairs: u64,
    /// The share of such intervals that contain the true median.
    pub(crate) confidence: f64,
    /// The median.
    pub(crate) median: Gain,
    /// The lower end of the interval.
    pub(crate) low: Gain,
    /// The upper end of the interval.
    pub(crate) high: Gain,
}

/// The requirement, and the result.
#[derive(Debug, Serialize)]
pub(crate) struct Gate {
    /// The percentage of the command line.
    pub(crate) fail_under_percent: f64,
    /// The report to compare with; `None` if the percentage applies to the measurement itself.
    pub(crate) baseline: Option<BaselineReport>,
    /// The result for all types together.
    pub(crate) outcome: Outcome,
    /// The types with a figure to judge.
    pub(crate) verdicts: Vec<Judgement>,
    /// The types without a figure.
    pub(crate) not_judged: Vec<NotJudged>,
}

/// The result of the gate, or of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// It is certainly enough.
    Passed,
    /// It is certainly not enough.
    Failed,
    /// It is uncertain.
    Unknown,
}

/// A type without a figure to judge.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct NotJudged {
    /// The name of the type.
    pub(crate) name: String,
    /// Why there is no figure.
    pub(crate) why: &'static str,
}

/// The earlier report.
#[derive(Debug, Serialize)]
pub(crate) struct BaselineReport {
    /// The path of its file.
    pub(crate) file: String,
    /// When it was measured.
    pub(crate) measured_at: String,
}

/// The result for one type.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Judgement {
    /// The name of the type.
    pub(crate) name: String,
    /// What the figure measures.
    pub(crate) figure: Figure,
    /// The lowest value that passes.
    pub(crate) required: f64,
    /// The median.
    pub(crate) measured: f64,
    /// The lower end of the 95 % confidence interval.
    pub(crate) measured_low: f64,
    /// The upper end.
    pub(crate) measured_high: f64,
    /// Whether it is enough.
    pub(crate) outcome: Outcome,
}

/// What the figure measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Figure {
    /// How many times as fast as a load a hit is.
    SpeedUp,
    /// How much shorter than a load a hit is, in percent.
    SavedPercent,
}

/// The advice for one type. Times are medians in microseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Advice {
    /// Whether caching is worth it.
    pub(crate) verdict: Verdict,
    /// The costs of reads.
    #[serde(flatten)]
    pub(crate) costs: Costs,
    /// From this hit rate on, 0 to 1, caching saves time; `None` if it never does, because a hit takes as long as a
    /// load.
    pub(crate) break_even_hit_rate: Option<f64>,
    /// The counters of production, and their consequences; `None` without them.
    pub(crate) production: Option<Production>,
    /// The TTL in production.
    pub(crate) ttl_seconds: u64,
    /// The maximum effect of other TTLs; empty if it is unknown.
    pub(crate) ttl_effects: Vec<TtlEffect>,
    /// The advice in words.
    pub(crate) sentences: Vec<String>,
}

/// Whether caching is worth it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Reads are notably faster than loads.
    WorthIt,
    /// Reads and loads take about the same time.
    LittleDifference,
    /// Reads are notably slower than loads.
    NotWorthIt,
    /// It depends on the hit rate, which is unknown.
    Unknown,
}

/// The costs of reads, as medians in microseconds; as means if there are too few samples for a median.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Costs {
    /// A direct load from the database.
    pub(crate) load_us: f64,
    /// A hit, weighted by the tiers of hits in production, or of this run if those are unknown.
    pub(crate) hit_us: f64,
    /// A request that loads and fills.
    pub(crate) miss_us: f64,
    /// True if too few misses were measured. The cost of a miss is then estimated as a load and two L2 hits.
    pub(crate) miss_estimated: bool,
}

/// The counters of production, and their consequences.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Production {
    /// The counters cover this many hours.
    pub(crate) hours: u64,
    /// All reads.
    pub(crate) reads: u64,
    /// Each hit saved the database a load.
    pub(crate) hits: u64,
    /// Reads that loaded from the database.
    pub(crate) misses: u64,
    /// Keys invalidated by writes.
    pub(crate) invalidated: u64,
    /// Share of hits from 0 to 1.
    pub(crate) hit_rate: f64,
    /// The average duration of a read, if hits and misses take as long as in this run.
    pub(crate) read_us: f64,
    /// The database time that hits saved.
    pub(crate) database_seconds_saved: f64,
}

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

/// Rounds to three decimal places, which is a nanosecond if the unit is a microsecond.
pub(super) fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}
