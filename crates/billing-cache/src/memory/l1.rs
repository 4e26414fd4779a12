//! L1: decoded values in the memory of the process, for types that change rarely.
//!
//! Invariant (`protocol.md`, "Reading" and "The tracking connections of L1"): an entry counts only while the epoch in
//! which it was read is current, its time to live in Redis has not passed, and the tracking connections are live. So an
//! insert that raced with an invalidation never counts. Only values that Redis answered are inserted, never those of a
//! lost fill or a bypass, because Redis sends invalidation messages only for keys that it has.
//!
//! Used by the read path, for types whose policy turns L1 on.

use std::sync::Arc;

use quick_cache::Weighter;

use super::epoch::Stamp;
use super::guard::Guard;
use crate::clock::Moment;
use crate::declaration::cached_type::CachedType;
use crate::mutation::keeps;

/// Approximate size of a slot without its value.
const SLOT_BYTES: u64 = 96;

/// The entries of one cached type.
pub(crate) struct L1<T: CachedType> {
    slots: quick_cache::sync::Cache<T::Key, Slot<T::Value>, ByBytes, foldhash::fast::RandomState>,
}

struct Slot<V> {
    value: Option<Arc<V>>,
    stamp: Stamp,
    ends: Moment,
    bytes: u64,
}

impl<V> Clone for Slot<V> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), stamp: self.stamp, ends: self.ends, bytes: self.bytes }
    }
}

#[derive(Clone)]
struct ByBytes;

impl<K, V> Weighter<K, Slot<V>> for ByBytes {
    fn weight(&self, _: &K, slot: &Slot<V>) -> u64 {
        slot.bytes
    }
}

/// A value as Redis answered it.
pub(crate) struct Heard<V> {
    pub(crate) value: Option<Arc<V>>,
    /// The epoch when the read began.
    pub(crate) stamp: Stamp,
    /// When Redis was asked; the answer may have taken long.
    pub(crate) asked: Moment,
    pub(crate) ttl_ms: u64,
    /// Length of its JSON.
    pub(crate) bytes: usize,
}

impl<T: CachedType> L1<T> {
    /// Holds up to `max_bytes`, measured by the length of the JSON.
    pub(crate) fn new(max_bytes: u64) -> Self {
        let items = usize::try_from(max_bytes / 1024).unwrap_or(usize::MAX).clamp(64, 1 << 20);
        let slots = quick_cache::sync::Cache::with(
            items,
            max_bytes,
            ByBytes,
            foldhash::fast::RandomState::default(),
            quick_cache::sync::DefaultLifecycle::default(),
        );
        Self { slots }
    }

    /// The value, if it counts now, and the milliseconds it has left to live. An inner `None` means that there is no
    /// such row.
    #[inline]
    pub(crate) fn get(&self, key: &T::Key, guard: &Guard) -> Option<(Option<Arc<T::Value>>, u64)> {
        let now = Moment::now();
        if !guard.liveness.is_live(now) {
            return None;
        }
        // Inspected inside the store, because moving a slot out costs more.
        let mut found = self.slots.get(key);
        let slot = found.as_mut()?;
        let is_current = guard.stamps.is_current(slot.stamp) || !keeps("stamp-checked-by-entry");
        if !is_current || !now.is_before(slot.ends) {
            return None;
        }
        Some((slot.value.take(), slot.ends.monotonic_ms - now.monotonic_ms))
    }

    /// Stores a value that Redis answered. It never counts if an invalidation came meanwhile.
    pub(crate) fn insert(&self, key: &T::Key, heard: Heard<T::Value>) {
        let bytes = heard.bytes as u64 + SLOT_BYTES;
        let ends = heard.asked.at_most_after_ms(heard.ttl_ms);
        self.slots.insert(key.clone(), Slot { value: heard.value, stamp: heard.stamp, ends, bytes });
    }
}
