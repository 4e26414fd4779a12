//! Loads: read values from the source under the limits of a read.
//!
//! Invariant: only the loader can make a read fail. A panic of the loader is an error like any other.
//!
//! Used by the leader, reads of many, refresh ahead and the audit.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tracing::field::Empty;
use tracing::{Instrument, debug, trace_span};

use super::answer::{Answer, Cached, LoadedBatch, ReadError, Tier};
use super::cache::Cache;
use super::operation_log;
use crate::clock::{micros, nanos};
use crate::counting::event::{Distribution, Event};
use crate::declaration::cached_type::{CachedType, LoadResult, Source};
use crate::declaration::loaded::Loaded;

impl<S: Source> Cache<S> {
    pub(crate) async fn load_past_cache<T: CachedType<Source = S>>(&self, key: &T::Key) -> Answer<T> {
        let loaded = self.load_one::<T>(key).await?;
        Ok(Cached::new(loaded.value, Tier::Bypassed))
    }

    pub(crate) async fn load_one<T: CachedType<Source = S>>(
        &self,
        key: &T::Key,
    ) -> Result<Loaded<T::Value>, ReadError<S::Error>> {
        let mut loaded = self.load::<T>(std::slice::from_ref(key)).await?;
        self.take::<T>(&mut loaded, key)
    }

    /// Takes the value of one key, or its absence, out of a load; or the error of this key, which is counted.
    pub(crate) fn take<T: CachedType<Source = S>>(
        &self,
        loaded: &mut LoadedBatch<T>,
        key: &T::Key,
    ) -> Result<Loaded<T::Value>, ReadError<S::Error>> {
        loaded.remove(key).unwrap_or_else(|| Ok(Loaded::absent())).map_err(|error| {
            self.state::<T>().counters.add(Event::LoadFailed);
            debug!(cache_type = T::NAME, key = self.key_text::<T>(key), %error, "a value cannot be made");
            ReadError::Load { cache_type: T::NAME, error: Arc::new(error) }
        })
    }

    /// Loads directly from the source, without the cache and its limits: for comparisons, and inside the limits of a
    /// read.
    ///
    /// # Errors
    /// Those of the loader.
    pub async fn load_from_source<T: CachedType<Source = S>>(&self, keys: &[T::Key]) -> LoadResult<T> {
        match T::load(self.source(), keys).await {
            Err(error) if self.source().is_worth_another_try(&error) => T::load(self.source(), keys).await,
            loaded => loaded,
        }
    }

    /// Loads from the source under the deadline, after waiting for a free place. A panic is an error like any other, so
    /// that the lease is given back.
    pub(crate) async fn load<T: CachedType<Source = S>>(
        &self,
        keys: &[T::Key],
    ) -> Result<LoadedBatch<T>, ReadError<S::Error>> {
        let state = self.state::<T>();
        let settings = &self.shared().settings;
        let turn = tokio::time::timeout(Duration::from_millis(settings.load_queue_ms), state.loads.acquire()).await;
        let Ok(place) = turn else {
            state.counters.add(Event::Overloaded);
            debug!(cache_type = T::NAME, keys = keys.len(), outcome = Event::Overloaded.as_str(), "load");
            return Err(ReadError::Overloaded { cache_type: T::NAME, limit: settings.max_loads });
        };
        let _place = place.expect("nobody closes the semaphore");
        state.counters.add(Event::Load);
        let started = Instant::now();
        let loading = AssertUnwindSafe(self.load_from_source::<T>(keys)).catch_unwind();
        let span = trace_span!("load", cache_type = T::NAME, keys = keys.len(), outcome = Empty);
        let limit = Duration::from_millis(settings.load_deadline_ms);
        let ended = tokio::time::timeout(limit, loading).instrument(span.clone()).await;
        state.counters.add_sum(Event::LoadMicros, micros(started));
        let error = match ended {
            Ok(Ok(Ok(loaded))) => {
                if let [_] = keys {
                    state.counters.add(Event::SingleLoad);
                    state.counters.add_sum(Event::SingleLoadMicros, micros(started));
                    state.counters.record(Distribution::LoadTime, nanos(started));
                }
                operation_log::loaded::<T>(&span, keys.len(), started);
                return Ok(loaded);
            }
            Ok(Err(_)) => ReadError::Panicked { cache_type: T::NAME },
            Ok(Ok(Err(error))) => ReadError::Load { cache_type: T::NAME, error: Arc::new(error) },
            Err(_) => ReadError::Deadline { cache_type: T::NAME, limit_ms: settings.load_deadline_ms },
        };
        state.counters.add(Event::LoadFailed);
        operation_log::load_failed::<T>(&span, &error, started);
        Err(error)
    }
}
