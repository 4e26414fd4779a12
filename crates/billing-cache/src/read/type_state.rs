//! The state that the cache keeps for one cached type.
//!
//! Used by the whole read path.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Semaphore;
use tracing::{debug, warn};

use super::answer::Answer;
use super::decode::left_ms;
use super::flight::Flights;
use super::near_end::{NearEnd, Refreshed};
use super::shared::PastCache;
use crate::clock::millis;
use crate::connection::error::L2Error;
use crate::counting::counters::Counters;
use crate::counting::event::{Distribution, Event};
use crate::counting::miss_reason::Known;
use crate::counting::popularity::Popularity;
use crate::declaration::cached_type::CachedType;
use crate::declaration::policy::TtlPolicy;
use crate::memory::decoded::Decoded;
use crate::memory::epoch::Stamp;
use crate::memory::l1::{Heard, L1};
use crate::protocol::lookup::{Stored, TimeLeft};

const NANOS_A_MILLI: u64 = 1_000_000;

/// The state; see the module.
pub(crate) struct TypeState<T: CachedType> {
    pub(crate) policy: TtlPolicy,
    pub(crate) counters: Arc<Counters>,
    /// The keys that are read; `None` if the settings turn this off.
    pub(crate) popularity: Option<Arc<Popularity>>,
    pub(crate) flights: Arc<Flights<Answer<T>>>,
    pub(crate) near_end: NearEnd,
    /// The keys that were refreshed ahead recently.
    pub(crate) refreshed: Refreshed,
    /// A permit for each load that may run at once.
    pub(crate) loads: Semaphore,
    /// Whether a missing right of the Redis user was already logged for this type.
    pub(crate) is_refused: AtomicBool,
    /// Present if the policy of the type turns it on.
    pub(crate) l1: Option<L1<T>>,
    pub(crate) decoded: Arc<Decoded>,
    pub(crate) past_cache: Arc<PastCache>,
}

impl<T: CachedType> TypeState<T> {
    /// Puts a value that Redis answered into L1, if the type has one.
    pub(crate) fn keep(&self, key: &T::Key, value: Option<&Arc<T::Value>>, stamp: Stamp, stored: &Stored) {
        let Some(l1) = &self.l1 else { return };
        let longest_ms = millis(self.policy.longest(value));
        let in_redis_ms = if let TimeLeft::Millis(ttl_ms) = stored.left { ttl_ms } else { longest_ms };
        let valid_ms = value.and_then(|value| left_ms::<T>(value, stored.asked)).unwrap_or(longest_ms);
        let ttl_ms = longest_ms.min(in_redis_ms).min(valid_ms);
        let (asked, bytes) = (stored.asked, stored.json.len());
        l1.insert(key, Heard { value: value.cloned(), stamp, asked, ttl_ms, bytes });
    }

    /// The longest time to live of any value of the type, in milliseconds.
    pub(crate) fn longest_ms(&self) -> u64 {
        millis(self.policy.longest(Some(&())))
    }

    /// Records the time to live of a value that Redis answered, if it was asked for.
    pub(crate) fn note_ttl(&self, known: &Known, text: &str, value: Option<&Arc<T::Value>>, stored: &Stored) {
        let TimeLeft::Millis(ttl_ms) = stored.left else { return };
        known.stored(text, ttl_ms);
        let age_ms = millis(self.policy.longest(value)).saturating_sub(ttl_ms);
        self.counters.record(Distribution::AgeAtServe, age_ms.saturating_mul(NANOS_A_MILLI));
    }
}

/// Swallows an error of Redis, so that the read continues without it. It is counted here if a command was sent at all.
/// The link logs it once. A missing right says nothing about the link, so it is logged here, once per type.
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
