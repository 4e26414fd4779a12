//! Numbers that identify the links of a process and their connections.
//!
//! Used by the tracking connections, L1 and the replay.

use std::sync::atomic::{AtomicU64, Ordering};

/// Identifies a connection of a process, to any server, in the order in which they were made. It changes when the
/// server has other data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionNumber(u64);

static CONNECTIONS: AtomicU64 = AtomicU64::new(1);

impl ConnectionNumber {
    /// The number of a connection that was just made, or that has other data from now on.
    pub(super) fn next() -> Self {
        Self(CONNECTIONS.fetch_add(1, Ordering::Relaxed))
    }

    /// Never 0.
    pub(super) fn get(self) -> u64 {
        self.0
    }
}

/// Identifies a link of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LinkId(u64);

static LINKS: AtomicU64 = AtomicU64::new(1);

impl LinkId {
    /// The id of a new link.
    pub(super) fn next() -> Self {
        Self(LINKS.fetch_add(1, Ordering::Relaxed))
    }

    /// Represents the slot map of a cluster, as its primaries confirm it together.
    pub(crate) const LAYOUT: Self = Self(0);
}

#[cfg(test)]
impl LinkId {
    pub(crate) const fn of_test(number: u64) -> Self {
        Self(number)
    }
}
