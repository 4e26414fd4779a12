//! Decides when a value is near its end, and remembers which keys were refreshed recently.
//!
//! Used by the read path to decide on refreshes.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::clock::millis;
use crate::declaration::policy::TtlPolicy;
use crate::protocol::lookup::TimeLeft;

/// Number of recently refreshed keys that are remembered. Beyond it no key is refreshed.
const REMEMBERED: usize = 10_000;

/// The keys of a type that need no refresh for a while.
#[derive(Debug, Default)]
pub(crate) struct Refreshed(Mutex<HashMap<String, Instant>>);

impl Refreshed {
    /// Whether to refresh the key now. If so, it is not refreshed again for `pause`.
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

    /// Notes that the key needs no refresh before `pause` has passed.
    pub(crate) fn rest(&self, text: String, pause: Duration) {
        self.lock().insert(text, Instant::now() + pause);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Instant>> {
        self.0.lock().expect("no panic while the refreshed keys are locked")
    }
}

/// A value with less time left than this is refreshed ahead; in milliseconds, 0 for never.
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

    /// Whether this value, or its absence, is near its end with `ttl_ms` left.
    #[inline]
    pub(crate) fn is_reached<V>(self, value: Option<&V>, ttl_ms: u64) -> bool {
        ttl_ms < if value.is_some() { self.present_ms } else { self.absent_ms }
    }

    /// The same for a value that Redis answered. A value without an expiry counts as near its end.
    pub(crate) fn is_due<V>(self, value: Option<&V>, left: TimeLeft) -> bool {
        match left {
            TimeLeft::NotAsked => false,
            TimeLeft::Millis(ttl_ms) => self.is_reached(value, ttl_ms),
            TimeLeft::Endless => true,
        }
    }
}
