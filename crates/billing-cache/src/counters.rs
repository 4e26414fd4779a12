//! Counters of what happened to each cached type, in this process.
//!
//! Invariant: counting is one relaxed addition; sums reach Redis in the background only (see [`crate::usage`]).

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;

/// Something worth counting or adding up. [`as_str`](Self::as_str) is its name in Redis, metrics and reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
#[non_exhaustive]
pub enum Event {
    /// A read was answered from the memory of the process.
    HitL1,
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
    /// Microseconds that the database took for all loads.
    LoadMicros,
    /// The database was asked for a single key, and answered.
    SingleLoad,
    /// Microseconds that the database took for these: what a reader waits who finds nothing cached.
    SingleLoadMicros,
    /// The database was asked and failed, or took longer than the deadline.
    LoadFailed,
    /// The database was not asked, because too many loads went on already.
    Overloaded,
    /// A loaded value was stored.
    FillStored,
    /// A value near its end was loaded anew and stored.
    Refreshed,
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
    pub const ALL: [Self; 19] = [
        Self::HitL1,
        Self::HitL2,
        Self::Miss,
        Self::Bypass,
        Self::Undecodable,
        Self::Load,
        Self::LoadMicros,
        Self::SingleLoad,
        Self::SingleLoadMicros,
        Self::LoadFailed,
        Self::Overloaded,
        Self::FillStored,
        Self::Refreshed,
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
            Self::HitL1 => "hit_l1",
            Self::HitL2 => "hit_l2",
            Self::Miss => "miss",
            Self::Bypass => "bypass",
            Self::Undecodable => "undecodable",
            Self::Load => "load",
            Self::LoadMicros => "load_micros",
            Self::SingleLoad => "single_load",
            Self::SingleLoadMicros => "single_load_micros",
            Self::LoadFailed => "load_failed",
            Self::Overloaded => "overloaded",
            Self::FillStored => "fill_stored",
            Self::Refreshed => "refreshed",
            Self::FillLost => "fill_lost",
            Self::Coalesced => "coalesced",
            Self::Contended => "contended",
            Self::Invalidated => "invalidated",
            Self::InvalidationPending => "invalidation_pending",
            Self::RedisError => "redis_error",
        }
    }
}

/// Threads share the shards of the counters; more shards than cores are of no use.
const SHARDS: usize = 16;

type Shard = [AtomicU64; Event::ALL.len()];

/// The counters of one cached type, in shards, so that two threads that count hits do not wait for each other's cache line.
#[derive(Debug)]
pub struct Counters(Box<[CachePadded<Shard>; SHARDS]>);

impl Default for Counters {
    fn default() -> Self {
        Self(Box::new(std::array::from_fn(|_| CachePadded::new(Shard::default()))))
    }
}

/// The shard of this thread; threads take turns.
fn shard() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static SHARD: usize = THREADS.fetch_add(1, Ordering::Relaxed) % SHARDS);
    SHARD.with(|shard| *shard)
}

impl Counters {
    pub(crate) fn add(&self, event: Event) {
        self.add_many(event, 1);
    }

    pub(crate) fn add_many(&self, event: Event, count: usize) {
        self.add_sum(event, count as u64);
    }

    pub(crate) fn add_sum(&self, event: Event, sum: u64) {
        self.0[shard()][event as usize].fetch_add(sum, Ordering::Relaxed);
    }

    /// How often it happened since the process started.
    #[must_use]
    pub fn get(&self, event: Event) -> u64 {
        self.0.iter().map(|shard| shard[event as usize].load(Ordering::Relaxed)).sum()
    }

    /// All counts, in the order of [`Event::ALL`].
    #[must_use]
    pub fn snapshot(&self) -> [u64; Event::ALL.len()] {
        std::array::from_fn(|index| self.get(Event::ALL[index]))
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
