//! Invalidation: makes known-wrong data unreadable, in this process and in Redis, before a writer returns.
//!
//! Invariants (`protocol.md`, "Writing"): local epochs advance after Redis was asked and before the caller continues.
//! They advance even if Redis could not be reached; then the invalidations of these keys are unconfirmed in this
//! process until one succeeds.
//!
//! Used by writers and the relay.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::field::Empty;
use tracing::{Instrument, debug, trace_span, warn};

use super::cache::Cache;
use super::shared::Shared;
use crate::connection::error::{L2Error, RedisUnreachable};
use crate::connection::shards::Gathered;
use crate::counting::event::Event;
use crate::declaration::any_key::AnyKey;
use crate::declaration::cached_type::{CachedType, Source};
use crate::mutation::keeps;
use crate::protocol::history::History;
use crate::protocol::invalidate;

const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// The result of an invalidation. Readers of this process see the change in any case.
#[derive(Clone, Debug, Default)]
#[must_use = "a pending invalidation must stay in the outbox"]
pub struct Invalidation {
    /// The keys that Redis has removed, each with the history of its shard at that time; `None` if the history is not
    /// known.
    pub done: BTreeMap<AnyKey, Option<History>>,
    /// The keys that could not be removed from Redis in time. Readers of other processes may see their old values until
    /// a relay applies the outbox.
    pub pending: BTreeSet<AnyKey>,
    /// Why keys are pending; `None` if none are.
    pub failure: Option<Arc<RedisUnreachable>>,
}

impl Invalidation {
    /// Whether Redis has removed all keys.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.pending.is_empty()
    }
}

impl<S: Source> Cache<S> {
    /// The key to pass to [`invalidate`](Self::invalidate).
    #[must_use]
    pub fn any_key<T: CachedType<Source = S>>(&self, key: &T::Key) -> AnyKey {
        AnyKey::new(T::NAME, self.key_text::<T>(key))
    }

    /// Makes the cached values of these keys unreadable, and makes the fills of loads in flight fail.
    ///
    /// Call it after the commit and before the write is acknowledged. It tries until `cache.invalidation_deadline_ms`.
    /// It must not be dropped before it ends, so run it in a separate task.
    pub async fn invalidate(&self, keys: BTreeSet<AnyKey>) -> Invalidation {
        let shared = self.shared();
        let started = Instant::now();
        let texts: Vec<String> = keys.iter().map(|key| key.as_str().to_owned()).collect();
        let span = trace_span!("invalidate", keys = texts.len(), outcome = Empty);
        if !keeps("bump-after-redis") {
            shared.forget(&texts);
        }
        let (told, error) = tell_redis(shared, &texts).instrument(span.clone()).await;
        let mut outcome = Invalidation::default();
        for (key, told) in keys.into_iter().zip(told) {
            match told {
                Some(history) => drop(outcome.done.insert(key, history)),
                None => drop(outcome.pending.insert(key)),
            }
        }
        if let Some(error) = error {
            let pending: Vec<String> = outcome.pending.iter().map(|key| key.as_str().to_owned()).collect();
            warn!(keys = pending.len(), %error, "invalidation pending, Redis could not be told");
            // Before the epochs advance: a flight of the new epoch must know that Redis is not to be asked.
            #[cfg(feature = "mutations")]
            super::mutated::forget_too_early(shared, &texts).await;
            if keeps("suspect-keys") {
                shared.suspects.add(&pending);
            }
            outcome.failure = Some(Arc::new(shared.shards.unreachable(error)));
        }
        span.record("outcome", event_of(outcome.is_done()).as_str());
        if advances_epochs(outcome.is_done()) {
            shared.forget(&texts);
        }
        let done = outcome.done.keys().map(|key| (key, true));
        for (key, is_done) in done.chain(outcome.pending.iter().map(|key| (key, false))) {
            shared.forget_decoded(key);
            let event = event_of(is_done);
            if let Some(counters) = shared.counters_of(key.cache_type()) {
                counters.add(event);
            }
            debug!(
                cache_type = key.cache_type(),
                key = key.as_str(),
                outcome = event.as_str(),
                elapsed_us = crate::clock::micros(started),
                "invalidate"
            );
        }
        outcome
    }
}

/// Whether the epochs advance after Redis was asked. Only without a part of the protocol they may not.
fn advances_epochs(is_told: bool) -> bool {
    let though_away = keeps("bump-though-redis-is-away") && keeps("suspect-before-stamps");
    (is_told || though_away) && keeps("bump-after-redis") && keeps("bump-before-return")
}

fn event_of(is_done: bool) -> Event {
    if is_done { Event::Invalidated } else { Event::InvalidationPending }
}

/// Sends INVALIDATE in pipelines of bounded size, and retries until the deadline. Gives the history for each key, and
/// the error if some keys have none.
async fn tell_redis(shared: &Shared, keys: &[String]) -> (Vec<Option<Option<History>>>, Option<L2Error>) {
    let ends = Instant::now() + Duration::from_millis(shared.settings.invalidation_deadline_ms);
    let (mut told, mut error) = (Vec::with_capacity(keys.len()), None);
    for batch in keys.chunks(shared.settings.batch_size) {
        let of_batch = tell_batch(shared, batch, ends).await;
        told.extend(of_batch.answers);
        error = error.or(of_batch.error);
    }
    (told, error)
}

async fn tell_batch(shared: &Shared, keys: &[String], ends: Instant) -> Gathered<Option<History>> {
    let limit = || shared.shards.batch_limit().min(ends.saturating_duration_since(Instant::now()));
    let mut told = invalidate::invalidate(&shared.shards, keys, limit()).await;
    while told.error.is_some() && Instant::now() + RETRY_PAUSE < ends {
        tokio::time::sleep(RETRY_PAUSE).await;
        let left: Vec<usize> = (0..keys.len()).filter(|place| told.answers[*place].is_none()).collect();
        let left_keys: Vec<String> = left.iter().map(|place| keys[*place].clone()).collect();
        let again = invalidate::invalidate(&shared.shards, &left_keys, limit()).await;
        for (place, answer) in left.into_iter().zip(again.answers) {
            told.answers[place] = answer;
        }
        told.error = again.error;
    }
    told
}
