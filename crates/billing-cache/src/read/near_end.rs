//! When a value counts as near its end, and which keys were refreshed lately.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::clock::millis;
use crate::declaration::policy::TtlPolicy;
use crate::protocol::lookup::TimeLeft;

/// Keys that were refreshed lately; more are not refreshed.
const REMEMBERED: usize = 10_000;

/// The keys of a type that need no refresh for a while.
#[derive(Debug, Default)]
pub(crate) struct Refreshed(Mutex<HashMap<String, Instant>>);

impl Refreshed {
    /// Takes the key's turn, unless it was refreshed lately. It has no other turn for `pause`.
    pub(crate) fn take(&self, text: &str, pause: Duration) -> bool {
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

    /// The key needs no refresh before `pause` has passed.
    pub(crate) fn rest(&self, text: String, pause: Duration) {
        self.lock().insert(text, Instant::now() + pause);
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
