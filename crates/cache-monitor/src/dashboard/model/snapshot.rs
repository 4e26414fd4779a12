//! The current state: the event `snapshot` of `/api/live`.

use billing_cache::MemoryUse;
use serde::Serialize;

use super::NumbersReport;

/// The current state.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Snapshot {
    pub(crate) schema_version: u32,
    pub(crate) at: String,
    pub(crate) refresh_seconds: u64,
    pub(crate) redis: Endpoint,
    pub(crate) database: Endpoint,
    /// Whether the retained counters contain any request; `None` until this is known.
    pub(crate) has_data: Option<bool>,
    /// The length of the period that `total` and `types` cover.
    pub(crate) window_seconds: u64,
    /// `None` until Redis was first read.
    pub(crate) total: Option<NumbersReport>,
    pub(crate) types: Vec<TypeReport>,
    pub(crate) memory: Option<MemoryUse>,
    pub(crate) survey: SurveyReport,
    /// `None` until they were first read, which happens when somebody views the page.
    pub(crate) hot_keys: Option<Vec<HotKeyReport>>,
    /// `None` until Redis was first read.
    pub(crate) processes: Option<Vec<ProcessReport>>,
    pub(crate) outbox: Option<OutboxReport>,
    /// `None` until Redis was first read.
    pub(crate) breaker_changes: Option<Vec<BreakerChangeReport>>,
    pub(crate) audit: AuditReport,
}

/// A server, and whether it answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Endpoint {
    pub(crate) state: EndpointState,
    /// The address, without user and password.
    pub(crate) endpoint: String,
    pub(crate) error: Option<String>,
    /// The time since when it is in this state.
    pub(crate) since: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EndpointState {
    Ok,
    Away,
    NotAsked,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct TypeReport {
    pub(crate) name: &'static str,
    pub(crate) ttl_seconds: u64,
    pub(crate) l1: bool,
    /// `None` until Redis was first read.
    pub(crate) numbers: Option<NumbersReport>,
}

/// The content of Redis. While a scan runs, the results of the previous one are shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct SurveyReport {
    pub(crate) state: SurveyState,
    pub(crate) at: Option<String>,
    pub(crate) types: Vec<SurveyType>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SurveyState {
    None,
    Running,
    Complete,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SurveyType {
    pub(crate) name: &'static str,
    pub(crate) keys: u64,
    /// An estimate if there are many keys; `None` if the server does not report it.
    pub(crate) memory_bytes: Option<u64>,
    /// Numbers of keys by time to live, the shortest first; each key is counted once.
    pub(crate) ttl: Vec<TtlBucket>,
    /// Keys that never expire. This cache does not write such keys.
    pub(crate) no_expiry: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct TtlBucket {
    /// `None` for the last bucket.
    pub(crate) up_to_seconds: Option<u64>,
    pub(crate) keys: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct HotKeyReport {
    #[serde(rename = "type")]
    pub(crate) cache_type: &'static str,
    /// The text of the key in Redis. Any program can write to Redis, so this is untrusted text.
    pub(crate) key: String,
    pub(crate) reads_per_hour: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ProcessReport {
    pub(crate) id: String,
    pub(crate) host: String,
    pub(crate) pid: u32,
    pub(crate) program: String,
    pub(crate) started_at: String,
    pub(crate) seen_seconds_ago: f64,
    pub(crate) breaker: &'static str,
    pub(crate) uses_redis: bool,
    pub(crate) l1_live: Option<bool>,
    /// Number of keys that the process serves only from the database, because an invalidation is unconfirmed.
    pub(crate) suspects: u64,
}

/// Pending invalidations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct OutboxReport {
    pub(crate) pending: u64,
    pub(crate) oldest_seconds: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct BreakerChangeReport {
    pub(crate) at: String,
    pub(crate) process: String,
    pub(crate) state: &'static str,
    pub(crate) reason: String,
}

/// The results of the last audit. While one runs, the results of the previous one are shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct AuditReport {
    pub(crate) state: AuditState,
    pub(crate) error: Option<String>,
    pub(crate) at: Option<String>,
    pub(crate) every_seconds: u64,
    pub(crate) total: AuditTally,
    pub(crate) types: Vec<AuditType>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuditState {
    Off,
    Waiting,
    Running,
    Complete,
    Failed,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct AuditType {
    pub(crate) name: &'static str,
    #[serde(flatten)]
    pub(crate) tally: AuditTally,
}

/// The number of values by result, and a bound for the values that were not compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct AuditTally {
    pub(crate) checked: u64,
    pub(crate) right: u64,
    pub(crate) stale: u64,
    pub(crate) pending: u64,
    pub(crate) undecodable: u64,
    pub(crate) unreadable: u64,
    pub(crate) right_share: Option<f64>,
    /// With 95 % confidence; for the total it is the bound of the worst type. `None` if all values were compared, or
    /// none.
    pub(crate) right_share_at_least: Option<f64>,
    /// `None` if no wrong value was found.
    pub(crate) nines: Option<u32>,
}
