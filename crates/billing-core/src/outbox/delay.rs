//! What the outbox adds to the numbers of the cache: how long it took until Redis was told of a write, and how much waits.
//!
//! Invariant: a write is measured by whoever told Redis first: its writer, from the return of the commit, or a relay, by
//! the age of its row. A row that is applied again, to another server or after a failover, is not measured again.

use std::collections::BTreeSet;
use std::time::Duration;

use billing_cache::{AnyKey, Distribution, PROCESS_WIDE};
use sea_orm::ConnectionTrait;
use tracing::debug;

use super::{backlog, rows};
use crate::cached::BillingCache;

/// The writer told Redis of these keys so long after its commit: one value for each type among them.
pub(super) fn record_of_writer<'a>(cache: &BillingCache, keys: impl Iterator<Item = &'a AnyKey>, delay: Duration) {
    let types: BTreeSet<&str> = keys.map(AnyKey::cache_type).collect();
    for cache_type in types {
        cache.record(cache_type, Distribution::InvalidationDelay, nanos(delay));
    }
}

/// Redis has been told what these rows say, which are not marked yet: one value for each that nobody had applied before. A
/// failure to measure is no failure to relay.
pub(super) async fn record_of_relay<C: ConnectionTrait>(cache: &BillingCache, connection: &C, ids: &BTreeSet<i64>) {
    match rows::ages_of_pending(connection, ids).await {
        Ok(ages) => {
            for (cache_type, age) in ages {
                cache.record(&cache_type, Distribution::InvalidationDelay, nanos(age));
            }
        }
        Err(error) => debug!(%error, "how long invalidations took is not known"),
    }
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
