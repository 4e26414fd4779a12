//! What this process counted and measured for one cached type.
//!
//! Invariants: no count is lost or counted twice. A thread counts in its own memory, without a locked instruction (see
//! `thread_slot`). The reader of a sum adds the cells up, and sums reach Redis only in the background (see
//! `reporting`).
//!
//! A cell has one writer at a time, which loads, adds and stores. The next writer receives the slot through a mutex, so
//! it loads what the previous one stored. A reader sees each cell only grow, so a later sum is never smaller: for one
//! reader because of the order of its loads, for several readers if they read in turn under a lock. The counts of a
//! joined thread are in the sum.
//!
//! Each cached type has them; all reads and writes add to them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use crossbeam_utils::CachePadded;
use hdrhistogram::Histogram;

use super::event::{Distribution, Event};
use super::thread_slot::{self, OWNED, PLACES, Slot};

/// A count for each event.
type Counts = [AtomicU64; Event::ALL.len()];

const _: () = assert!(Event::ALL.len() <= PLACES, "a slot has a place for each event");

/// The counters of one cached type: 17 KiB, plus a histogram for each distribution.
pub(crate) struct Counters {
    /// `None` if counting is off.
    cells: Option<Cells>,
    histograms: [Mutex<Histogram<u64>>; Distribution::ALL.len()],
}

struct Cells {
    /// The cells of all threads that have a slot, one slot after the other.
    own: Box<CachePadded<[AtomicU64; OWNED * PLACES]>>,
    shared: CachePadded<Counts>,
}

/// Whether anything is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Counting {
    #[default]
    On,
    /// Nothing is counted; for measuring the cost of counting.
    Off,
}

impl Default for Counters {
    fn default() -> Self {
        Self::new(Counting::On)
    }
}

impl Counters {
    pub(crate) fn new(counting: Counting) -> Self {
        Self {
            cells: (counting == Counting::On).then(Cells::new),
            histograms: std::array::from_fn(|_| Mutex::new(empty_histogram())),
        }
    }

    /// Whether anything is counted.
    #[inline]
    pub(crate) fn counting(&self) -> Counting {
        if self.cells.is_some() { Counting::On } else { Counting::Off }
    }

    #[inline]
    pub(crate) fn add(&self, event: Event) {
        self.add_sum(event, 1);
    }

    pub(crate) fn add_many(&self, event: Event, count: usize) {
        self.add_sum(event, count as u64);
    }

    #[inline]
    pub(crate) fn add_sum(&self, event: Event, sum: u64) {
        if let Some(cells) = &self.cells {
            cells.add(event, sum);
        }
    }

    /// The number of times that the event happened since the process started.
    #[must_use]
    pub(crate) fn get(&self, event: Event) -> u64 {
        self.cells.as_ref().map_or(0, |cells| cells.get(event))
    }

    /// All counts, in the order of [`Event::ALL`].
    #[must_use]
    pub(crate) fn snapshot(&self) -> [u64; Event::ALL.len()] {
        std::array::from_fn(|index| self.get(Event::ALL[index]))
    }

    /// Records a value. A value of more than a day is recorded as a day.
    pub(crate) fn record(&self, distribution: Distribution, value: u64) {
        if self.counting() == Counting::On {
            self.lock(distribution).saturating_record(value);
        }
    }

    /// All values recorded since the process started.
    #[must_use]
    pub(crate) fn histogram(&self, distribution: Distribution) -> Histogram<u64> {
        self.lock(distribution).clone()
    }

    fn lock(&self, distribution: Distribution) -> MutexGuard<'_, Histogram<u64>> {
        self.histograms[distribution as usize].lock().expect("no panic while a value is recorded")
    }
}

impl Cells {
    fn new() -> Self {
        let own = Box::new(CachePadded::new([const { AtomicU64::new(0) }; OWNED * PLACES]));
        Self { own, shared: CachePadded::default() }
    }

    #[inline]
    fn add(&self, event: Event, sum: u64) {
        match thread_slot::mine() {
            Slot::Own(first) => {
                let cell = &self.own[first + event as usize];
                cell.store(cell.load(Ordering::Relaxed).wrapping_add(sum), Ordering::Relaxed);
            }
            Slot::Shared => {
                self.shared[event as usize].fetch_add(sum, Ordering::Relaxed);
            }
        }
    }

    fn get(&self, event: Event) -> u64 {
        let own = self.own.iter().skip(event as usize).step_by(PLACES);
        own.chain([&self.shared[event as usize]]).map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

/// The largest value that is distinguished from larger ones: more than a day in nanoseconds.
pub(crate) const LARGEST: u64 = 100_000_000_000_000;

/// An empty histogram. Values within about 6 % of each other count as the same, so that few numbers are added up and
/// sent.
#[must_use]
pub fn empty_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LARGEST, 1).expect("the bounds are in order")
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = Event::ALL.iter().map(|event| (event.as_str(), self.get(*event)));
        f.debug_map().entries(counts.filter(|(_, count)| *count > 0)).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn nothing_is_lost_when_threads_end_and_others_take_their_slots() {
        let counters = Arc::new(Counters::default());
        for _ in 0..200 {
            let count = |_| {
                let counters = Arc::clone(&counters);
                thread::spawn(move || (0..100).for_each(|_| counters.add(Event::HitL1)))
            };
            let running: Vec<_> = (0..8).map(count).collect();
            running.into_iter().for_each(|thread| thread.join().unwrap());
        }
        assert_eq!(counters.get(Event::HitL1), 200 * 8 * 100);
    }

    #[test]
    fn more_threads_than_slots_lose_nothing() {
        let counters = Counters::default();
        thread::scope(|scope| {
            for _ in 0..2 * OWNED {
                scope.spawn(|| (0..1_000).for_each(|_| counters.add_many(Event::Miss, 2)));
            }
        });
        assert_eq!(counters.get(Event::Miss), 2 * OWNED as u64 * 2_000);
    }

    #[test]
    fn sums_never_go_back_while_others_count() {
        let counters = Counters::default();
        let ended = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        thread::scope(|scope| {
                            scope.spawn(|| (0..500).for_each(|_| counters.add(Event::HitL2)));
                        });
                    }
                    ended.fetch_add(1, Ordering::SeqCst);
                });
            }
            let mut before = 0;
            while ended.load(Ordering::SeqCst) < 4 {
                let now = counters.get(Event::HitL2);
                assert!(now >= before, "{now} after {before}");
                before = now;
            }
        });
        assert_eq!(counters.get(Event::HitL2), 4 * 20 * 500);
    }

    #[test]
    fn each_event_has_a_count_of_its_own() {
        let counters = Counters::default();
        counters.add_sum(Event::LoadMicros, 1_234);
        counters.add(Event::Load);
        let expected: Vec<u64> = Event::ALL
            .iter()
            .map(|event| match event {
                Event::Load => 1,
                Event::LoadMicros => 1_234,
                _ => 0,
            })
            .collect();
        assert_eq!(counters.snapshot().to_vec(), expected);
        assert_eq!(format!("{counters:?}"), r#"{"load": 1, "load_micros": 1234}"#);
    }

    #[test]
    fn what_is_too_large_is_recorded_at_the_bound() {
        let counters = Counters::default();
        counters.record(Distribution::BacklogRows, 0);
        counters.record(Distribution::BacklogRows, u64::MAX);
        let histogram = counters.histogram(Distribution::BacklogRows);
        assert_eq!((histogram.len(), histogram.min()), (2, 0));
        assert!(histogram.max() >= LARGEST, "{}", histogram.max());
    }
}
