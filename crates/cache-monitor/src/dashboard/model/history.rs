//! How the numbers went: the answer of `/api/history`.

use std::collections::BTreeMap;
use std::time::Duration;

use billing_cache::Resolution;
use serde::{Deserialize, Serialize};

use super::NumbersReport;
use super::snapshot::EndpointState;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// How far back, and in which steps.
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

    /// How many steps there are, the one that goes on included.
    pub(crate) fn steps(self) -> u64 {
        match self {
            Self::QuarterHour => 15,
            Self::Hour => 60,
            Self::Day => 96,
            Self::Month => 120,
        }
    }

    /// Of what the steps are made.
    pub(crate) fn resolution(self) -> Resolution {
        match self {
            Self::QuarterHour | Self::Hour | Self::Day => Resolution::Minute,
            Self::Month => Resolution::Hour,
        }
    }
}

/// The answer: a point for each step that could be read, oldest first, also for those in which nothing happened.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct History {
    pub(crate) schema_version: u32,
    pub(crate) range: Range,
    pub(crate) step_seconds: u64,
    /// Where Redis is away, the points are those that were read before.
    pub(crate) redis: EndpointState,
    /// When the newest numbers were read, in seconds since 1970; `None` before that.
    pub(crate) read_at: Option<f64>,
    pub(crate) points: Vec<Point>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Point {
    /// When it begins, in seconds since 1970.
    pub(crate) at: u64,
    pub(crate) total: NumbersReport,
    pub(crate) types: BTreeMap<&'static str, NumbersReport>,
    pub(crate) backlog: BacklogPeak,
    pub(crate) audit: AuditCounts,
    /// How often a process began to skip Redis.
    pub(crate) breaker_open_changes: u64,
}

/// The most that waited in the outbox; `None` where nobody looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct BacklogPeak {
    pub(crate) rows_max: Option<u64>,
    pub(crate) oldest_max_seconds: Option<f64>,
}

/// What audits found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct AuditCounts {
    pub(crate) right: u64,
    pub(crate) stale: u64,
    pub(crate) pending: u64,
    pub(crate) undecodable: u64,
}
