//! Counters of what happened to each cached type, in this process.
//!
//! Invariant: counting is one relaxed addition; sums reach Redis in the background only (see [`crate::usage`]).

use std::sync::atomic::{AtomicU64, Ordering};

/// Something worth counting. [`as_str`](Self::as_str) is its name in Redis, metrics and reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
#[non_exhaustive]
pub enum Event {
    /// A read was answered from Redis.
    HitL2,
    /// A read found nothing usable and was answered by a load.
    Miss,
    /// A read was answered from the database because Redis could not be used.
    Bypass,
    /// A cached value did not decode and was replaced; what a Python process wrote in an older shape.
    Undecodable,
    /// The database was asked.
    Load,
    /// The database was asked and failed, or took longer than the deadline.
    LoadFailed,
    /// A loaded value was stored.
    FillStored,
    /// A loaded value was not stored, because an invalidation came between or Redis refused it.
    FillLost,
    /// A caller joined a load in progress.
    Coalesced,
    /// Another process held the lease.
    Contended,
    /// A key was invalidated by a write of this process.
    Invalidated,
    /// An invalidation did not reach Redis in time and was left to the outbox.
    InvalidationPending,
    /// A command to Redis failed or timed out.
    RedisError,
}

impl Event {
    /// All events, in the order in which they are reported.
    pub const ALL: [Self; 13] = [
        Self::HitL2,
        Self::Miss,
        Self::Bypass,
        Self::Undecodable,
        Self::Load,
        Self::LoadFailed,
        Self::FillStored,
        Self::FillLost,
        Self::Coalesced,
        Self::Contended,
        Self::Invalidated,
        Self::InvalidationPending,
        Self::RedisError,
    ];

    /// The name in Redis, metrics and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HitL2 => "hit_l2",
            Self::Miss => "miss",
            Self::Bypass => "bypass",
            Self::Undecodable => "undecodable",
            Self::Load => "load",
            Self::LoadFailed => "load_failed",
            Self::FillStored => "fill_stored",
            Self::FillLost => "fill_lost",
            Self::Coalesced => "coalesced",
            Self::Contended => "contended",
            Self::Invalidated => "invalidated",
            Self::InvalidationPending => "invalidation_pending",
            Self::RedisError => "redis_error",
        }
    }
}

/// The counters of one cached type.
#[derive(Debug, Default)]
pub struct Counters([AtomicU64; Event::ALL.len()]);

impl Counters {
    pub(crate) fn add(&self, event: Event) {
        self.add_many(event, 1);
    }

    pub(crate) fn add_many(&self, event: Event, count: usize) {
        self.0[event as usize].fetch_add(count as u64, Ordering::Relaxed);
    }

    /// How often it happened since the process started.
    #[must_use]
    pub fn get(&self, event: Event) -> u64 {
        self.0[event as usize].load(Ordering::Relaxed)
    }

    /// All counts, in the order of [`Event::ALL`].
    #[must_use]
    pub fn snapshot(&self) -> [u64; Event::ALL.len()] {
        std::array::from_fn(|index| self.0[index].load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_a_place_of_its_own() {
        for (index, event) in Event::ALL.iter().enumerate() {
            assert_eq!(*event as usize, index, "{event:?}");
        }
    }
}
