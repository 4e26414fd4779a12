//! Options shared by all links of a process, and options of one operation on a link.
//!
//! Used by every caller that runs an operation on a link.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::watch;

use crate::declaration::settings::{BreakerSettings, RedisSettings};

/// Whether reads may use a new connection at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Yes: for tools, and for processes that do not replay.
    Immediate,
    /// Only after `Link::admit`: the server may have lost acknowledged invalidations, which a relay applies again.
    AfterReplay,
}

/// Counts the connections that were made and lost, over all links of a process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes(Arc<watch::Sender<u64>>);

impl Changes {
    pub(crate) fn note(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}

/// Options shared by all links of a process.
#[derive(Clone)]
pub(crate) struct Conduct {
    pub(crate) settings: RedisSettings,
    pub(crate) breaker: BreakerSettings,
    pub(crate) admission: Admission,
    pub(crate) is_of_cluster: bool,
    pub(crate) changes: Changes,
    /// Whether the values in Redis belong to this source, so that reads may use them.
    pub(crate) is_ours: Arc<AtomicBool>,
    /// The key of the data id; `None` in a cluster.
    pub(crate) data_key: Option<String>,
}

/// Options of an operation: its purpose and its time limit.
#[derive(Clone, Copy)]
pub(crate) struct Terms {
    pub(super) purpose: Purpose,
    pub(super) limit: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The answer is served to a reader.
    Read,
    /// A write, or a question of the cache itself; allowed while reads are suspended or the server is skipped.
    Tell,
}

impl Terms {
    /// For an answer that is served to a reader: needs a connection that reads may use, and a server that is not
    /// skipped.
    pub(crate) fn read(limit: Duration) -> Self {
        Self { purpose: Purpose::Read, limit }
    }

    /// Whether the answer is served to a reader.
    pub(crate) fn are_to_read(self) -> bool {
        self.purpose == Purpose::Read
    }

    /// For a write, or a question of the cache itself; allowed while reads are suspended or the server is skipped.
    pub(crate) fn tell(limit: Duration) -> Self {
        Self { purpose: Purpose::Tell, limit }
    }
}
