//! Decoded values with the bytes that they were decoded from, so that the same answer of Redis is decoded only once.
//!
//! Invariant: a value is given only for bytes that are equal, all of them, to those it was decoded from under the same
//! key. So it is the value that decoding would make, and it does not matter how old an entry is: what Redis answers now
//! decides. Redis is asked each time.
//!
//! Used by the decoding of what Redis answered. Invalidation drops entries, to free their memory.

use std::any::Any;
use std::sync::Arc;

use foldhash::fast::RandomState;
use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

/// Approximate size of an entry without its key, its bytes and its value.
const ENTRY_BYTES: usize = 160;
/// A usual size of an entry, from which the store derives how many to expect.
const USUAL_BYTES: u64 = 2048;

/// The decoded values of one cached type.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// By the text of the key; `None` if the settings turn it off.
    kept: Option<Cache<Box<str>, Arc<Kept>, ByBytes, RandomState>>,
}

#[derive(Debug)]
struct Kept {
    json: Box<[u8]>,
    /// Of the type of the values, which this store does not name, so that whoever invalidates need not know it.
    value: Arc<dyn Any + Send + Sync>,
    value_bytes: usize,
}

#[derive(Clone, Debug)]
struct ByBytes;

impl Weighter<Box<str>, Arc<Kept>> for ByBytes {
    fn weight(&self, key: &Box<str>, kept: &Arc<Kept>) -> u64 {
        (ENTRY_BYTES + key.len() + kept.json.len() + kept.value_bytes) as u64
    }
}

impl Decoded {
    /// Keeps up to `max_bytes`, bytes and values together; nothing if this is 0.
    pub(crate) fn new(max_bytes: u64) -> Self {
        let items = usize::try_from(max_bytes / USUAL_BYTES).unwrap_or(usize::MAX).clamp(64, 1 << 20);
        let store = || Cache::with(items, max_bytes, ByBytes, RandomState::default(), DefaultLifecycle::default());
        Self { kept: (max_bytes > 0).then(store) }
    }

    /// The value, if these bytes were decoded under this key before.
    pub(crate) fn get<V: Send + Sync + 'static>(&self, key: &str, json: &[u8]) -> Option<Arc<V>> {
        let kept = self.kept.as_ref()?.get(key)?;
        if *kept.json != *json {
            return None;
        }
        Arc::clone(&kept.value).downcast().ok()
    }

    /// Keeps a value that was decoded from these bytes, in place of an older one. Its size is estimated: strings take
    /// about as much as in JSON.
    pub(crate) fn keep<V: Send + Sync + 'static>(&self, key: &str, json: &[u8], value: V) -> Arc<V> {
        let value = Arc::new(value);
        if let Some(kept) = &self.kept {
            let value_bytes = size_of::<V>() + json.len();
            kept.insert(key.into(), Arc::new(Kept { json: json.into(), value: Arc::clone(&value) as _, value_bytes }));
        }
        value
    }

    /// Drops what is kept under this key.
    pub(crate) fn forget(&self, key: &str) {
        if let Some(kept) = &self.kept {
            kept.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "invoice:1";

    fn kept(decoded: &Decoded, json: &[u8]) -> Option<Arc<u64>> {
        decoded.get(KEY, json)
    }

    #[test]
    fn a_value_is_given_only_for_all_of_its_bytes_under_its_key() {
        let decoded = Decoded::new(1 << 20);
        let value = decoded.keep(KEY, b"17", 17_u64);
        assert!(kept(&decoded, b"17").is_some_and(|again| Arc::ptr_eq(&again, &value)));
        for other in [&b""[..], b"1", b"18", b"17 "] {
            assert!(kept(&decoded, other).is_none(), "{other:?}");
        }
        assert!(decoded.get::<u64>("invoice:2", b"17").is_none());
    }

    #[test]
    fn the_newest_bytes_of_a_key_replace_the_older_ones() {
        let decoded = Decoded::new(1 << 20);
        decoded.keep(KEY, b"17", 17_u64);
        decoded.keep(KEY, b"18", 18_u64);
        assert_eq!((kept(&decoded, b"17"), kept(&decoded, b"18").as_deref()), (None, Some(&18)));
    }

    #[test]
    fn what_is_forgotten_is_freed() {
        let decoded = Decoded::new(1 << 20);
        let value = decoded.keep(KEY, b"17", 17_u64);
        decoded.forget(KEY);
        assert!(kept(&decoded, b"17").is_none());
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn bytes_and_values_together_stay_within_the_limit() {
        let (decoded, json) = (Decoded::new(100_000), [b'1'; 500]);
        let values: Vec<_> =
            (0..1_000).map(|key| decoded.keep(&format!("invoice:{key}"), &json, [0_u8; 500])).collect();
        let held = values.iter().filter(|value| Arc::strong_count(value) > 1).count();
        assert!(held > 0 && held * 1_000 <= 100_000, "{held} of 1,000 bytes each");
    }

    #[test]
    fn a_limit_of_0_keeps_nothing() {
        let decoded = Decoded::new(0);
        let value = decoded.keep(KEY, b"17", 17_u64);
        assert!(kept(&decoded, b"17").is_none());
        assert_eq!(Arc::strong_count(&value), 1);
    }
}
