//! What the outbox adds to the numbers of the cache: how long it took until Redis was told of a write, and how much
//! waits.
//!
//! Invariant: a write is measured by whoever told Redis first: its writer, from the return of the commit, or a relay,
//! by the age of its row. A row that is applied again, to another server or after a failover, is not measured again.

use std::collections::BTreeSet;
use std::time::Duration;

use billing_cache::{AnyKey, Distribution, PROCESS_WIDE};
use tracing::debug;

use super::backlog;
use crate::cached::BillingCache;

/// The writer told Redis of these keys so long after its commit: one value for each type among them.
pub(super) fn record_of_writer<'a>(cache: &BillingCache, keys: impl Iterator<Item = &'a AnyKey>, delay: Duration) {
    let types: BTreeSet<&str> = keys.map(AnyKey::cache_type).collect();
    for cache_type in types {
        cache.record(cache_type, Distribution::InvalidationDelay, nanos(delay));
    }
}

/// A relay told Redis of a row that nobody had applied before, and that was so old then.
pub(super) fn record_of_relay(cache: &BillingCache, cache_type: &str, age: Duration) {
    cache.record(cache_type, Distribution::InvalidationDelay, nanos(age));
}

/// Records how many rows wait and how old the oldest is, as often as numbers are flushed.
pub(super) async fn record_backlog_regularly(cache: BillingCache) {
    let Some(pause) = cache.flush_pause() else { return };
    loop {
        tokio::time::sleep(pause).await;
        match backlog::pending(cache.source().connection()).await {
            Ok((rows, oldest)) => {
                cache.record(PROCESS_WIDE, Distribution::BacklogRows, rows);
                cache.record(PROCESS_WIDE, Distribution::BacklogAge, nanos(oldest.unwrap_or_default()));
            }
            Err(error) => debug!(%error, "the backlog of the outbox is not known"),
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
