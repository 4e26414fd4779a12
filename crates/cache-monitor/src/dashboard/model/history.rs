//! The numbers over time: the answer of `/api/history`.

use std::collections::BTreeMap;
use std::time::Duration;

use billing_cache::Resolution;
use serde::{Deserialize, Serialize};

use super::NumbersReport;
use super::snapshot::EndpointState;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// The time range, and its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Range {
    #[serde(rename = "15m")]
    QuarterHour,
    #[serde(rename = "1h")]
    Hour,
    #[serde(rename = "24h")]
    Day,
    #[serde(rename = "30d")]
    Month,
}

impl Range {
    pub(crate) const ALL: [Self; 4] = [Self::QuarterHour, Self::Hour, Self::Day, Self::Month];

    /// The length of a step.
    pub(crate) fn step(self) -> Duration {
        Duration::from_secs(match self {
            Self::QuarterHour | Self::Hour => MINUTE,
            Self::Day => 15 * MINUTE,
            Self::Month => 6 * HOUR,
        })
    }

    /// The number of steps, including the current one.
    pub(crate) fn steps(self) -> u64 {
        match self {
            Self::QuarterHour => 15,
            Self::Hour => 60,
            Self::Day => 96,
            Self::Month => 120,
        }
    }

    /// The buckets that the steps are summed from.
    pub(crate) fn resolution(self) -> Resolution {
        match self {
            Self::QuarterHour | Self::Hour | Self::Day => Resolution::Minute,
            Self::Month => Resolution::Hour,
        }
    }
}

/// The answer: a point for each step that could be read, the oldest first, including steps without events.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct History {
    pub(crate) schema_version: u32,
    pub(crate) range: Range,
    pub(crate) step_seconds: u64,
    /// If Redis is unreachable, the points are those read before.
    pub(crate) redis: EndpointState,
    /// When the newest numbers were read, in seconds since 1970; `None` if never.
    pub(crate) read_at: Option<f64>,
    pub(crate) points: Vec<Point>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Point {
    /// The start of the step, in seconds since 1970.
    pub(crate) at: u64,
    pub(crate) total: NumbersReport,
    pub(crate) types: BTreeMap<&'static str, NumbersReport>,
    pub(crate) backlog: BacklogPeak,
    pub(crate) audit: AuditCounts,
    /// How often the breaker of a process opened.
    pub(crate) breaker_open_changes: u64,
}

/// The peak of the outbox backlog; `None` if nobody looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct BacklogPeak {
    pub(crate) rows_max: Option<u64>,
    pub(crate) oldest_max_seconds: Option<f64>,
}

/// The results of audits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct AuditCounts {
    pub(crate) right: u64,
    pub(crate) stale: u64,
    pub(crate) pending: u64,
    pub(crate) undecodable: u64,
}
