//! What the dashboard says over HTTP, as JSON: the shapes of `docs/cache-monitor-dashboard.schema.json`.
//!
//! Invariant: nothing is computed here. A number that is not known is `null`, never 0.

mod history;
mod numbers;
mod snapshot;

pub(crate) use history::{AuditCounts, BacklogPeak, History, Point, Range};
pub(crate) use numbers::{Ages, Delays, Latencies, Latency, MissReasons, NumbersReport};
pub(crate) use snapshot::{
    AuditReport, AuditState, AuditTally, AuditType, BreakerChangeReport, Endpoint, EndpointState, HotKeyReport,
    MemoryReport, OutboxReport, ProcessReport, Snapshot, SurveyReport, SurveyState, SurveyType, TtlBucket, TypeReport,
};

/// One more with every change that a reader could stumble over.
pub(crate) const SCHEMA_VERSION: u32 = 2;
