//! How long a value may stay in Redis.
//!
//! Invariant: never longer than its type allows, and never beyond the moment at which it changes by itself. The absence
//! of a row has a shorter limit of its own, because the caller chooses the key: absences are the only entries whose
//! number has no bound.
//!
//! Used by the read path for every fill.

use std::time::{Duration, Instant};

use super::loaded::Loaded;

/// Whether values of a type are also held in the memory of the process (L1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum L1Policy {
    /// Yes, for data that changes rarely: after a write of another process a hit may be old by up to
    /// `cache.l1_staleness_bound_ms`.
    On,
    /// No, for data of one customer: a write is seen everywhere as soon as it is acknowledged.
    Off,
}

/// The TTL rules of one cached type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TtlPolicy {
    ttl: Duration,
    absent_ttl: Duration,
    jitter: f64,
}

impl TtlPolicy {
    /// At most `ttl`, shortened by a random share of up to `jitter_percent`.
    #[must_use]
    pub(crate) fn new(ttl: Duration, jitter_percent: u8) -> Self {
        Self { ttl, absent_ttl: ttl, jitter: f64::from(jitter_percent) / 100.0 }
    }

    /// The same, with a limit of `absent_ttl` for the absence of a row.
    #[must_use]
    pub(crate) fn with_absent_ttl(self, absent_ttl: Duration) -> Self {
        Self { absent_ttl: absent_ttl.min(self.ttl), ..self }
    }

    /// The longest time this value, or its absence, may be served.
    #[must_use]
    pub(crate) fn longest<V>(&self, value: Option<&V>) -> Duration {
        if value.is_some() { self.ttl } else { self.absent_ttl }
    }

    /// The time to live of a value that is sent now and takes up to `way` to reach Redis, where the time begins; `None`
    /// if it must no longer be stored.
    ///
    /// Jitter only shortens the time. It does not apply to a validity boundary that comes earlier anyway.
    pub(crate) fn ttl_of<V>(&self, loaded: &Loaded<V>, way: Duration) -> Option<Duration> {
        self.ttl_at(loaded, Instant::now() + way)
    }

    fn ttl_at<V>(&self, loaded: &Loaded<V>, stored: Instant) -> Option<Duration> {
        let longest = self.longest(loaded.value.as_ref());
        let jittered = longest.mul_f64(1.0 - self.jitter * rand::random::<f64>());
        let left = match loaded.valid_until {
            Some(boundary) => boundary.checked_duration_since(stored)?,
            None => Duration::MAX,
        };
        let ttl = jittered.min(left);
        (ttl.as_millis() > 0).then_some(ttl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn until(valid_until: Option<Instant>) -> Loaded<()> {
        Loaded { value: Some(()), valid_until }
    }

    #[test]
    fn jitter_only_shortens() {
        let policy = TtlPolicy::new(HOUR, 10);
        for _ in 0..1000 {
            let ttl = policy.ttl_at(&until(None), Instant::now()).unwrap();
            assert!(ttl <= HOUR && ttl >= HOUR.mul_f64(0.9), "{ttl:?}");
        }
    }

    #[test]
    fn a_value_does_not_outlive_its_validity() {
        let policy = TtlPolicy::new(HOUR, 10);
        let now = Instant::now();
        let soon = Duration::from_secs(600);
        assert_eq!(policy.ttl_at(&until(Some(now + soon)), now), Some(soon));
        assert!(policy.ttl_at(&until(Some(now + 2 * HOUR)), now).unwrap() <= HOUR);
    }

    #[test]
    fn the_way_to_redis_counts_for_its_end() {
        let policy = TtlPolicy::new(HOUR, 0);
        let ends = until(Some(Instant::now() + Duration::from_secs(600)));
        assert!(policy.ttl_of(&ends, Duration::from_secs(100)).unwrap() <= Duration::from_secs(500));
        assert_eq!(policy.ttl_of(&ends, Duration::from_secs(600)), None);
    }

    #[test]
    fn an_absence_lives_shorter_and_never_longer_than_a_value() {
        let now = Instant::now();
        let policy = TtlPolicy::new(HOUR, 0).with_absent_ttl(HOUR / 4);
        assert_eq!(policy.ttl_at(&Loaded::<()>::absent(), now), Some(HOUR / 4));
        assert_eq!(policy.ttl_at(&until(None), now), Some(HOUR));
        let policy = TtlPolicy::new(HOUR, 0).with_absent_ttl(2 * HOUR);
        assert_eq!(policy.ttl_at(&Loaded::<()>::absent(), now), Some(HOUR));
    }

    #[test]
    fn a_value_past_its_validity_is_not_stored() {
        let policy = TtlPolicy::new(HOUR, 0);
        let now = Instant::now();
        assert_eq!(policy.ttl_at(&until(Some(now - HOUR)), now), None);
        assert_eq!(policy.ttl_at(&until(Some(now + Duration::from_micros(10))), now), None);
    }
}
