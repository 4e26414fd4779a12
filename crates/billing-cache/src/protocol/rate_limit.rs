//! Rate limit: how many keys a second a scan over many keys may examine.
//!
//! Invariant: over any period that begins with the first step of a scan, no more keys are taken than the rate allows,
//! plus the keys of one step. A scan that was delayed does not catch up.
//!
//! Used by clear, keyspace statistics and the scans of the audit.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// Number of steps a second, if the rate allows it, so that a slow scan is steady.
const STEPS_PER_SECOND: u32 = 10;

/// The rate limit of one scan; each scan has its own.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    keys_per_second: Option<NonZeroU32>,
    /// When the keys taken so far are worked off.
    due: Option<Instant>,
}

impl Pace {
    /// As fast as the server answers.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::default()
    }

    /// At most `rate` keys a second.
    #[must_use]
    pub fn keys_per_second(rate: NonZeroU32) -> Self {
        Self { keys_per_second: Some(rate), due: None }
    }

    /// Number of keys in one step, at most `most` and at least one.
    #[must_use]
    pub fn step(&self, most: usize) -> usize {
        let steady = self.keys_per_second.map_or(most, |rate| (rate.get() / STEPS_PER_SECOND) as usize);
        steady.min(most).max(1)
    }

    /// Waits until the next `keys` may be taken. May be dropped: they then count as taken.
    pub async fn take(&mut self, keys: usize) {
        let now = Instant::now();
        if let Some(wait) = self.turn(now, keys).checked_duration_since(now).filter(|wait| !wait.is_zero()) {
            tokio::time::sleep(wait).await;
        }
    }

    /// The time at which the next `keys` may be taken.
    fn turn(&mut self, now: Instant, keys: usize) -> Instant {
        let Some(rate) = self.keys_per_second else { return now };
        let turn = self.due.map_or(now, |due| due.max(now));
        let keys = u32::try_from(keys).unwrap_or(u32::MAX);
        self.due = Some(turn + Duration::from_secs_f64(f64::from(keys) / f64::from(rate.get())));
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(rate: u32) -> Pace {
        Pace::keys_per_second(NonZeroU32::new(rate).unwrap())
    }

    #[test]
    fn a_walk_of_so_many_keys_takes_as_long_as_the_rate_says() {
        let (mut pace, start) = (pace(1_000), Instant::now());
        let turns: Vec<Duration> = (0..5).map(|_| pace.turn(start, 100) - start).collect();
        assert_eq!(turns, [0, 100, 200, 300, 400].map(Duration::from_millis));
    }

    #[test]
    fn what_was_held_up_is_not_made_up_for() {
        let (mut pace, start) = (pace(1_000), Instant::now());
        pace.turn(start, 100);
        let later = start + Duration::from_secs(60);
        assert_eq!(pace.turn(later, 100), later);
        assert_eq!(pace.turn(later, 100), later + Duration::from_millis(100));
    }

    #[test]
    fn steps_get_smaller_where_the_rate_is_low() {
        assert_eq!([1, 20, 3_000, 1_000_000].map(|rate| pace(rate).step(500)), [1, 2, 300, 500]);
        assert_eq!(Pace::unlimited().step(500), 500);
        let (mut unlimited, now) = (Pace::unlimited(), Instant::now());
        assert_eq!((unlimited.turn(now, 1_000_000), unlimited.turn(now, 1)), (now, now));
    }
}
