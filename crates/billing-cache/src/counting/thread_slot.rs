//! Slots: small numbers, each owned by one thread until the thread ends, so that it can count without a locked
//! instruction.
//!
//! Invariant: at any moment at most one thread owns a slot, and its next owner sees everything that was written under
//! it. A slot is taken and given back under one mutex, which hands the writes over. So the owner may add by a plain
//! load and a plain store, and no count is lost. A thread that gave its slot back (destructors of other thread-locals
//! may still run) and threads beyond [`OWNED`] count under [`Slot::Shared`], by atomic additions.
//!
//! Used by `counters`.

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard};

/// Largest number of threads that own a slot at the same time.
pub(crate) const OWNED: usize = 64;
/// Places of a slot, which are on cache lines of their own.
pub(crate) const PLACES: usize = 32;

/// Where the current thread counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// No other thread writes there. The number is the first of the [`PLACES`] of the slot, so that counting needs no
    /// multiplication; it is less than [`OWNED`] times [`PLACES`].
    Own(usize),
    /// Other threads write there too.
    Shared,
}

/// Values of [`PLACE`] that are no first place.
const SHARED: usize = OWNED * PLACES;
const UNKNOWN: usize = SHARED + 1;

thread_local! {
    /// The first place of the slot of this thread. It needs no destructor, so reading it is a plain load, and possible
    /// until the thread has ended.
    static PLACE: Cell<usize> = const { Cell::new(UNKNOWN) };
    static LEASE: Lease = Lease::take();
}

/// The slot of this thread; the first call takes one.
#[inline]
pub(crate) fn mine() -> Slot {
    let place = PLACE.get();
    if place < SHARED { Slot::Own(place) } else { shared_or_first(place) }
}

#[cold]
fn shared_or_first(place: usize) -> Slot {
    if place == UNKNOWN && LEASE.try_with(|_| ()).is_err() {
        PLACE.set(SHARED);
    }
    match PLACE.get() {
        SHARED => Slot::Shared,
        place => Slot::Own(place),
    }
}

/// Holds the slot of its thread, and gives it back when the thread ends.
struct Lease(Option<usize>);

impl Lease {
    fn take() -> Self {
        let slot = free().take();
        PLACE.set(slot.map_or(SHARED, |slot| slot * PLACES));
        Self(slot)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // This comes first: from here on the thread writes nothing under its slot.
        PLACE.set(SHARED);
        if let Some(slot) = self.0 {
            free().give_back(slot);
        }
    }
}

/// The slots that no thread owns.
#[derive(Debug)]
struct Free {
    /// Slots from this number on were never taken.
    untouched: usize,
    given_back: Vec<usize>,
}

static FREE: Mutex<Free> = Mutex::new(Free { untouched: 0, given_back: Vec::new() });

fn free() -> MutexGuard<'static, Free> {
    FREE.lock().expect("no panic while the free slots are locked")
}

impl Free {
    fn take(&mut self) -> Option<usize> {
        self.given_back.pop().or_else(|| {
            let slot = self.untouched;
            (slot < OWNED).then(|| {
                self.untouched += 1;
                slot
            })
        })
    }

    fn give_back(&mut self, slot: usize) {
        self.given_back.push(slot);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    #[test]
    fn a_thread_keeps_its_slot() {
        assert_eq!(mine(), mine());
    }

    #[test]
    fn no_two_threads_have_one_slot() {
        let threads = OWNED + 20;
        let all_have_one = Barrier::new(threads);
        let slots: Vec<Slot> = thread::scope(|scope| {
            let take = || {
                let slot = mine();
                all_have_one.wait();
                slot
            };
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
            running.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let own: Vec<usize> =
            slots.into_iter().filter_map(|slot| if let Slot::Own(slot) = slot { Some(slot) } else { None }).collect();
        assert!(own.iter().all(|first| *first < OWNED * PLACES && first.is_multiple_of(PLACES)));
        assert_eq!(own.len(), own.iter().collect::<HashSet<_>>().len());
        assert!(own.len() <= OWNED);
    }

    #[test]
    fn a_slot_that_was_given_back_is_taken_again() {
        let mut free = Free { untouched: 0, given_back: Vec::new() };
        let taken: Vec<_> = (0..OWNED).map(|_| free.take()).collect();
        assert_eq!(taken, (0..OWNED).map(Some).collect::<Vec<_>>());
        assert_eq!(free.take(), None);
        free.give_back(7);
        assert_eq!((free.take(), free.take()), (Some(7), None));
    }

    #[test]
    fn threads_without_number_never_use_the_slots_up() {
        for _ in 0..10 * OWNED {
            thread::spawn(mine).join().unwrap();
        }
        // Other tests may hold all slots for a short time.
        let has_own = |_: &u32| matches!(thread::spawn(mine).join().unwrap(), Slot::Own(_));
        assert!((0..100_000).any(|attempt| has_own(&attempt)));
        let given_back = free().given_back.clone();
        assert_eq!(given_back.len(), given_back.iter().collect::<HashSet<_>>().len(), "each once: {given_back:?}");
    }

    #[test]
    fn a_thread_that_gave_its_slot_back_shares() {
        let after = thread::spawn(|| {
            drop(Lease::take());
            mine()
        });
        assert_eq!(after.join().unwrap(), Slot::Shared);
    }
}
