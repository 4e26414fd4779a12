//! Retries invalidations that did not reach Redis in time.
//!
//! Invariant: the invalidation of a key stays unconfirmed until a later one, sent after the failure, succeeds.
//!
//! The builder starts it.

use std::sync::Arc;
use std::time::Duration;

use super::shared::Shared;
use super::unconfirmed::Batch;
use crate::protocol::{clear, invalidate};

const MEND_PAUSE: Duration = Duration::from_millis(200);
const MEND_BATCH: usize = 500;

/// Repeats unconfirmed invalidations until Redis acknowledges them. Ends when its cache is dropped.
pub(crate) async fn mend(shared: Arc<Shared>) {
    let mut connections = shared.shards.changes();
    loop {
        if shared.suspects.is_empty() {
            shared.suspects.added.notified().await;
        }
        let mut batch = shared.suspects.batch(MEND_BATCH);
        if batch.is_empty() {
            continue;
        }
        let all_are_told = mend_batch(&shared, &mut batch).await;
        shared.suspects.settle(&batch);
        if !all_are_told {
            // Waits for a restored connection, or for a server that answers again on the old one, whichever comes
            // first.
            let _ = tokio::time::timeout(MEND_PAUSE, connections.changed()).await;
        }
    }
}

/// Leaves in the batch the keys that Redis has removed. Returns whether these are all.
async fn mend_batch(shared: &Shared, batch: &mut Batch) -> bool {
    if batch.everything {
        let types: Vec<_> = shared.types.iter().map(|registered| registered.info).collect();
        batch.everything = clear::clear_types(shared.scanner(), &types).await.is_ok();
        if !batch.everything {
            batch.keys.clear();
            return false;
        }
        shared.guard.stamps.bump_all();
    }
    let told = invalidate::invalidate(&shared.shards, &batch.keys, shared.shards.batch_limit()).await;
    let mut answers = told.answers.into_iter();
    batch.keys.retain(|_| answers.next().flatten().is_some());
    told.error.is_none()
}
