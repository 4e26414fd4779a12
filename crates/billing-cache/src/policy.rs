//! How long a value may stay in Redis.
//!
//! Invariant: never longer than its type allows, and never beyond the moment at which it changes by itself.

use std::time::{Duration, SystemTime};

/// Whether values of a type are also held in the memory of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum L1Policy {
    /// Yes, for what changes rarely: after another process's write a hit may be older by up to
    /// `cache.l1_staleness_bound_ms`.
    On,
    /// No, for what belongs to one customer: a write is seen everywhere as soon as it is acknowledged.
    Off,
}

/// The TTL rules of one cached type.
#[derive(Clone, Copy, Debug)]
pub struct TtlPolicy {
    ttl: Duration,
    jitter: f64,
}

impl TtlPolicy {
    /// At most `ttl`, shortened by a random share of up to `jitter_percent`.
    #[must_use]
    pub fn new(ttl: Duration, jitter_percent: u8) -> Self {
        Self { ttl, jitter: f64::from(jitter_percent) / 100.0 }
    }

    /// The longest time a value may be served.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// The time to live of a value that is stored at `now`; `None` if it must not be stored any more.
    ///
    /// Jitter only shortens, and never applies to a validity boundary that comes earlier anyway.
    pub(crate) fn ttl_of(&self, valid_until: Option<SystemTime>, now: SystemTime) -> Option<Duration> {
        let jittered = self.ttl.mul_f64(1.0 - self.jitter * rand::random::<f64>());
        let left = match valid_until {
            Some(boundary) => boundary.duration_since(now).ok()?,
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

    #[test]
    fn jitter_only_shortens() {
        let policy = TtlPolicy::new(HOUR, 10);
        for _ in 0..1000 {
            let ttl = policy.ttl_of(None, SystemTime::now()).unwrap();
            assert!(ttl <= HOUR && ttl >= HOUR.mul_f64(0.9), "{ttl:?}");
        }
    }

    #[test]
    fn a_value_does_not_outlive_its_validity() {
        let policy = TtlPolicy::new(HOUR, 10);
        let now = SystemTime::now();
        let soon = Duration::from_secs(600);
        assert_eq!(policy.ttl_of(Some(now + soon), now), Some(soon));
        assert!(policy.ttl_of(Some(now + 2 * HOUR), now).unwrap() <= HOUR);
    }

    #[test]
    fn a_value_past_its_validity_is_not_stored() {
        let policy = TtlPolicy::new(HOUR, 0);
        let now = SystemTime::now();
        assert_eq!(policy.ttl_of(Some(now - HOUR), now), None);
        assert_eq!(policy.ttl_of(Some(now + Duration::from_micros(10)), now), None);
    }
}
