//! The conditions of a measurement.

use billing_cache::Numbers;
use cli_support::Ending;

use super::model::WorkloadReport;

/// The conditions of a measurement.
#[derive(Debug)]
pub(crate) struct Conditions {
    /// Whether the database is a file on this machine, so that a load needs no network.
    pub(crate) is_embedded: bool,
    /// When the measurement ended: UTC, ISO 8601.
    pub(crate) measured_at: String,
    /// The database.
    pub(crate) database: String,
    /// The Redis server.
    pub(crate) redis: String,
    /// The workload.
    pub(crate) workload: WorkloadReport,
    /// Number of tasks that sent requests at the same time.
    pub(crate) concurrency: u64,
    /// Number of requests of each type that were not counted.
    pub(crate) warmup: u64,
    /// Whether it was completed.
    pub(crate) ended: Ending,
    /// The counters of production, or the reason why they are unknown.
    pub(crate) usage: Result<Numbers, String>,
    /// Further notes.
    pub(crate) notes: Vec<String>,
}
