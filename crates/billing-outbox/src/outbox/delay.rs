//! The outbox's part of the metrics: how long it took until Redis acknowledged the invalidation of a write, and how
//! many rows are pending.
//!
//! Invariant: a write is measured once, by the process that invalidated first. The writer measures from the return of
//! the commit; a relay takes the age of the row. A row that is applied again, to another server or after a failover, is
//! not measured again.
//!
//! Used by the write transaction and the relay.

use std::collections::BTreeSet;
use std::time::Duration;

use billing_cache::{AnyKey, Distribution, PROCESS_WIDE};
use tracing::debug;

use super::backlog;
use crate::application::DatabaseCache;

/// Records the delay between a commit and the invalidation by its writer: one value for each type among the keys.
pub(super) fn record_of_writer<'a>(cache: &DatabaseCache, keys: impl Iterator<Item = &'a AnyKey>, delay: Duration) {
    let types: BTreeSet<&str> = keys.map(AnyKey::cache_type).collect();
    for cache_type in types {
        cache.record(cache_type, Distribution::InvalidationDelay, nanos(delay));
    }
}

/// Records that a relay applied a row for the first time, and how old the row was.
pub(super) fn record_of_relay(cache: &DatabaseCache, cache_type: &str, age: Duration) {
    cache.record(cache_type, Distribution::InvalidationDelay, nanos(age));
}

/// Records how many rows are pending and how old the oldest is, as often as the counters are flushed.
pub(super) async fn record_backlog_regularly(cache: DatabaseCache) {
    let Some(pause) = cache.flush_pause() else { return };
    loop {
        tokio::time::sleep(pause).await;
        match backlog::pending(cache.source().connection(), cache.application()).await {
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
