//! The guard of L1: decides whether a value in the memory of this process still counts. The tracking connections and
//! the refresh of the slot map report to it, and reads ask it.
//!
//! Invariant: after messages may have been missed, every epoch advances before anything counts again.
//!
//! Used by L1, the tracking connections and the refresh of the slot map.

use std::time::Duration;

use super::epoch::Stamps;
use super::liveness::Liveness;
use crate::clock::{Moment, millis};
use crate::connection::link::LinkId;
use crate::connection::shards::SlotMapWatcher;

/// Refreshes of the slot map within one bound, so that some may be late or lost. L1 counts only while the slot map was
/// confirmed within the bound.
const LOOKS_PER_BOUND: u32 = 4;

/// The guard; see the module.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) stamps: Stamps,
    pub(crate) liveness: Liveness,
    prefixes: Vec<String>,
    bound: Duration,
}

impl Guard {
    /// For keys that begin with `prefixes`, and values that are at most `bound` behind an acknowledged write.
    pub(crate) fn new(prefixes: Vec<String>, bound: Duration) -> Self {
        Self { stamps: Stamps::new(), liveness: Liveness::default(), prefixes, bound }
    }

    /// The prefixes of the keys of the types with L1.
    pub(crate) fn prefixes(&self) -> &[String] {
        &self.prefixes
    }

    /// The time by which a value may be behind.
    pub(crate) fn bound(&self) -> Duration {
        self.bound
    }

    /// Whether hits in L1 count now; `None` if no type has L1.
    pub(crate) fn is_live(&self) -> Option<bool> {
        self.has_prefixes().then(|| self.liveness.is_live(Moment::now()))
    }

    /// Whether any type has L1.
    pub(crate) fn has_prefixes(&self) -> bool {
        !self.prefixes.is_empty()
    }

    /// A message of this primary has the echo of a heartbeat that was sent at this moment, and of none that was sent
    /// later.
    pub(crate) fn echoed(&self, link: LinkId, sent: Moment) {
        self.liveness.echoed(link, sent, millis(self.bound), &self.stamps);
    }
}

impl SlotMapWatcher for Guard {
    fn look_within(&self) -> Duration {
        self.bound / 2
    }

    fn look_every(&self) -> Option<Duration> {
        self.has_prefixes().then(|| self.bound / LOOKS_PER_BOUND)
    }

    fn unchanged(&self, asked: Moment) {
        self.liveness.heard(LinkId::LAYOUT, asked, millis(self.bound), &self.stamps);
    }

    fn changing(&self, links: Vec<LinkId>) {
        self.liveness.expect(links);
    }

    fn changed(&self) {
        self.stamps.bump_all();
    }
}
