//! Settings of the relay, and what follows from them: how long applied rows are kept.
//!
//! Used by the relay, and by the reports on the outbox.

use std::time::Duration;

use billing_cache::TypeInfo;
use serde::Deserialize;

use crate::application::DatabaseCache;

/// Pause between two looks for rows to retire.
pub(super) const RETIRE_PAUSE: Duration = Duration::from_secs(60);

/// Settings of the relay.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelaySettings {
    /// Longest pause between two looks for pending rows.
    pub poll_interval_ms: u64,
    /// A row younger than this is left to the writer who made it.
    pub grace_ms: u64,
    /// Above this number of pending rows of one type, the whole type is cleared instead.
    pub clear_type_above: u64,
    /// How much longer than the TTL of their type relayed rows are kept for a replay.
    pub retention_margin_seconds: u64,
    /// How long a write whose invalidation failed waits until a relay has applied it; 0 turns this off.
    pub strict_wait_ms: u64,
}

/// How long applied rows of a type are kept.
pub(super) fn retention(cache: &DatabaseCache, info: &TypeInfo, settings: &RelaySettings) -> Duration {
    // Values of the Python processes have the declared TTL, whatever is set here.
    let declared = cache.application().find(info.name).map_or(info.ttl, |cached| cached.info().ttl);
    info.ttl.max(declared) + Duration::from_secs(settings.retention_margin_seconds)
}
