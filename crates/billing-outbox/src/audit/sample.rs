//! A random sample of keys, of a fixed size for each type, from a scan of all keys.
//!
//! Each key gets a random number, a keyed hash of its text; the keys with the smallest numbers are the sample (bottom-k
//! sampling). So each key has the same probability, even if the scan returns it twice, and memory is that of the
//! sample. The scan still sees every name: asking Redis for keys at random positions of its table would be faster but
//! not fair, since neighbouring keys are drawn together.
//!
//! Used by the audit.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

use billing_cache::AnyKey;

/// The sample so far.
#[derive(Debug)]
pub(super) struct Sample {
    size: usize,
    numbers: RandomState,
    types: BTreeMap<&'static str, Picked>,
}

#[derive(Debug, Default)]
struct Picked {
    keys: BTreeSet<(u64, AnyKey)>,
    /// Whether keys were left out because the sample was full.
    overflowed: bool,
}

impl Sample {
    /// An empty sample for up to `size` keys of each type.
    pub(super) fn of(size: usize) -> Self {
        Self { size, numbers: RandomState::new(), types: BTreeMap::new() }
    }

    /// Offers one more key of the scan.
    pub(super) fn offer(&mut self, key: AnyKey) {
        let number = self.numbers.hash_one(&key);
        let picked = self.types.entry(key.cache_type()).or_default();
        picked.keys.insert((number, key));
        if picked.keys.len() > self.size {
            picked.keys.pop_last();
            picked.overflowed = true;
        }
    }

    /// Takes the keys out of the sample.
    pub(super) fn take(&mut self) -> impl Iterator<Item = AnyKey> + use<'_> {
        self.types.values_mut().flat_map(|picked| std::mem::take(&mut picked.keys)).map(|(_, key)| key)
    }

    /// Whether no key of this type was left out.
    pub(super) fn covers_all(&self, cache_type: &str) -> bool {
        self.types.get(cache_type).is_none_or(|picked| !picked.overflowed)
    }
}
