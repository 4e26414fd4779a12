//! The JSON that the dashboard sends over HTTP, as described in `docs/cache-monitor-dashboard.schema.json`.
//!
//! Invariant: nothing is computed here. An unknown number is `null`, never 0.

mod history;
mod numbers;
mod snapshot;

pub(crate) use history::{AuditCounts, BacklogPeak, History, Point, Range};
pub(crate) use numbers::{Ages, Delays, Latencies, Latency, MissReasons, NumbersReport};
pub(crate) use snapshot::{
    AuditReport, AuditState, AuditTally, AuditType, BreakerChangeReport, Endpoint, EndpointState, HotKeyReport,
    OutboxReport, ProcessReport, Snapshot, SurveyReport, SurveyState, SurveyType, TtlBucket, TypeReport,
};

/// Increased with every incompatible change.
pub(crate) const SCHEMA_VERSION: u32 = 2;
