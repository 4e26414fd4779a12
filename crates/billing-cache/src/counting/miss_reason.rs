//! Miss reasons: what this process remembers about cached values, so that a read that finds nothing is counted under
//! its reason.
//!
//! Each key has a slot, chosen by its hash. The slot says when the value ends, and whether this process invalidated it
//! since. Fills, reads that learn the time to live, invalidations of this process and misses use it; a plain hit never
//! does.
//!
//! Invariants: the table takes 1 MiB for any number of keys. A later key may take the slot of another, so a reason is
//! only ever shown, and nothing depends on it. The invalidation messages of the tracking connections do not help here:
//! Redis sends the same message for fills, expiries, evictions and invalidations.
//!
//! Used by reads and fills, and by the flush for evictions.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;

use super::event::Event;

const SLOTS: usize = 1 << 17;
/// Set in a slot whose value this process has invalidated.
const INVALIDATED: u64 = 1 << 31;
/// The bits of a slot that say when the value ends. The bits above [`INVALIDATED`] tell its key from others.
const END: u64 = INVALIDATED - 1;
const FINGERPRINT: u64 = !(INVALIDATED | END);
/// A value this near its end, in tenths of a second, counts as expired: the answer that told its end was some time in
/// transit.
const LENIENCY: u64 = 2;
/// `evicted_keys` has not been read yet.
const UNKNOWN: u64 = u64::MAX;

/// The remembered values; see the module.
#[derive(Debug)]
pub(crate) struct Known {
    slots: Box<[AtomicU64]>,
    hasher: RandomState,
    started: Instant,
    evicted_keys: AtomicU64,
    /// When that number was last seen to grow, in the unit of the slots.
    evicted_at: AtomicU64,
}

/// Why a read found nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missed {
    /// Nothing is known of the key, or it was forgotten.
    Cold,
    /// The value had reached its end.
    Expired,
    /// This process invalidated it. Or it disappeared before its end although the server had evicted nothing, so
    /// another process or program removed it.
    Invalidated,
    /// It disappeared before its end, and the server has evicted keys since the value was stored.
    Evicted,
}

impl Missed {
    /// The event that is counted for this reason.
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

    /// Remembers that the value under this key has `ttl_ms` to live.
    pub(crate) fn stored(&self, text: &str, ttl_ms: u64) {
        let (slot, fingerprint) = self.slot(text);
        slot.store(fingerprint | self.after(ttl_ms), Ordering::Relaxed);
    }

    /// Remembers that this process invalidated the key. For an unknown key nothing is noted, because perhaps it was
    /// never cached.
    pub(crate) fn invalidated(&self, text: &str) {
        let (slot, fingerprint) = self.slot(text);
        let known = slot.load(Ordering::Relaxed);
        if known & FINGERPRINT == fingerprint && known != 0 {
            slot.store(known | INVALIDATED, Ordering::Relaxed);
        }
    }

    /// The reason why no value is stored under this key, of a type whose values live for at most `ttl_ms`.
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

    /// Takes the number of keys that the server has evicted since its start.
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

    /// The moment `millis` from now, in tenths of a second since the start; never 0, because 0 is an empty slot.
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
