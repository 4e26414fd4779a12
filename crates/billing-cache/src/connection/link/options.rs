//! What all links of a process have in common, and on what terms an operation is run on one.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::watch;

use crate::declaration::settings::{BreakerSettings, RedisSettings};

/// Whether a new connection may be read from at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Yes: for tools, and where nobody replays.
    Immediate,
    /// Only after `Link::admit`: the server may have lost acknowledged invalidations, and somebody applies them again.
    AfterReplay,
}

/// Counts the connections that came and went, over all links of a process.
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

/// What all links of a process have in common.
#[derive(Clone)]
pub(crate) struct Conduct {
    pub(crate) settings: RedisSettings,
    pub(crate) breaker: BreakerSettings,
    pub(crate) admission: Admission,
    pub(crate) is_of_cluster: bool,
    pub(crate) changes: Changes,
    /// Whether the values in Redis are of this source, so that reads may use them.
    pub(crate) is_ours: Arc<AtomicBool>,
    /// Under which key the data id stands; none in a cluster.
    pub(crate) data_key: Option<String>,
}

/// On what terms an operation is run: for what, and how long it may take.
#[derive(Clone, Copy)]
pub(crate) struct Terms {
    pub(super) purpose: Purpose,
    pub(super) limit: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Its answer is served.
    Read,
    /// The server shall know something.
    Tell,
}

impl Terms {
    /// Its answer is served: only by a connection that may be read from, and not while the server is skipped.
    pub(crate) fn read(limit: Duration) -> Self {
        Self { purpose: Purpose::Read, limit }
    }

    /// Whether the answer is served.
    pub(crate) fn are_to_read(self) -> bool {
        self.purpose == Purpose::Read
    }

    /// The server shall know something, whether it may be read from or not.
    pub(crate) fn tell(limit: Duration) -> Self {
        Self { purpose: Purpose::Tell, limit }
    }
}
