//! What this process counted and measured of one cached type.
//!
//! Invariant: counting is one relaxed addition; sums reach Redis in the background only (see [`crate::usage`]).

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;

use hdrhistogram::Histogram;

use crate::event::{Distribution, Event};

/// Threads share the shards of the counters; more shards than cores are of no use.
const SHARDS: usize = 16;

type Shard = [AtomicU64; Event::ALL.len()];

/// The counters of one cached type, in shards, so that two threads that count hits do not wait for each other's cache line.
#[derive(Debug)]
pub struct Counters {
    shards: Box<[CachePadded<Shard>; SHARDS]>,
    histograms: [Mutex<Histogram<u64>>; Distribution::ALL.len()],
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            shards: Box::new(std::array::from_fn(|_| CachePadded::new(Shard::default()))),
            histograms: std::array::from_fn(|_| Mutex::new(empty_histogram())),
        }
    }
}

/// Largest value that is told apart from larger ones: more than a day in nanoseconds.
const LARGEST: u64 = 100_000_000_000_000;

/// Values within about 6 % of each other count as the same, so that few numbers are to be added up and sent.
#[must_use]
pub fn empty_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LARGEST, 1).expect("the bounds are in order")
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
        self.shards[shard()][event as usize].fetch_add(sum, Ordering::Relaxed);
    }

    /// How often it happened since the process started.
    #[must_use]
    pub fn get(&self, event: Event) -> u64 {
        self.shards.iter().map(|shard| shard[event as usize].load(Ordering::Relaxed)).sum()
    }

    /// All counts, in the order of [`Event::ALL`].
    #[must_use]
    pub fn snapshot(&self) -> [u64; Event::ALL.len()] {
        std::array::from_fn(|index| self.get(Event::ALL[index]))
    }

    /// Records a value; 0 counts as 1, and what is larger than a day as a day.
    pub fn record(&self, distribution: Distribution, value: u64) {
        self.lock(distribution).saturating_record(value.max(1));
    }

    /// All values recorded since the process started.
    #[must_use]
    pub fn histogram(&self, distribution: Distribution) -> Histogram<u64> {
        self.lock(distribution).clone()
    }

    fn lock(&self, distribution: Distribution) -> std::sync::MutexGuard<'_, Histogram<u64>> {
        self.histograms[distribution as usize].lock().expect("no panic while a value is recorded")
    }
}
