//! The read path of one key: look it up in Redis, or else join a flight (see `leader.rs`).
//!
//! Invariants: a failure of Redis never becomes an error of a read; only the loader can make a read fail. Every value
//! that a read returns was validated after the read began (`protocol.md`, "Reading").

use std::sync::Arc;
use std::time::Instant;

use tracing::field::Empty;
use tracing::{Instrument, debug, trace_span};

use super::answer::{Answer, Cached, Tier, event_of, time_of};
use super::cache::Cache;
use super::decode::{Reading, reading};
use super::flight::{Boarding, Found, Landing, Seat};
use super::leader::Pilot;
use super::type_state::{TypeState, note_redis_error};
use crate::clock::{micros, nanos};
use crate::counting::counters::Counting;
use crate::counting::event::Event;
use crate::counting::sampling::Sampled;
use crate::declaration::cached_type::{CachedType, Source};
use crate::memory::epoch::Stamp;
use crate::protocol::lookup::{self, Stored};

/// A lookup in Redis.
struct Look {
    /// The epoch when the read began.
    stamp: Stamp,
    /// Whether it also asks for the time to live.
    sampled: Sampled,
}

/// The key of a value, and the epoch in which it was read.
pub(crate) struct Place<'a, T: CachedType> {
    pub(crate) key: &'a T::Key,
    pub(crate) text: &'a str,
    /// The epoch when the read began.
    pub(crate) stamp: Stamp,
}

/// The result of a lookup in Redis.
enum Lookup<V> {
    Hit(Option<Arc<V>>),
    Miss,
    /// The key holds something that is no value of this type.
    Undecodable,
    /// Redis cannot be used for this key now.
    Unusable,
}

impl<S: Source> Cache<S> {
    /// Reads one value through the cache.
    ///
    /// May be dropped at any await; a load that has begun continues for its other waiters.
    ///
    /// # Errors
    /// Only those of the loader.
    pub async fn get<T: CachedType<Source = S>>(&self, key: &T::Key) -> Answer<T> {
        let state = self.state::<T>();
        let (sampled, held) = self.sample_and_look_into_l1(state, key);
        if let Some(value) = held {
            state.counters.add(Event::HitL1);
            return Ok(Cached { value, tier: Tier::L1 });
        }
        // Boxed, so that the future of a hit in memory stays small.
        Box::pin(self.get_past_l1(state, key, sampled)).await
    }

    async fn get_past_l1<T: CachedType<Source = S>>(
        &self,
        state: &TypeState<T>,
        key: &T::Key,
        sampled: Sampled,
    ) -> Answer<T> {
        let is_logged = tracing::enabled!(tracing::Level::DEBUG);
        let started = (is_logged || state.counters.counting() == Counting::On).then(Instant::now);
        let text = self.key_text::<T>(key);
        let span = trace_span!("get", cache_type = T::NAME, tier = Empty);
        let answer = self.read(state, key, &text, sampled).instrument(span.clone()).await;
        let Some(started) = started else { return answer };
        if let Ok(cached) = &answer {
            span.record("tier", cached.tier.as_str());
            state.counters.add(event_of(cached.tier));
            state.counters.record(time_of(cached.tier), nanos(started));
        }
        if is_logged {
            log_get::<T>(&text, &answer, micros(started));
        }
        answer
    }

    /// Reads past L1.
    pub(crate) async fn read<T: CachedType<Source = S>>(
        &self,
        state: &TypeState<T>,
        key: &T::Key,
        text: &str,
        sampled: Sampled,
    ) -> Answer<T> {
        let shared = self.shared();
        let mut missed = None;
        for _ in 0..2 {
            let stamp = shared.guard.stamps.current(text);
            let found = match self.lookup(state, key, text, Look { stamp, sampled }).await {
                Lookup::Hit(value) => return Ok(Cached { value, tier: Tier::L2 }),
                Lookup::Miss => {
                    // Determined now, because the following fill makes the key known.
                    missed.get_or_insert_with(|| shared.known.why_missed(text, state.longest_ms()));
                    Found::Miss
                }
                Lookup::Undecodable => Found::Miss,
                Lookup::Unusable => Found::Unusable,
            };
            let seat = self.board(state, key, text, stamp, found);
            // Boxed, so that the future of a hit stays small.
            if let Landing::Covered(answer) = Box::pin(seat.landing()).await {
                if let (Some(missed), Ok(Cached { tier: Tier::Loaded, .. })) = (missed, &answer) {
                    state.counters.add(missed.event());
                }
                return answer;
            }
        }
        Box::pin(self.load_past_cache::<T>(key)).await
    }

    /// Joins the flight of the key and epoch, or opens it.
    fn board<T: CachedType<Source = S>>(
        &self,
        state: &TypeState<T>,
        key: &T::Key,
        text: &str,
        stamp: Stamp,
        found: Found,
    ) -> Seat<Answer<T>> {
        let seat = state.flights.join(text, stamp, found, |flight| {
            let pilot = Arc::new(Pilot::<T> { cache: self.clone(), key: key.clone(), text: text.to_owned(), flight });
            move || {
                let pilot = Arc::clone(&pilot);
                async move { pilot.fly().await }
            }
        });
        if seat.boarding == Boarding::Joined {
            state.counters.add(Event::Coalesced);
        }
        seat
    }

    /// Sends only GET; also PTTL if L1 needs it, and for sampled reads, because a refresh may be due. Something that is
    /// no value of this key, or has ended, is a miss, and the flight replaces it.
    async fn lookup<T: CachedType<Source = S>>(
        &self,
        state: &TypeState<T>,
        key: &T::Key,
        text: &str,
        look: Look,
    ) -> Lookup<T::Value> {
        let shared = self.shared();
        if state.past_cache.is_on() || shared.suspects.contains(text) {
            return Lookup::Unusable;
        }
        #[cfg(feature = "mutations")]
        let look = Look { stamp: self.stamp_after_suspects(text, look.stamp).await, ..look };
        let found = if state.l1.is_some() || look.sampled.is_noted() {
            lookup::get_with_ttl(&shared.shards, text).await
        } else {
            lookup::get(&shared.shards, text).await
        };
        match found {
            Ok(Some(stored)) => match reading::<T>(&state.decoded, key, text, &stored.json) {
                Reading::Value(value) => {
                    #[cfg(feature = "mutations")]
                    let look = Look { stamp: self.stamp_after_get(text, look.stamp), ..look };
                    self.take_in(state, Place { key, text, stamp: look.stamp }, value.as_ref(), &stored);
                    Lookup::Hit(value)
                }
                Reading::Ended => Lookup::Miss,
                Reading::Undecodable => undecodable(state),
            },
            Ok(None) => Lookup::Miss,
            Err(error) if error.is_wrong_type() => undecodable(state),
            Err(error) => {
                note_redis_error(state, text, &error);
                shared.suspect_oversize(&error, vec![text.to_owned()]);
                Lookup::Unusable
            }
        }
    }

    /// Processes a value that Redis answered: for L1, for its known end, and for its refresh.
    pub(crate) fn take_in<T: CachedType<Source = S>>(
        &self,
        state: &TypeState<T>,
        Place { key, text, stamp }: Place<'_, T>,
        value: Option<&Arc<T::Value>>,
        stored: &Stored,
    ) {
        state.note_ttl(&self.shared().known, text, value, stored);
        state.keep(key, value, stamp, stored);
        if state.near_end.is_due(value, stored.left) {
            self.consider_refresh(state, key, text);
        }
    }
}

/// Not inlined, so that it costs nothing while DEBUG is off.
#[cold]
fn log_get<T: CachedType>(key: &str, answer: &Answer<T>, elapsed_us: u64) {
    let cache_type = T::NAME;
    match answer {
        Ok(cached) => debug!(cache_type, key, tier = cached.tier.as_str(), elapsed_us, "get"),
        Err(error) => debug!(cache_type, key, %error, elapsed_us, "get failed"),
    }
}

/// Counted only where one key is looked up, because every read of such a value passes there once.
fn undecodable<T: CachedType>(state: &TypeState<T>) -> Lookup<T::Value> {
    state.counters.add(Event::Undecodable);
    Lookup::Undecodable
}
