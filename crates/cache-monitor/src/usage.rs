//! What the processes in production counted: hits and misses of the last hours, for the advice.
//!
//! Invariant: read from the production key space, never written; nothing is counted by the one who reads.

use anyhow::Result;
use billing_cache::Numbers;
use billing_core::settings::Settings;
use cli_support::open;

/// The current hour included.
pub(crate) const HOURS: u64 = 24;

/// The counters of the last [`HOURS`] hours.
///
/// # Errors
/// Redis cannot be used, or refuses.
pub(crate) async fn of_production(mut settings: Settings) -> Result<Numbers> {
    settings.cache.counters_flush_ms = 0;
    Ok(open::cache_to_look_at(&settings).await?.usage(HOURS).await?)
}
