//! Rows that are applied by invalidating every key of their type, and the clears that run beside the looks of the
//! relay.
//!
//! Invariants: a clear covers only rows that were read before it began, since a later row may be about a value that was
//! filled after the scan passed it. The rows are marked when the clear has ended. One task at a time clears a type. A
//! clear scans all keys of Redis and may take seconds, so only rows of its own type wait for it.
//!
//! Used by `relay.rs` and `pass.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::time::Instant;

use billing_cache::{History, L2Error};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::delay;
use super::relay_error::RelayError;
use super::row::OutboxRow;
use super::rows::{self, Ages};
use crate::application::DatabaseCache;

/// Rows that wait until their type is cleared, by its name.
pub(super) type PutAside = BTreeMap<&'static str, WholeType>;

/// Rows of one type that are applied by clearing it.
#[derive(Debug, Default)]
pub(super) struct WholeType {
    ages: Ages,
    /// Number of them whose key cannot be read.
    unreadable: usize,
    /// Rows that were applied to another history, and keep its mark.
    marked_elsewhere: BTreeSet<i64>,
}

/// The rows that a clear has applied.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// Number of rows.
    pub(super) rows: u64,
    /// The rows among them that keep the mark of another history.
    pub(super) marked_elsewhere: BTreeSet<i64>,
}

impl WholeType {
    pub(super) fn add(&mut self, row: &OutboxRow) {
        self.ages.insert(row.id, row.age.filter(|_| row.is_pending));
    }

    pub(super) fn add_unreadable(&mut self, row: &OutboxRow) {
        self.add(row);
        self.unreadable += 1;
    }

    pub(super) fn extend(&mut self, ages: Ages) {
        self.ages.extend(ages);
    }

    /// The rows in `of` that are here are marked with another history, and keep that mark.
    pub(super) fn keep_marks(&mut self, of: &BTreeSet<i64>) {
        self.marked_elsewhere = self.ages.keys().filter(|id| of.contains(id)).copied().collect();
    }

    /// Clears the type and marks the rows. It marks none if a part of a cluster is away.
    pub(super) async fn apply(self, cache: &DatabaseCache, cache_type: &'static str) -> Result<Applied, RelayError> {
        if self.unreadable > 0 {
            let first = self.ages.keys().next();
            warn!(cache_type, rows = self.unreadable, first, "rows name keys that cannot be told: the type is cleared");
        }
        let read = Instant::now();
        let Some(history) = clear(cache, cache_type).await? else { return Ok(Applied::default()) };
        let told_after = read.elapsed();
        let ids = self.ages.keys().filter(|id| !self.marked_elsewhere.contains(id)).copied().collect();
        rows::mark_relayed(cache.source().connection(), &ids, history.as_ref()).await?;
        self.ages.values().flatten().for_each(|age| delay::record_of_relay(cache, cache_type, *age + told_after));
        Ok(Applied { rows: self.ages.len() as u64, marked_elsewhere: self.marked_elsewhere })
    }
}

/// Returns the history in which the type was cleared; `None` if it was not cleared everywhere, and still must be. A
/// type with one key needs no scan.
pub(super) async fn clear(cache: &DatabaseCache, cache_type: &str) -> Result<Option<Option<History>>, L2Error> {
    let Some(cached) = cache.application().find(cache_type) else { return Ok(None) };
    if let Some(key) = cached.only_key(cache) {
        let told = cache.invalidate(BTreeSet::from([key.clone()])).await;
        return told.done.get(&key).map(|history| Some(history.clone())).ok_or(L2Error::Away);
    }
    match cache.clear_on_record(&[cached.info()]).await {
        Ok(cleared) => Ok(cleared.everywhere.then_some(cleared.history)),
        Err(error) => {
            debug!(cache_type, error = &error as &dyn std::error::Error, "redis cannot be walked over");
            Err(L2Error::Away)
        }
    }
}

/// The clears that are running. Dropping this ends them; their rows stay pending.
#[derive(Debug, Default)]
pub(super) struct Clears {
    tasks: JoinSet<(&'static str, Result<Applied, RelayError>)>,
    types: BTreeSet<&'static str>,
}

impl Clears {
    /// The types whose rows have to wait.
    pub(super) fn types(&self) -> &BTreeSet<&'static str> {
        &self.types
    }

    pub(super) fn begin(&mut self, cache: &DatabaseCache, put_aside: PutAside) {
        for (cache_type, rows) in put_aside {
            if self.types.insert(cache_type) {
                let cache = cache.clone();
                self.tasks.spawn(async move { (cache_type, rows.apply(&cache, cache_type).await) });
            }
        }
    }

    /// Waits until a clear has succeeded; if none does, it waits for ever. Returns the rows that keep the mark of
    /// another history. May be dropped.
    pub(super) async fn next_done(&mut self) -> BTreeSet<i64> {
        while let Some(ended) = self.tasks.join_next().await {
            let (cache_type, applied) = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
            self.types.remove(cache_type);
            match applied {
                Ok(Applied { rows, marked_elsewhere }) => {
                    debug!(cache_type, rows, "the type was cleared");
                    return marked_elsewhere;
                }
                Err(error) => log_failure(cache_type, &error),
            }
        }
        pending().await
    }
}

/// The next look tries again.
pub(super) fn log_failure(cache_type: &str, error: &RelayError) {
    debug!(cache_type, error = error as &dyn std::error::Error, "the type could not be cleared");
}
