//! The key space of a measurement: separate from all production keys, and removed afterwards.
//!
//! Invariant: every key that a measurement writes begins with a prefix that no other process uses. The keys are removed
//! at the end, however it ends, and expire soon even if the process is killed. Counters are not flushed.

use std::time::Duration;

use billing_cache::TypeSettings;
use billing_cache::{ClearMode, RedisUnreachable};
use billing_core::cached::{BillingCache, CACHED_TYPES};
use billing_core::settings::Settings;

/// Keys of a killed measurement expire after this time.
pub(crate) const LONGEST_TTL: Duration = Duration::from_secs(120);

/// Number of keys removed at once.
const CLEAR_BATCH: usize = 10_000;

/// These settings with a separate key space and short TTLs.
pub(crate) fn apart(mut settings: Settings) -> Settings {
    let cache = &mut settings.cache;
    // Within the configured key space, because an ACL may require that.
    cache.key_space = format!("{}cache-monitor:{}-{:08x}:", cache.key_space, std::process::id(), rand::random::<u32>());
    cache.counters_flush_ms = 0;
    for info in CACHED_TYPES.iter().map(|cached| cached.info()) {
        let of_type: &mut TypeSettings = cache.types.entry(info.name.to_owned()).or_default();
        let ttl_seconds = of_type.ttl_seconds.unwrap_or(info.ttl.as_secs());
        of_type.ttl_seconds = Some(ttl_seconds.min(LONGEST_TTL.as_secs()));
    }
    settings
}

/// Removes these keys and their leases. The keys are known, so nothing else in Redis is scanned, whatever its size.
pub(crate) async fn clear(
    cache: &BillingCache,
    keys: impl IntoIterator<Item = String>,
) -> Result<(), RedisUnreachable> {
    let mut keys = keys.into_iter();
    loop {
        let batch: Vec<String> = keys.by_ref().take(CLEAR_BATCH).collect();
        if batch.is_empty() {
            return Ok(());
        }
        cache.clear_keys(&batch, ClearMode::Remove).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_short_ttl_and_no_counters_are_kept() {
        let settings = apart(Settings::defaults());
        assert!(settings.cache.key_space.starts_with("cache-monitor:"), "{}", settings.cache.key_space);
        assert_eq!(settings.cache.counters_flush_ms, 0);
        for cached in CACHED_TYPES {
            let ttl = settings.cache.types[cached.info().name].ttl_seconds.unwrap();
            assert!((1..=LONGEST_TTL.as_secs()).contains(&ttl), "{ttl}");
        }
        settings.cache.check().unwrap();
    }

    #[test]
    fn it_is_below_the_configured_space_and_a_new_one_each_time() {
        let mut settings = Settings::defaults();
        settings.cache.key_space = "billing:".to_owned();
        let (first, second) = (apart(settings.clone()), apart(settings));
        assert!(first.cache.key_space.starts_with("billing:cache-monitor:"));
        assert_ne!(first.cache.key_space, second.cache.key_space);
    }

    #[test]
    fn a_shorter_ttl_of_the_configuration_is_kept() {
        let mut settings = Settings::defaults();
        settings.cache.types.get_mut("invoices").unwrap().ttl_seconds = Some(7);
        assert_eq!(apart(settings).cache.types["invoices"].ttl_seconds, Some(7));
    }
}
