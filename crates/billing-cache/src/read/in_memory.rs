//! The part of the read path that only uses the memory of the process. It takes a few dozen nanoseconds, and counting
//! takes less than one of them (`docs/benchmarks.md`). So rare steps are calls that are not inlined, and values larger
//! than a word are inspected in place instead of moved.
//!
//! Invariant: a hit that is not sampled allocates nothing, formats no key, and executes no locked instruction except
//! those of the store and of the reference count that it returns.
//!
//! Used by reads of one key and of many.

use std::sync::Arc;
use std::time::Instant;

use tracing::debug;

use super::answer::Tier;
use super::cache::Cache;
use super::type_state::TypeState;
use crate::clock::nanos;
use crate::counting::counters::Counting;
use crate::counting::event::Distribution;
use crate::counting::sampling::{self, Sampled};
use crate::declaration::cached_type::{CachedType, Source};

impl<S: Source> Cache<S> {
    /// The value, if L1 has it, and whether the read is sampled. For most reads sampling is a decrement.
    #[inline]
    pub(crate) fn sample_and_look_into_l1<T: CachedType<Source = S>>(
        &self,
        state: &TypeState<T>,
        key: &T::Key,
    ) -> (Sampled, Option<Option<Arc<T::Value>>>) {
        match sampling::toss() {
            Sampled::No => (Sampled::No, self.look_into_l1(state, key)),
            sampled => (sampled, self.look_closely_into_l1(state, key, sampled)),
        }
    }

    /// The same for a read that is sampled.
    #[cold]
    fn look_closely_into_l1<T: CachedType<Source = S>>(
        &self,
        state: &TypeState<T>,
        key: &T::Key,
        sampled: Sampled,
    ) -> Option<Option<Arc<T::Value>>> {
        if sampled == Sampled::Timed && state.counters.counting() == Counting::On {
            return self.time_look_into_l1(state, key);
        }
        self.note(state, key, sampled);
        self.look_into_l1(state, key)
    }

    /// Notes the key of a read that was picked for that.
    pub(crate) fn note<T: CachedType<Source = S>>(&self, state: &TypeState<T>, key: &T::Key, sampled: Sampled) {
        if let (Sampled::Noted { stands_for }, Some(popularity)) = (sampled, &state.popularity) {
            popularity.note(&self.key_text::<T>(key), stands_for);
        }
    }

    /// The value, if L1 has it. It formats no key, allocates nothing, and uses no clock that costs more than the
    /// lookup. But a few reads of a value near its end start a refresh.
    #[inline]
    pub(crate) fn look_into_l1<T: CachedType<Source = S>>(
        &self,
        state: &TypeState<T>,
        key: &T::Key,
    ) -> Option<Option<Arc<T::Value>>> {
        let (value, ttl_ms) = state.l1.as_ref()?.get(key, &self.inner.guard)?;
        if state.near_end.is_reached(value.as_ref(), ttl_ms) {
            self.refresh_sometimes(state, key);
        }
        debug!(cache_type = T::NAME, key = self.key_text::<T>(key), tier = Tier::L1.as_str(), "get");
        Some(value)
    }

    /// The same, timed.
    fn time_look_into_l1<T: CachedType<Source = S>>(
        &self,
        state: &TypeState<T>,
        key: &T::Key,
    ) -> Option<Option<Arc<T::Value>>> {
        let started = Instant::now();
        let value = self.look_into_l1(state, key)?;
        state.counters.record(Distribution::HitL1Time, nanos(started));
        Some(value)
    }

    /// One in sixteen reads of a value near its end in memory considers a refresh. Sampled reads would not do: a thread
    /// that reads fast has few of them, spread over all keys.
    #[cold]
    fn refresh_sometimes<T: CachedType<Source = S>>(&self, state: &TypeState<T>, key: &T::Key) {
        if rand::random_ratio(1, 16) {
            self.consider_refresh(state, key, &self.key_text::<T>(key));
        }
    }
}
