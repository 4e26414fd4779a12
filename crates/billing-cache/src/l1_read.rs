//! The read path as far as the memory of the process: a few dozen nanoseconds, of which counting and sampling take a few
//! (`docs/benchmarks.md`).
//!
//! Invariant: a hit that is not sampled allocates nothing, formats no key, and executes no locked instruction but those of
//! the store and of the reference count that it hands out.

use std::sync::Arc;
use std::time::Instant;

use tracing::debug;

use crate::cache::{Cache, TypeState};
use crate::cached_type::{CachedType, Source};
use crate::counters::Counting;
use crate::event::Distribution;
use crate::read::{Tier, nanos};
use crate::sampling::{self, Sampled};

impl<S: Source> Cache<S> {
    /// What is done with this read besides answering it. If it is to be noted what it asked for, that is done; for most reads
    /// this is a decrement.
    #[inline]
    pub(crate) fn sample<T: CachedType<Source = S>>(&self, state: &TypeState<T>, key: &T::Key) -> Sampled {
        if state.counters.counting() == Counting::Off {
            return Sampled::No;
        }
        let sampled = sampling::toss();
        if let Sampled::Noted { stands_for } = sampled
            && let Some(popularity) = &state.popularity
        {
            popularity.note(&self.key_text::<T>(key), stands_for);
        }
        sampled
    }

    /// The value, if L1 has it. Formats no key, allocates nothing, and takes no time of a clock that costs more than a look;
    /// but a few reads of a value near its end have it refreshed.
    #[inline]
    pub(crate) fn look_into_l1<T: CachedType<Source = S>>(
        &self,
        state: &TypeState<T>,
        key: &T::Key,
    ) -> Option<Option<Arc<T::Value>>> {
        let shared = self.shared();
        let (value, ttl_ms) = state.l1.as_ref()?.get(key, &shared.stamps, &shared.liveness)?;
        if state.near_end.is_reached(value.as_ref(), ttl_ms) {
            self.refresh_sometimes(state, key);
        }
        debug!(cache_type = T::NAME, key = self.key_text::<T>(key), tier = Tier::L1.as_str(), "get");
        Some(value)
    }

    /// The same, timed.
    #[cold]
    pub(crate) fn time_look_into_l1<T: CachedType<Source = S>>(
        &self,
        state: &TypeState<T>,
        key: &T::Key,
    ) -> Option<Option<Arc<T::Value>>> {
        let started = Instant::now();
        let value = self.look_into_l1(state, key)?;
        state.counters.record(Distribution::HitL1Time, nanos(started));
        Some(value)
    }

    /// One in sixteen readers of a value in memory near its end considers its refresh. Not the sampled ones: of a thread that
    /// reads fast these are few, and spread over all keys.
    #[cold]
    fn refresh_sometimes<T: CachedType<Source = S>>(&self, state: &TypeState<T>, key: &T::Key) {
        if rand::random_ratio(1, 16) {
            self.consider_refresh(state, key, &self.key_text::<T>(key));
        }
    }
}
