//! Numbers by which the links of a process and their connections are told apart.

use std::sync::atomic::{AtomicU64, Ordering};

/// Which of the connections of a process it is, to whatever server, in the order in which they were made.
/// It is another one when the server has other data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionNumber(u64);

static CONNECTIONS: AtomicU64 = AtomicU64::new(1);

impl ConnectionNumber {
    /// That of a connection that was just made, or has other data from now on.
    pub(super) fn next() -> Self {
        Self(CONNECTIONS.fetch_add(1, Ordering::Relaxed))
    }

    /// Never 0.
    pub(super) fn get(self) -> u64 {
        self.0
    }
}

/// Which of the links of a process it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LinkId(u64);

static LINKS: AtomicU64 = AtomicU64::new(1);

impl LinkId {
    /// That of a new link.
    pub(super) fn next() -> Self {
        Self(LINKS.fetch_add(1, Ordering::Relaxed))
    }

    /// Stands for what the masters of a cluster say together of who has which slots.
    pub(crate) const LAYOUT: Self = Self(0);
}

#[cfg(test)]
impl LinkId {
    pub(crate) const fn of_test(number: u64) -> Self {
        Self(number)
    }
}
