//! Unconfirmed invalidations: the keys that this process wrote while Redis could not be reached.
//!
//! Invariant: such a key is read from the database until an invalidation of it succeeds that was sent after the
//! failure. Otherwise the writer would not read its own write when Redis comes back (`protocol.md`, "Writing").
//!
//! Used by invalidation, `retry`, and every lookup.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rand::seq::IteratorRandom;
use tokio::sync::Notify;

/// Beyond this number every key counts as unconfirmed, until all types were cleared.
const LIMIT: usize = 100_000;

/// The unconfirmed keys of a process.
#[derive(Debug, Default)]
pub(crate) struct Suspects {
    keys: Mutex<Keys>,
    /// Read without the lock on every lookup.
    count: AtomicUsize,
    pub(crate) added: Notify,
}

#[derive(Debug, Default)]
struct Keys {
    /// Each key with the number of its latest failure.
    failed: HashMap<String, u64>,
    failures: u64,
    overflowed_at: Option<u64>,
}

/// The keys to invalidate, and the number of the latest failure at that time.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) keys: Vec<String>,
    /// There are too many keys to remember, so every type must be cleared.
    pub(crate) everything: bool,
    as_of: u64,
}

impl Suspects {
    pub(crate) fn contains(&self, key: &str) -> bool {
        if self.count.load(Ordering::SeqCst) == 0 {
            return false;
        }
        let keys = self.lock();
        keys.overflowed_at.is_some() || keys.failed.contains_key(key)
    }

    /// Adds keys whose invalidation failed.
    pub(crate) fn add(&self, failed: &[String]) {
        let mut keys = self.lock();
        keys.failures += 1;
        let number = keys.failures;
        for key in failed {
            if keys.failed.len() >= LIMIT {
                keys.failed.clear();
                keys.overflowed_at = Some(number);
            }
            if keys.overflowed_at.is_some() {
                keys.overflowed_at = Some(number);
                break;
            }
            keys.failed.insert(key.clone(), number);
        }
        self.recount(&keys);
        drop(keys);
        self.added.notify_one();
    }

    /// Up to `limit` keys to invalidate again; empty if there are none. They are chosen at random, so that the keys of
    /// a dead primary do not block the others.
    pub(crate) fn batch(&self, limit: usize) -> Batch {
        let keys = self.lock();
        Batch {
            keys: keys.failed.keys().cloned().sample(&mut rand::rng(), limit),
            everything: keys.overflowed_at.is_some(),
            as_of: keys.failures,
        }
    }

    /// Removes the keys of a successful batch. Keys that failed again meanwhile stay.
    pub(crate) fn settle(&self, batch: &Batch) {
        let mut keys = self.lock();
        for key in &batch.keys {
            if keys.failed.get(key).is_some_and(|number| *number <= batch.as_of) {
                keys.failed.remove(key);
            }
        }
        if batch.everything && keys.overflowed_at.is_some_and(|number| number <= batch.as_of) {
            keys.overflowed_at = None;
        }
        self.recount(&keys);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of unconfirmed keys; 1 may stand for all.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    fn recount(&self, keys: &Keys) {
        self.count.store(keys.failed.len() + usize::from(keys.overflowed_at.is_some()), Ordering::SeqCst);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Keys> {
        self.keys.lock().expect("no panic while the suspects are locked")
    }
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty() && !self.everything
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> String {
        format!("invoice:{number}")
    }

    #[test]
    fn a_key_that_failed_again_stays_suspect() {
        let suspects = Suspects::default();
        suspects.add(&[key(1), key(2)]);
        let batch = suspects.batch(10);
        suspects.add(&[key(2)]);
        suspects.settle(&batch);
        assert!(!suspects.contains(&key(1)));
        assert!(suspects.contains(&key(2)));
        assert_eq!(suspects.len(), 1);
    }

    #[test]
    fn keys_that_go_on_failing_do_not_stand_in_the_way_of_others() {
        let suspects = Suspects::default();
        let failing: Vec<String> = (0..1_000).map(key).collect();
        suspects.add(&failing);
        let first = suspects.batch(500).keys;
        assert_eq!(first.len(), 500);
        let others = || suspects.batch(500).keys.into_iter().any(|key| !first.contains(&key));
        assert!((0..10).any(|_| others()));
    }

    #[test]
    fn too_many_keys_make_everything_suspect_until_all_was_cleared() {
        let suspects = Suspects::default();
        let many: Vec<String> = (0..=LIMIT).map(key).collect();
        suspects.add(&many);
        assert!(suspects.contains("another"));
        let batch = suspects.batch(10);
        assert!(batch.everything);
        assert_eq!(suspects.len(), 1);
        suspects.settle(&batch);
        assert!(suspects.is_empty());
    }
}
