//! Marks relayed rows in the background, in batches, off the path of the writer.
//!
//! Invariant: nothing depends on a mark. One that is lost, because the queue was full or the process died, means that the
//! relay invalidates the same keys once more.

use std::collections::{BTreeSet, HashMap};

use billing_cache::History;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::debug;

use super::rows;
use crate::database::Database;

const QUEUE: usize = 1_024;
const BATCH: usize = 256;

/// Rows that Redis was told of, and in which history.
#[derive(Debug)]
pub(super) struct Relayed {
    pub(super) ids: BTreeSet<i64>,
    pub(super) history: Option<History>,
}

/// The queue to the marking task.
#[derive(Clone, Debug)]
pub(super) struct Marker(mpsc::Sender<Relayed>);

impl Marker {
    /// Starts the task; it ends when every clone of the marker is gone and the queue is empty.
    pub(super) fn start(database: Database) -> (Self, JoinHandle<()>) {
        let (sender, queue) = mpsc::channel(QUEUE);
        (Self(sender), tokio::spawn(run(database, queue)))
    }

    pub(super) fn mark(&self, relayed: Relayed) {
        if !relayed.ids.is_empty() && self.0.try_send(relayed).is_err() {
            debug!("too many marks at once, the rows are left to the relay");
        }
    }
}

async fn run(database: Database, mut queue: mpsc::Receiver<Relayed>) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        let mut by_history: HashMap<Option<History>, BTreeSet<i64>> = HashMap::new();
        for relayed in batch.drain(..) {
            by_history.entry(relayed.history).or_default().extend(relayed.ids);
        }
        for (history, ids) in by_history {
            if let Err(error) = rows::mark_relayed(database.connection(), &ids, history.as_ref()).await {
                debug!(rows = ids.len(), %error, "marks were lost, the rows are left to the relay");
            }
        }
    }
}
