//! The counters of the processes in production, from which the advice takes hits and misses of the last hours.
//!
//! Invariant: the production key space is only read; this process adds nothing to the counters.

use anyhow::Result;
use billing_cache::Numbers;
use billing_core::settings::Settings;
use cli_support::open;

/// Includes the current hour.
pub(crate) const HOURS: u64 = 24;

/// The counters of the last [`HOURS`] hours.
///
/// # Errors
/// Redis cannot be used, or refuses the command.
pub(crate) async fn of_production(mut settings: Settings) -> Result<Numbers> {
    settings.cache.counters_flush_ms = 0;
    Ok(open::cache_to_look_at(&settings).await?.usage(HOURS).await?)
}
