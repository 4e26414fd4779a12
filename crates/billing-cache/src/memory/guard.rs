//! The guard of L1: what decides whether a value in the memory of this process still counts. Those who listen to
//! changes and those who follow the slot map tell it what they hear; reads ask it.
//!
//! Invariant: whoever may have missed a change moves every stamp before anything counts again.

use std::time::Duration;

use super::epoch::Stamps;
use super::liveness::Liveness;
use crate::clock::{Moment, millis};
use crate::connection::link::LinkId;
use crate::connection::shards::SlotMapWatcher;

/// Looks at the slot map in one bound, within which L1 counts only while that is known to be what it was: so many may
/// be late or lost.
const LOOKS_PER_BOUND: u32 = 4;

/// See the module.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) stamps: Stamps,
    pub(crate) liveness: Liveness,
    prefixes: Vec<String>,
    bound: Duration,
}

impl Guard {
    /// Of keys that begin with `prefixes`, and of values that are at most `bound` behind an acknowledged write.
    pub(crate) fn new(prefixes: Vec<String>, bound: Duration) -> Self {
        Self { stamps: Stamps::new(), liveness: Liveness::default(), prefixes, bound }
    }

    /// What the keys of the types with L1 begin with.
    pub(crate) fn prefixes(&self) -> &[String] {
        &self.prefixes
    }

    /// How far a value may be behind.
    pub(crate) fn bound(&self) -> Duration {
        self.bound
    }

    /// Whether hits in L1 count now; none where no type has L1.
    pub(crate) fn is_live(&self) -> Option<bool> {
        self.has_prefixes().then(|| self.liveness.is_live(Moment::now()))
    }

    /// Whether any type has L1.
    pub(crate) fn has_prefixes(&self) -> bool {
        !self.prefixes.is_empty()
    }

    /// What was sent to this primary at this moment came back behind all earlier announcements.
    pub(crate) fn heard(&self, link: LinkId, sent: Moment) {
        self.liveness.heard(link, sent, millis(self.bound), &self.stamps);
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
        self.heard(LinkId::LAYOUT, asked);
    }

    fn changing(&self, links: Vec<LinkId>) {
        self.liveness.expect(links);
    }

    fn changed(&self) {
        self.stamps.bump_all();
    }
}
