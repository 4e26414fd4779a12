//! How things stand: the event `snapshot` of `/api/live`.

use serde::Serialize;

use super::NumbersReport;

/// How things stand.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Snapshot {
    pub(crate) schema_version: u32,
    pub(crate) at: String,
    pub(crate) refresh_seconds: u64,
    pub(crate) redis: Endpoint,
    pub(crate) database: Endpoint,
    /// Whether any request was counted within what is kept; `None` until that was looked for.
    pub(crate) has_data: Option<bool>,
    /// How long the stretch is that `total` and `types` are about.
    pub(crate) window_seconds: u64,
    /// `None` until Redis was read once.
    pub(crate) total: Option<NumbersReport>,
    pub(crate) types: Vec<TypeReport>,
    pub(crate) memory: Option<MemoryReport>,
    pub(crate) survey: SurveyReport,
    /// `None` until they were read once, which is when somebody looks.
    pub(crate) hot_keys: Option<Vec<HotKeyReport>>,
    /// `None` until Redis was read once.
    pub(crate) processes: Option<Vec<ProcessReport>>,
    pub(crate) outbox: Option<OutboxReport>,
    /// `None` until Redis was read once.
    pub(crate) breaker_changes: Option<Vec<BreakerChangeReport>>,
    pub(crate) audit: AuditReport,
}

/// A server, and whether it answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Endpoint {
    pub(crate) state: EndpointState,
    /// Without user and password.
    pub(crate) endpoint: String,
    pub(crate) error: Option<String>,
    /// Since when it is in this state.
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
    /// `None` until Redis was read once.
    pub(crate) numbers: Option<NumbersReport>,
}

/// The memory of the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct MemoryReport {
    pub(crate) used_bytes: u64,
    /// `None` for no limit.
    pub(crate) limit_bytes: Option<u64>,
    pub(crate) policy: String,
    pub(crate) evicted_keys: u64,
}

/// What stands in Redis. While a survey runs, it shows what the one before found.
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
    /// An estimate where there are many keys; none where the server does not tell.
    pub(crate) memory_bytes: Option<u64>,
    /// Numbers of keys by time to live, shortest first; no key is in two of them.
    pub(crate) ttl: Vec<TtlBucket>,
    /// Keys that never expire: a foreign hand.
    pub(crate) no_expiry: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct TtlBucket {
    /// `None` for the longest.
    pub(crate) up_to_seconds: Option<u64>,
    pub(crate) keys: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct HotKeyReport {
    #[serde(rename = "type")]
    pub(crate) cache_type: &'static str,
    /// As it stands in Redis. Anyone can write to Redis: it is text and nothing else.
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
    /// Keys that the process serves from nowhere but the database, until Redis was told of a write.
    pub(crate) suspects: u64,
}

/// Invalidations that wait.
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

/// What the last audit found. While one runs, it shows what the one before found.
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

/// How many values were found to be what, and how sure that makes of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct AuditTally {
    pub(crate) checked: u64,
    pub(crate) right: u64,
    pub(crate) stale: u64,
    pub(crate) pending: u64,
    pub(crate) undecodable: u64,
    pub(crate) unreadable: u64,
    pub(crate) right_share: Option<f64>,
    /// With 95 % confidence, of the total by the worst type; `None` where all values were compared, or none.
    pub(crate) right_share_at_least: Option<f64>,
    /// `None` where no wrong value was found.
    pub(crate) nines: Option<u32>,
}
