//! Marks relayed rows in the background, in batches, so that the writer does not wait for it.
//!
//! Invariant: nothing depends on a mark. If one is lost, because the queue was full or the process died, the relay
//! invalidates the same keys once more.
//!
//! Used by the write transaction.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use billing_cache::History;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::debug;

use super::rows;
use crate::database::Database;

const QUEUE: usize = 1_024;
const BATCH: usize = 256;
/// Long compared with one write. A row that is not marked yet is at worst applied once more by a relay.
const GATHER: Duration = Duration::from_millis(50);

/// Rows that Redis has acknowledged, by the history in which it did.
pub(super) type Relayed = HashMap<Option<History>, BTreeSet<i64>>;

/// The sending end of the marking task's queue, until it is closed.
#[derive(Clone, Debug)]
pub(super) struct Marker(Arc<Mutex<Option<mpsc::Sender<Relayed>>>>);

/// The mark of one commit. The task does not end before the mark was given or dropped. It has no queue if the marker
/// was closed.
#[derive(Debug)]
pub(super) struct Mark(Option<mpsc::Sender<Relayed>>);

impl Marker {
    /// Starts the task. It ends when the marker is closed or all its clones are dropped, and no commit is in progress.
    pub(super) fn start(database: Database) -> (Self, JoinHandle<()>) {
        let (sender, queue) = mpsc::channel(QUEUE);
        (Self(Arc::new(Mutex::new(Some(sender)))), tokio::spawn(run(database, queue)))
    }

    /// Taken before a commit, so that closing waits for its mark.
    pub(super) fn expect(&self) -> Mark {
        Mark(self.0.lock().expect("no panic while the queue is taken").clone())
    }

    /// Takes no more commits from any clone.
    pub(super) fn close(&self) {
        self.0.lock().expect("no panic while the queue is taken").take();
    }
}

impl Mark {
    pub(super) fn give(self, relayed: Relayed) {
        let taken = self.0.is_some_and(|queue| queue.try_send(relayed).is_ok());
        if !taken {
            debug!("too many marks at once, or none any more: the rows are left to the relay");
        }
    }
}

/// Gathers what arrives within a short time, up to a batch.
async fn gather(queue: &mut mpsc::Receiver<Relayed>, batch: &mut Vec<Relayed>) {
    let ends = Instant::now() + GATHER;
    while batch.len() < BATCH {
        match tokio::time::timeout_at(ends, queue.recv()).await {
            Ok(Some(relayed)) => batch.push(relayed),
            Ok(None) | Err(_) => return,
        }
    }
}

async fn run(database: Database, mut queue: mpsc::Receiver<Relayed>) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        // Marks that arrive soon are written together: on SQLite each statement takes the write lock that the next
        // payment needs.
        gather(&mut queue, &mut batch).await;
        let mut by_history = Relayed::new();
        for (history, ids) in batch.drain(..).flatten() {
            by_history.entry(history).or_default().extend(ids);
        }
        for (history, ids) in by_history {
            if let Err(error) = rows::mark_relayed_if_pending(database.connection(), &ids, history.as_ref()).await {
                debug!(rows = ids.len(), %error, "marks were lost, the rows are left to the relay");
            }
        }
    }
}
