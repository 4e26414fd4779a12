//! The tally of one cached type: the keys seen, and estimates for all of them from the measured ones: memory and time
//! to live.
//!
//! Each type is a separate stratum, whose mean comes from its own keys. Within a type the measured keys are a random
//! sample: `SCAN` follows the hash of the names, so its beginning is random, and later keys are chosen at random. The
//! error is that of a sample without replacement (Cochran, Sampling Techniques, 2.5 and 2.8). It is zero if all keys
//! were measured.
//!
//! Used by `statistics`.

use serde::Serialize;

/// The true value lies within this many standard errors in 95 of 100 surveys.
const Z_95: f64 = 1.96;

/// The keys of one cached type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TypeSurvey {
    /// The name of the type.
    pub name: &'static str,
    /// Number of keys.
    pub keys: u64,
    /// Number of keys whose memory and time to live were measured.
    pub measured: u64,
    /// Memory that the keys use, in bytes, as the server counts it; an estimate unless all keys were measured; `None`
    /// if the server does not report it.
    pub bytes: Option<u64>,
    /// The estimate is off by at most this many bytes in 95 of 100 surveys; 0 if all keys were measured.
    pub bytes_error: Option<u64>,
    /// The times to live of all keys, scaled up from the measured ones.
    pub ttl: TtlDistribution,
}

/// Numbers of keys by time to live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TtlDistribution {
    /// Keys that never expire. Another program stored them, because the cache always sets a TTL.
    pub no_expiry: u64,
    /// Less than a minute.
    pub under_1_min: u64,
    /// From 1 to 5 minutes.
    pub under_5_min: u64,
    /// From 5 minutes to an hour.
    pub under_1_h: u64,
    /// From an hour to a day.
    pub under_24_h: u64,
    /// A day or more.
    pub more: u64,
}

impl TtlDistribution {
    fn of(buckets: [u64; BUCKETS]) -> Self {
        let [no_expiry, under_1_min, under_5_min, under_1_h, under_24_h, more] = buckets;
        Self { no_expiry, under_1_min, under_5_min, under_1_h, under_24_h, more }
    }
}

const BUCKETS: usize = 6;

/// What was seen of one type so far. Its size is constant.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    keys: u64,
    measured: u64,
    bytes: u64,
    squared_bytes: u128,
    /// Whether the server did not report the memory of some key.
    is_unweighed: bool,
    ttls: [u64; BUCKETS],
}

impl Tally {
    /// Counts a key that was seen.
    pub(super) fn see(&mut self) {
        self.keys += 1;
    }

    /// Number of keys seen.
    pub(super) fn seen(&self) -> u64 {
        self.keys
    }

    /// Records the bytes and the time to live of one of the keys seen. A negative time means that the key never
    /// expires.
    pub(super) fn measure(&mut self, bytes: Option<u64>, ttl_ms: i64) {
        self.measured += 1;
        self.is_unweighed |= bytes.is_none();
        let bytes = bytes.unwrap_or(0);
        self.bytes += bytes;
        self.squared_bytes += u128::from(bytes) * u128::from(bytes);
        self.ttls[bucket(ttl_ms)] += 1;
    }

    /// Uncounts one of the keys seen, because it is gone.
    pub(super) fn miss(&mut self) {
        self.keys -= 1;
    }

    pub(super) fn survey(&self, name: &'static str) -> TypeSurvey {
        TypeSurvey {
            name,
            keys: self.keys,
            measured: self.measured,
            bytes: (!self.is_unweighed).then(|| self.scaled(self.bytes)),
            bytes_error: (!self.is_unweighed).then(|| self.bytes_error()),
            ttl: self.ttl(),
        }
    }

    /// Scales a sum over the measured keys to all keys.
    fn scaled(&self, sum: u64) -> u64 {
        let all = u128::from(sum) * u128::from(self.keys);
        let measured = u128::from(self.measured.max(1));
        u64::try_from((all + measured / 2) / measured).unwrap_or(u64::MAX)
    }

    /// Half the 95 % interval of the sum of bytes.
    #[expect(clippy::cast_precision_loss, reason = "an error bound needs two digits")]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and is of no negative"
    )]
    fn bytes_error(&self) -> u64 {
        if self.measured >= self.keys || self.measured < 2 {
            return 0;
        }
        let (keys, measured, sum) = (self.keys as f64, self.measured as f64, self.bytes as f64);
        let variance = ((self.squared_bytes as f64 - sum * sum / measured) / (measured - 1.0)).max(0.0);
        let unseen_share = 1.0 - measured / keys;
        (Z_95 * keys * (variance * unseen_share / measured).sqrt()).ceil() as u64
    }

    /// The measured times to live, scaled to all keys. The rounded numbers add up to the number of keys.
    fn ttl(&self) -> TtlDistribution {
        let mut measured = 0;
        let mut before = 0;
        TtlDistribution::of(self.ttls.map(|count| {
            measured += count;
            let up_to_here = self.scaled(measured);
            let here = up_to_here - before;
            before = up_to_here;
            here
        }))
    }
}

/// The index of a time to live in the distribution.
fn bucket(ttl_ms: i64) -> usize {
    const MINUTE: i64 = 60_000;
    const ENDS: [i64; BUCKETS - 1] = [0, MINUTE, 5 * MINUTE, 60 * MINUTE, 24 * 60 * MINUTE];
    ENDS.partition_point(|end| *end <= ttl_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(keys: u64, measured: &[u64]) -> Tally {
        let mut tally = Tally::default();
        (0..keys).for_each(|_| tally.see());
        measured.iter().for_each(|bytes| tally.measure(Some(*bytes), 1_000));
        tally
    }

    #[test]
    fn a_ttl_falls_into_the_first_bucket_it_is_under() {
        let mut tally = tally(10, &[]);
        for ms in [-1, 0, 59_999, 60_000, 299_999, 300_000, 3_599_999, 3_600_000, 86_399_999, 86_400_000] {
            tally.measure(Some(1), ms);
        }
        let expected =
            TtlDistribution { no_expiry: 1, under_1_min: 2, under_5_min: 2, under_1_h: 2, under_24_h: 2, more: 1 };
        assert_eq!(tally.survey("x").ttl, expected);
    }

    #[test]
    fn what_was_measured_wholly_is_exact() {
        let survey = tally(3, &[10, 20, 40]).survey("x");
        assert_eq!((survey.keys, survey.bytes, survey.bytes_error), (3, Some(70), Some(0)));
        let nothing = tally(0, &[]).survey("x");
        assert_eq!((nothing.keys, nothing.bytes, nothing.bytes_error), (0, Some(0), Some(0)));
    }

    #[test]
    fn a_sample_is_scaled_and_says_how_far_it_may_be_off() {
        // Mean 100, standard deviation 100 / sqrt(0.99), 100 of 10,000 keys: 1.96 * 10,000 * 10.05 * sqrt(0.99) =
        // 196,000.
        let measured: Vec<u64> = (0..100).map(|number| number % 2 * 200).collect();
        let survey = tally(10_000, &measured).survey("x");
        assert_eq!(survey.bytes, Some(1_000_000));
        assert!((195_900..196_100).contains(&survey.bytes_error.unwrap()), "{survey:?}");
        assert_eq!(tally(10_000, &[100; 100]).survey("x").bytes_error, Some(0), "equal sizes leave nothing to guess");
    }

    #[test]
    fn scaled_times_to_live_add_up_to_the_keys() {
        let mut tally = tally(1_000, &[]);
        [-1, 1, 1, 60_000, 86_400_000, 86_400_000, 86_400_000]
            .iter()
            .for_each(|ttl_ms| tally.measure(Some(1), *ttl_ms));
        let ttl = tally.survey("x").ttl;
        assert_eq!((ttl.no_expiry, ttl.under_1_min, ttl.under_5_min, ttl.more), (143, 286, 142, 429));
    }

    #[test]
    fn a_key_that_has_gone_is_not_counted() {
        let mut tally = tally(3, &[10, 10]);
        tally.miss();
        assert_eq!((tally.survey("x").keys, tally.survey("x").bytes), (2, Some(20)));
    }

    #[test]
    fn memory_that_the_server_does_not_tell_is_unknown_and_keys_are_counted_all_the_same() {
        let mut tally = tally(3, &[10, 20]);
        tally.measure(None, 1_000);
        let survey = tally.survey("x");
        assert_eq!((survey.keys, survey.measured, survey.bytes, survey.bytes_error), (3, 3, None, None));
        assert_eq!(survey.ttl.under_1_min, 3);
    }
}
