//! The read path of one key: look into Redis, else fly (see `pilot.rs`).
//!
//! Invariants: trouble with Redis never becomes an error of a read, only the loader can fail it; whatever a read returns
//! was validated after the read began (`protocol.md`, section 3).

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tracing::field::Empty;
use tracing::{Instrument, debug, trace_span, warn};

use crate::cache::{Cache, TypeState};
use crate::cached_type::{CachedType, LoadResult, LoadedOne, Source};
use crate::clock::{micros, nanos};
use crate::counters::Counting;
use crate::event::{Distribution, Event};
use crate::flight::{Boarding, Found, Landing, Seat};
use crate::l2::error::L2Error;
use crate::l2::lookup::{self, Stored};
use crate::loaded::Loaded;
use crate::operation_log;
use crate::pilot::Pilot;
use crate::reading::{Reading, reading};
use crate::sampling::Sampled;
use crate::stamp::Stamp;

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
// A whole word: beside a byte the rest of an answer would be copied in pieces, and each hit would wait for that.
#[repr(usize)]
#[non_exhaustive]
pub enum Tier {
    /// The memory of the process.
    L1,
    /// Redis.
    L2,
    /// The database, through the cache.
    Loaded,
    /// The database, past the cache, because Redis could not be used.
    Bypassed,
}

impl Tier {
    /// All tiers, the fastest first.
    pub const ALL: [Self; 4] = [Self::L1, Self::L2, Self::Loaded, Self::Bypassed];

    /// Whether the answer was found in the cache, without a load.
    #[must_use]
    pub fn is_hit(self) -> bool {
        match self {
            Self::L1 | Self::L2 => true,
            Self::Loaded | Self::Bypassed => false,
        }
    }

    /// The name in headers, metrics and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::L1 => "l1",
            Self::L2 => "l2",
            Self::Loaded => "loaded",
            Self::Bypassed => "bypassed",
        }
    }
}

/// A value and where it came from. `None` is the knowledge that there is no such row.
#[derive(Debug)]
pub struct Cached<V> {
    /// The value, shared with whoever else asked.
    pub value: Option<Arc<V>>,
    /// Where it came from.
    pub tier: Tier,
}

impl<V> Clone for Cached<V> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), tier: self.tier }
    }
}

impl<V> Cached<V> {
    pub(crate) fn new(value: Option<V>, tier: Tier) -> Self {
        Self { value: value.map(Arc::new), tier }
    }
}

/// The source could not give the value. Redis is never a reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError<E: std::error::Error + 'static> {
    /// The loader failed; the error is shared by all who waited for this load.
    #[error("load {cache_type}: {error}")]
    Load {
        /// The name of the cached type.
        cache_type: &'static str,
        /// What the loader said.
        #[source]
        error: Arc<E>,
    },
    /// The load took too long.
    #[error("load {cache_type}: no answer within {limit_ms} ms (cache.load_deadline_ms)")]
    Deadline {
        /// The name of the cached type.
        cache_type: &'static str,
        /// The limit, in milliseconds.
        limit_ms: u64,
    },
    /// Too many loads of the type went on already, and none ended in time.
    #[error("load {cache_type}: {limit} loads go on already (cache.max_loads)")]
    Overloaded {
        /// The name of the cached type.
        cache_type: &'static str,
        /// How many loads may go on at once.
        limit: usize,
    },
    /// The loader panicked; where and why, the panic itself has said on stderr.
    #[error("load {cache_type}: the loader panicked")]
    Panicked {
        /// The name of the cached type.
        cache_type: &'static str,
    },
}

impl<E: std::error::Error> Clone for ReadError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Load { cache_type, error } => Self::Load { cache_type, error: Arc::clone(error) },
            Self::Deadline { cache_type, limit_ms } => Self::Deadline { cache_type, limit_ms: *limit_ms },
            Self::Overloaded { cache_type, limit } => Self::Overloaded { cache_type, limit: *limit },
            Self::Panicked { cache_type } => Self::Panicked { cache_type },
        }
    }
}

/// What a read of `T` gives.
pub type Answer<T> = Result<Cached<<T as CachedType>::Value>, ReadError<<<T as CachedType>::Source as Source>::Error>>;

/// What a load gave, by key.
pub(crate) type LoadedBatch<T> = std::collections::HashMap<<T as CachedType>::Key, LoadedOne<T>>;

/// A plain look into Redis.
struct Look {
    /// Current when the read began.
    stamp: Stamp,
    /// Whether it also asks how long the value has to live.
    sampled: Sampled,
}

/// Where a value was found, and under which stamp.
pub(crate) struct Place<'a, T: CachedType> {
    pub(crate) key: &'a T::Key,
    pub(crate) text: &'a str,
    /// Current when the read began.
    pub(crate) stamp: Stamp,
}

/// What a plain look into Redis found.
enum Lookup<V> {
    Hit(Option<Arc<V>>),
    Miss,
    /// Something stands there that is no value of ours.
    Undecodable,
    /// Redis cannot be used for this key now.
    Unusable,
}

impl<S: Source> Cache<S> {
    /// Reads one value through the cache.
    ///
    /// May be dropped at any await; a load that was begun goes on for the others who wait for it.
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
        // Boxed, so that a hit in memory does not carry the room for the rest.
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
                    // Now: the fill to come makes the key known.
                    missed.get_or_insert_with(|| shared.known.why_missed(text, state.longest_ms()));
                    Found::Miss
                }
                Lookup::Undecodable => Found::Miss,
                Lookup::Unusable => Found::Unusable,
            };
            let seat = self.board(state, key, text, stamp, found);
            // Boxed, so that a hit does not carry the room for a wait.
            if let Landing::Covered(answer) = Box::pin(seat.landing()).await {
                if let (Some(missed), Ok(Cached { tier: Tier::Loaded, .. })) = (missed, &answer) {
                    state.counters.add(missed.event());
                }
                return answer;
            }
        }
        Box::pin(self.load_past_cache::<T>(key)).await
    }

    /// Joins the flight of the key and stamp, or opens it.
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

    /// GET, and nothing else; with the time to live where L1 wants to know it, and of sampled reads, since a refresh may be due.
    /// What is no value of this key, or has ended, is a miss; the flight replaces it.
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
        let found = if state.l1.is_some() || look.sampled.is_noted() {
            lookup::get_with_ttl(&shared.shards, text).await
        } else {
            lookup::get(&shared.shards, text).await
        };
        match found {
            Ok(Some(stored)) => match reading::<T>(key, text, &stored.json) {
                Reading::Value(value) => {
                    let value = value.map(Arc::new);
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

    /// Takes note of a value that Redis answered: for L1, for what is known of its end, and for its refresh.
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

    /// The value of one key out of a load, or its absence; or the error of this key, which is counted.
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

    /// Asks the source, past the cache and all its limits: for comparisons, and below the limits of a read.
    ///
    /// # Errors
    /// Those of the loader.
    pub async fn load_from_source<T: CachedType<Source = S>>(&self, keys: &[T::Key]) -> LoadResult<T> {
        match T::load(self.source(), keys).await {
            Err(error) if self.source().is_worth_another_try(&error) => T::load(self.source(), keys).await,
            loaded => loaded,
        }
    }

    /// Asks the source, when it is this load's turn, under the deadline. A panic is an error like any other, so that the lease is given back.
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

/// Off the path of those who do not listen.
#[cold]
fn log_get<T: CachedType>(key: &str, answer: &Answer<T>, elapsed_us: u64) {
    let cache_type = T::NAME;
    match answer {
        Ok(cached) => debug!(cache_type, key, tier = cached.tier.as_str(), elapsed_us, "get"),
        Err(error) => debug!(cache_type, key, %error, elapsed_us, "get failed"),
    }
}

/// Counted where one key is looked up, and only there: every read of such a value comes by once.
fn undecodable<T: CachedType>(state: &TypeState<T>) -> Lookup<T::Value> {
    state.counters.add(Event::Undecodable);
    Lookup::Undecodable
}

/// Swallows an error of Redis: the read goes on without it. Counted here if Redis was asked at all, logged once by the link; a
/// right that is missing, which says nothing about the link, here, once a type.
pub(crate) fn note_redis_error<T: CachedType>(state: &TypeState<T>, text: &str, error: &L2Error) {
    if error.was_asked() {
        state.counters.add(Event::RedisError);
    }
    debug!(cache_type = T::NAME, key = text, %error, "redis could not be used");
    if error.is_refusal() && !state.is_refused.swap(true, Ordering::Relaxed) {
        let cache_type = T::NAME;
        warn!(cache_type, %error, "this Redis user lacks a right, reads go to the database; see cache-admin doctor");
    }
}

pub(crate) fn event_of(tier: Tier) -> Event {
    match tier {
        Tier::L1 => Event::HitL1,
        Tier::L2 => Event::HitL2,
        Tier::Loaded => Event::Miss,
        Tier::Bypassed => Event::Bypass,
    }
}

/// What the time of a read belongs to that was answered by this tier.
fn time_of(tier: Tier) -> Distribution {
    match tier {
        Tier::L1 => Distribution::HitL1Time,
        Tier::L2 => Distribution::HitL2Time,
        Tier::Loaded => Distribution::MissTime,
        Tier::Bypassed => Distribution::BypassTime,
    }
}
