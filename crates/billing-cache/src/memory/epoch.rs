//! Epochs: a counter for each stripe of keys, advanced by every invalidation that this process learns of.
//!
//! Invariant: epochs only grow and are never dropped. (If an idle counter were dropped, it would start again, and an
//! old epoch would count again.) A flight belongs to the epoch in which it was opened, so a read that comes after an
//! invalidation opens a new flight.
//!
//! Used by the flights, L1, and everything that learns of invalidations.

use foldhash::fast::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

const STRIPES: usize = 4096;

/// The counters of all stripes, and one for all keys at once.
#[derive(Debug)]
pub(crate) struct Stamps {
    stripes: Box<[AtomicU64]>,
    generation: AtomicU64,
    hasher: RandomState,
}

/// The epoch of a key: the state of its stripe at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stamp {
    generation: u64,
    place: usize,
    stripe: u64,
}

impl Stamps {
    pub(crate) fn new() -> Self {
        let stripes = (0..STRIPES).map(|_| AtomicU64::new(0)).collect();
        Self { stripes, generation: AtomicU64::new(0), hasher: RandomState::default() }
    }

    pub(crate) fn current(&self, key: &str) -> Stamp {
        let place = self.place(key);
        let generation = self.generation.load(Ordering::SeqCst);
        Stamp { generation, place, stripe: self.stripes[place].load(Ordering::SeqCst) }
    }

    /// Whether the epoch of the stripe has not advanced since. Needs no key, so that an L1 hit hashes only once.
    #[inline]
    pub(crate) fn is_current(&self, stamp: Stamp) -> bool {
        self.stripes[stamp.place].load(Ordering::SeqCst) == stamp.stripe
            && self.generation.load(Ordering::SeqCst) == stamp.generation
    }

    /// Advances the epoch of one key, which was invalidated.
    pub(crate) fn bump(&self, key: &str) {
        self.stripes[self.place(key)].fetch_add(1, Ordering::SeqCst);
    }

    /// Advances all epochs, because any key may have been invalidated.
    pub(crate) fn bump_all(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    fn place(&self, key: &str) -> usize {
        let hash = self.hasher.hash_one(key);
        usize::try_from(hash % STRIPES as u64).expect("less than the number of stripes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalidation_moves_the_stamp_on() {
        let stamps = Stamps::new();
        let before = stamps.current("invoice:1");
        assert_eq!(stamps.current("invoice:1"), before);
        stamps.bump("invoice:1");
        assert_ne!(stamps.current("invoice:1"), before);
        let before = stamps.current("invoice:2");
        stamps.bump_all();
        assert_ne!(stamps.current("invoice:2"), before);
    }
}
