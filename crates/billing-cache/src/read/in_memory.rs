//! The read path as far as the memory of the process: a few dozen nanoseconds, of which counting takes less than one
//! (`docs/benchmarks.md`). Its order is made for that: what is rarely done is called, not inlined, and nothing larger
//! than a word is moved where it can be looked at.
//!
//! Invariant: a hit that is not sampled allocates nothing, formats no key, and executes no locked instruction but those
//! of the store and of the reference count that it hands out.

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
    /// The value, if L1 has it, and what else is done with this read; for most reads that is a decrement.
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

    /// The same for a read that was picked.
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

    /// Notes what a read asked for, if it was picked for that.
    pub(crate) fn note<T: CachedType<Source = S>>(&self, state: &TypeState<T>, key: &T::Key, sampled: Sampled) {
        if let (Sampled::Noted { stands_for }, Some(popularity)) = (sampled, &state.popularity) {
            popularity.note(&self.key_text::<T>(key), stands_for);
        }
    }

    /// The value, if L1 has it. Formats no key, allocates nothing, and takes no time of a clock that costs more than a
    /// look; but a few reads of a value near its end have it refreshed.
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

    /// One in sixteen readers of a value in memory near its end considers its refresh. Not the sampled ones: of a
    /// thread that reads fast these are few, and spread over all keys.
    #[cold]
    fn refresh_sometimes<T: CachedType<Source = S>>(&self, state: &TypeState<T>, key: &T::Key) {
        if rand::random_ratio(1, 16) {
            self.consider_refresh(state, key, &self.key_text::<T>(key));
        }
    }
}
