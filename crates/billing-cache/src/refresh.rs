//! Refresh ahead: a value that is read near its end is loaded anew by one process, while everybody goes on hitting the old.
//!
//! Invariant (`protocol.md`, section 7): a refresh holds the key's lease, so an invalidation makes its fill lost, and no two
//! processes refresh one key at a time. A refresh that fails leaves the old value as it is.
//!
//! Only sampled hits ask how long the value has to live (see [`crate::sampling`]); a hot key is asked often enough. A value
//! without an end, which no process of ours stores, counts as near its end even where refresh ahead is off.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tracing::debug;

use crate::cache::{Cache, TypeState};
use crate::cached_type::{CachedType, Source};
use crate::clock::{micros, millis};
use crate::event::Event;
use crate::l2::acquire::{Acquired, acquire};
use crate::l2::fill::{self, Fill, Filled};
use crate::l2::lease::{Mode, Token};
use crate::l2::lookup::TimeLeft;
use crate::l2::release::release;
use crate::policy::TtlPolicy;

/// Keys that were refreshed lately; more are not refreshed.
const REMEMBERED: usize = 10_000;

/// The keys of a type that need no refresh for a while.
#[derive(Debug, Default)]
pub(crate) struct Refreshed(Mutex<HashMap<String, Instant>>);

impl Refreshed {
    /// Takes the key's turn, unless it was refreshed lately. It has no other turn for `pause`.
    fn take(&self, text: &str, pause: Duration) -> bool {
        let now = Instant::now();
        let mut refreshed = self.lock();
        if refreshed.len() >= REMEMBERED {
            refreshed.retain(|_, not_before| *not_before > now);
        }
        if refreshed.len() >= REMEMBERED || refreshed.get(text).is_some_and(|not_before| *not_before > now) {
            return false;
        }
        refreshed.insert(text.to_owned(), now + pause);
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Instant>> {
        self.0.lock().expect("no panic while the refreshed keys are locked")
    }
}

/// With less than this left to live, a value is refreshed ahead; in milliseconds, 0 if never.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NearEnd {
    present_ms: u64,
    absent_ms: u64,
}

impl NearEnd {
    pub(crate) fn of(policy: &TtlPolicy, percent: u8) -> Self {
        let share = |ttl| millis(ttl) / 100 * u64::from(percent);
        Self { present_ms: share(policy.longest(Some(&()))), absent_ms: share(policy.longest(None::<&()>)) }
    }

    /// Whether this value, or its absence, with so long to live is near its end.
    #[inline]
    pub(crate) fn is_reached<V>(self, value: Option<&V>, ttl_ms: u64) -> bool {
        ttl_ms < if value.is_some() { self.present_ms } else { self.absent_ms }
    }

    /// The same of one that Redis answered. One that would never come to its end counts as near it.
    pub(crate) fn is_due<V>(self, value: Option<&V>, left: TimeLeft) -> bool {
        match left {
            TimeLeft::NotAsked => false,
            TimeLeft::Millis(ttl_ms) => self.is_reached(value, ttl_ms),
            TimeLeft::Endless => true,
        }
    }
}

impl<S: Source> Cache<S> {
    /// Starts a refresh of a value near its end in the background, unless somebody here has refreshed it lately.
    pub(crate) fn consider_refresh<T: CachedType<Source = S>>(&self, state: &TypeState<T>, key: &T::Key, text: &str) {
        let pause = Duration::from_millis(self.shared().settings.lease_ttl_ms);
        if state.refreshed.take(text, pause) {
            let (cache, key, text) = (self.clone(), key.clone(), text.to_owned());
            tokio::spawn(async move { cache.refresh::<T>(&key, text).await });
        }
    }

    async fn refresh<T: CachedType<Source = S>>(&self, key: &T::Key, text: String) {
        let (shared, state) = (self.shared(), self.state::<T>());
        let started = Instant::now();
        let lease_ttl = Duration::from_millis(shared.settings.lease_ttl_ms);
        let Ok(Acquired::Granted(token)) = acquire(&shared.shards, &text, Mode::Refresh, lease_ttl).await else {
            return;
        };
        let Ok(loaded) = self.load_one::<T>(key).await else {
            return self.give_up_refresh(&text, &token).await;
        };
        let Some(ttl) = state.policy.ttl_of(&loaded, shared.shards.command_limit()) else {
            return self.give_up_refresh(&text, &token).await;
        };
        let json = serde_json::to_vec(&loaded.value).expect("a snapshot struct has a JSON form");
        // A value that ends soon by itself would be near its end again at once: once is enough.
        state.refreshed.lock().insert(text.clone(), Instant::now() + ttl / 2);
        let fill = Fill { key: text.clone(), token, json, ttl };
        if !self.may_store(state, &fill) {
            return self.give_up_refresh(&text, &fill.token).await;
        }
        let filled = fill::fill(&shared.shards, &fill).await;
        let event = if matches!(filled, Ok(Filled::Stored)) {
            shared.known.stored(&text, millis(ttl));
            Event::Refreshed
        } else {
            Event::FillLost
        };
        state.counters.add(event);
        let elapsed_us = micros(started);
        debug!(cache_type = T::NAME, key = text, outcome = event.as_str(), elapsed_us, "refresh ahead");
    }

    /// Only the lease is given back: an invalidation would take the old value along.
    async fn give_up_refresh(&self, text: &str, token: &Token) {
        if let Err(error) = release(&self.shared().shards, text, token).await {
            debug!(key = text, %error, "a lease is left to expire");
        }
    }
}
