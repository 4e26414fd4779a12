//! The most-read keys of all types together.
//!
//! Invariant: they are read rarely, because Redis sends all keys that it knows of a type, up to `cache.usage_keys`.

use std::time::{Duration, Instant};

use billing_cache::RedisUnreachable;
use billing_core::cached::BillingCache;

use crate::dashboard::model::HotKeyReport;

const MOST: usize = 20;
const EVERY: Duration = Duration::from_secs(60);

/// The hottest keys of the last read.
#[derive(Debug, Default)]
pub(super) struct HottestKeys {
    read_at: Option<Instant>,
    keys: Vec<HotKeyReport>,
}

impl HottestKeys {
    /// Reads them if the last read was long ago.
    pub(super) async fn refresh(&mut self, cache: &BillingCache) -> Result<(), RedisUnreachable> {
        if self.read_at.is_some_and(|read_at| read_at.elapsed() < EVERY) {
            return Ok(());
        }
        let mut keys = Vec::new();
        for info in cache.types() {
            let of_type = cache.hot_keys(info, MOST).await?.keys.into_iter();
            keys.extend(of_type.map(|hot| HotKeyReport {
                cache_type: info.name,
                key: hot.text,
                reads_per_hour: hot.reads_per_hour,
            }));
        }
        keys.sort_by(|a, b| b.reads_per_hour.total_cmp(&a.reads_per_hour));
        keys.truncate(MOST);
        *self = Self { read_at: Some(Instant::now()), keys };
        Ok(())
    }

    /// `None` until they were first read.
    pub(super) fn report(&self) -> Option<Vec<HotKeyReport>> {
        self.read_at.map(|_| self.keys.clone())
    }
}
