//! Known: what this process knows of cached values, so that a read that finds nothing can be counted under its reason.
//!
//! A slot for each key, by its hash: when the value ends, and whether this process invalidated it since. Touched by
//! fills, by reads that learn the time to live, by invalidations of this process and by misses; never by a plain hit.
//!
//! Invariants: 1 MiB, whatever the number of keys; a key that comes later takes the slot of another, and nothing here
//! is more than a reason to show. What the ear of L1 hears is of no use here: Redis announces fills, expiries and
//! evictions as it announces invalidations.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;

use super::event::Event;

const SLOTS: usize = 1 << 17;
/// Set in a slot whose value this process has invalidated.
const INVALIDATED: u64 = 1 << 31;
/// The bits of a slot that say when the value ends; those above [`INVALIDATED`] tell its key from others.
const END: u64 = INVALIDATED - 1;
const FINGERPRINT: u64 = !(INVALIDATED | END);
/// A value so near its end, in tenths of a second, has reached it: the answer that told it was on its way for a while.
const LENIENCY: u64 = 2;
/// Of a number of evicted keys that nobody has asked for yet.
const UNKNOWN: u64 = u64::MAX;

/// See the module.
#[derive(Debug)]
pub(crate) struct Known {
    slots: Box<[AtomicU64]>,
    hasher: RandomState,
    started: Instant,
    evicted_keys: AtomicU64,
    /// When that was last seen to grow, as slots have it.
    evicted_at: AtomicU64,
}

/// Why a read found nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missed {
    /// Nothing was known of the key, or it was forgotten.
    Cold,
    /// The value had come to its end.
    Expired,
    /// This process had invalidated it; or it was gone before its end and the server had evicted nothing, so another
    /// process or program removed it.
    Invalidated,
    /// It was gone before its end, and since it was stored the server had evicted keys.
    Evicted,
}

impl Missed {
    /// What is counted for it.
    pub(crate) fn event(self) -> Event {
        match self {
            Self::Cold => Event::MissCold,
            Self::Expired => Event::MissExpired,
            Self::Invalidated => Event::MissInvalidated,
            Self::Evicted => Event::MissEvicted,
        }
    }
}

impl Known {
    pub(crate) fn new() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::default(),
            started: Instant::now(),
            evicted_keys: AtomicU64::new(UNKNOWN),
            evicted_at: AtomicU64::new(0),
        }
    }

    /// The value under this key has so long to live.
    pub(crate) fn stored(&self, text: &str, ttl_ms: u64) {
        let (slot, fingerprint) = self.slot(text);
        slot.store(fingerprint | self.after(ttl_ms), Ordering::Relaxed);
    }

    /// This process has invalidated the key. Of one that is not known nothing is noted: perhaps it was never cached.
    pub(crate) fn invalidated(&self, text: &str) {
        let (slot, fingerprint) = self.slot(text);
        let known = slot.load(Ordering::Relaxed);
        if known & FINGERPRINT == fingerprint && known != 0 {
            slot.store(known | INVALIDATED, Ordering::Relaxed);
        }
    }

    /// Why nothing stands under this key of a type whose values live for `ttl_ms` at most.
    pub(crate) fn why_missed(&self, text: &str, ttl_ms: u64) -> Missed {
        let (slot, fingerprint) = self.slot(text);
        let known = slot.load(Ordering::Relaxed);
        if known == 0 || known & FINGERPRINT != fingerprint {
            return Missed::Cold;
        }
        if known & INVALIDATED != 0 {
            return Missed::Invalidated;
        }
        let end = known & END;
        if self.after(0) + LENIENCY >= end {
            return Missed::Expired;
        }
        let stored = end.saturating_sub(ttl_ms / 100).max(1);
        if self.evicted_at.load(Ordering::Relaxed) >= stored { Missed::Evicted } else { Missed::Invalidated }
    }

    /// The server says that it has evicted so many keys since its start.
    pub(crate) fn hear_evicted_keys(&self, count: u64) {
        let before = self.evicted_keys.swap(count, Ordering::Relaxed);
        if before != UNKNOWN && count > before {
            self.evicted_at.store(self.after(0), Ordering::Relaxed);
        }
    }

    fn slot(&self, text: &str) -> (&AtomicU64, u64) {
        let hash = self.hasher.hash_one(text);
        let place = usize::try_from(hash % SLOTS as u64).expect("less than the number of slots");
        (&self.slots[place], hash & FINGERPRINT)
    }

    /// The moment so long after now, in tenths of a second since the beginning; never 0, which is an empty slot.
    fn after(&self, millis: u64) -> u64 {
        let moment = self.started.elapsed().saturating_add(Duration::from_millis(millis));
        u64::try_from(moment.as_millis() / 100).unwrap_or(END).clamp(1, END)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: u64 = 300_000;

    #[test]
    fn a_miss_is_told_by_what_was_known_of_the_key() {
        let known = Known::new();
        assert_eq!(known.why_missed("invoice:1", TTL), Missed::Cold);
        known.stored("invoice:1", 0);
        assert_eq!(known.why_missed("invoice:1", TTL), Missed::Expired);
        known.stored("invoice:1", TTL);
        assert_eq!(known.why_missed("invoice:1", TTL), Missed::Invalidated, "gone before its end");
        known.invalidated("invoice:1");
        assert_eq!(known.why_missed("invoice:1", TTL), Missed::Invalidated);
        known.invalidated("invoice:2");
        assert_eq!(known.why_missed("invoice:2", TTL), Missed::Cold);
    }

    #[test]
    fn evictions_count_from_the_first_time_that_they_grow() {
        let known = Known::new();
        known.stored("invoice:1", TTL);
        known.hear_evicted_keys(7);
        known.hear_evicted_keys(7);
        assert_eq!(known.why_missed("invoice:1", TTL), Missed::Invalidated);
        known.hear_evicted_keys(8);
        assert_eq!(known.why_missed("invoice:1", TTL), Missed::Evicted);
        known.invalidated("invoice:1");
        assert_eq!(known.why_missed("invoice:1", TTL), Missed::Invalidated);
    }

    #[test]
    fn more_keys_than_slots_are_forgotten_and_not_confused() {
        let known = Known::new();
        let text = |number: usize| format!("invoice:{number}");
        (0..3 * SLOTS).for_each(|number| known.stored(&text(number), TTL));
        let cold = (0..3 * SLOTS).filter(|number| known.why_missed(&text(*number), TTL) == Missed::Cold).count();
        assert!((2 * SLOTS..3 * SLOTS).contains(&cold), "{cold}");
        assert!((0..SLOTS).all(|number| known.why_missed(&format!("tax_rate:{number}"), TTL) == Missed::Cold));
    }
}
