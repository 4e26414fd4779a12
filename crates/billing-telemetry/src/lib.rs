//! The metrics of the cache's processes for monitoring, in the text format of Prometheus (OpenMetrics 1.0).
//!
//! Invariants: nothing is counted here. [`process_metrics`] and [`installation_metrics`] turn what the cache and the
//! dashboard already know into [`Family`]s, and [`Exposition`] writes these as text. Labels are bounded: a type of the
//! registry, or a word of a list in this crate; never a key. `docs/metrics.md` lists all metrics.
//!
//! Used by the dashboard and by services.

mod buckets;
mod counted;
mod exposition;
mod family;
mod installation;
mod process;
#[cfg(feature = "otel")]
pub mod traces;

pub use exposition::{CONTENT_TYPE, Exposition};
pub use family::{Family, Kind, Sample, Unit, Value};
pub use installation::{AuditState, Installation, Processes, RedisMemory, Surveyed, TypeKeys, installation_metrics};
pub use process::{Outbox, process_metrics};
