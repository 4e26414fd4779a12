//! Popularity: the keys of a type that this process read lately, from the sampled reads of all tiers.
//!
//! Invariants: a read that is not sampled costs nothing here. At most [`TRACKED`] keys per type are held, about 100 KiB
//! for keys such as `invoice:42`. Only reads that were not yet sent to Redis are held (see
//! [`crate::reporting::hot_keys`]).
//!
//! Recent reads weigh more, by forward decay (Cormode, Shkapenyuk, Srivastava and Xu, "Forward Decay: A Practical Time
//! Decay Model for Streaming Systems", ICDE 2009): a read counts 2^(half-lives since a fixed landmark). So the weights
//! of all processes can be added unchanged, and never need to be aged.
//!
//! Used by sampled reads, and by the flush of hot keys.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::frequent::Frequent;

/// Number of keys of one type that a process distinguishes between two flushes. Beyond it, rare keys are forgotten.
const TRACKED: usize = 1_024;
/// Half-lives from one landmark to the next. Weights stay below 2^64 times the reads, far below the limit of an `f64`.
/// Weights under the previous landmark become comparable by an exact division by 2^64.
const PERIOD_HALF_LIVES: f64 = 64.0;

/// How fast reads are forgotten.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decay {
    half_life: Duration,
}

/// A moment in terms of decayed sums.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Instant {
    /// The number of its landmark.
    pub(crate) period: u64,
    /// The weight of a read at this moment.
    pub(crate) weight: f64,
}

impl Decay {
    pub(crate) fn new(half_life_seconds: u64) -> Self {
        Self { half_life: Duration::from_secs(half_life_seconds) }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of past periods")]
    pub(crate) fn instant(self, time: SystemTime) -> Instant {
        let half_lives = self.half_lives(time.duration_since(UNIX_EPOCH).unwrap_or_default());
        let period = (half_lives / PERIOD_HALF_LIVES).floor();
        Instant { period: period as u64, weight: (half_lives - period * PERIOD_HALF_LIVES).exp2() }
    }

    /// The share of a weight that is left after this time.
    #[must_use]
    pub(crate) fn left_after(self, age: Duration) -> f64 {
        (-self.half_lives(age)).exp2()
    }

    /// The steady rate, in reads an hour, whose decayed sum is 1 if counting began `counted_for` ago.
    #[must_use]
    pub(crate) fn reads_per_hour(self, counted_for: Duration) -> f64 {
        let hours = self.half_life.as_secs_f64() / 3600.0;
        // The first sample has no duration, so it counts as one second.
        let counted_for = counted_for.max(Duration::from_secs(1));
        std::f64::consts::LN_2 / hours / (1.0 - self.left_after(counted_for))
    }

    fn half_lives(self, time: Duration) -> f64 {
        time.as_secs_f64() / self.half_life.as_secs_f64()
    }
}

/// The factor that turns a weight under the landmark `before` into one under the landmark `now`.
pub(crate) fn rebased(before: u64, now: u64) -> f64 {
    let periods = u32::try_from(now.saturating_sub(before)).unwrap_or(u32::MAX);
    (-f64::from(periods) * PERIOD_HALF_LIVES).exp2()
}

/// The sampled reads of one type that are not sent yet.
#[derive(Debug)]
pub(crate) struct Popularity {
    decay: Decay,
    unsent: Mutex<Unsent>,
}

/// Reads of some keys, weighted under one landmark.
#[derive(Debug)]
pub(crate) struct Unsent {
    pub(crate) period: u64,
    pub(crate) reads: Frequent,
}

impl Unsent {
    fn none() -> Self {
        Self { period: 0, reads: Frequent::new(TRACKED) }
    }

    /// Moves to the landmark of `period`. Never moves back, even if the clock is set back.
    fn rebase(&mut self, period: u64) {
        if period > self.period {
            self.reads.scale(rebased(self.period, period));
            self.period = period;
        }
    }
}

impl Popularity {
    pub(crate) fn new(decay: Decay) -> Self {
        Self { decay, unsent: Mutex::new(Unsent::none()) }
    }

    /// Records a sampled read of this key, which represents `stands_for` reads.
    #[cold]
    pub(crate) fn note(&self, text: &str, stands_for: u32) {
        let now = self.decay.instant(SystemTime::now());
        let mut unsent = self.lock();
        unsent.rebase(now.period);
        let weight = now.weight * rebased(now.period, unsent.period);
        unsent.reads.add(text, weight * f64::from(stands_for));
    }

    /// Takes everything recorded since the last call.
    pub(crate) fn take(&self) -> Unsent {
        std::mem::replace(&mut *self.lock(), Unsent::none())
    }

    /// Puts back what could not be sent.
    pub(crate) fn put_back(&self, mut taken: Unsent) {
        let mut unsent = self.lock();
        unsent.rebase(taken.period);
        taken.rebase(unsent.period);
        unsent.reads.merge(&taken.reads);
    }

    fn lock(&self) -> MutexGuard<'_, Unsent> {
        self.unsent.lock().expect("no panic while the noted reads are locked")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-6 * a.abs().max(b.abs())
    }

    #[test]
    fn a_read_counts_half_as_much_as_one_a_half_life_later() {
        let decay = Decay::new(3_600);
        let time = UNIX_EPOCH + 64 * 8_000 * HOUR + HOUR / 3;
        let (first, second) = (decay.instant(time), decay.instant(time + HOUR));
        assert_eq!(first.period, second.period);
        assert!(close(first.weight * 2.0, second.weight), "{first:?} {second:?}");
    }

    #[test]
    fn a_new_landmark_changes_no_proportion() {
        let decay = Decay::new(3_600);
        let time = UNIX_EPOCH + 64 * 8_000 * HOUR;
        let (before, after) = (decay.instant(time - HOUR), decay.instant(time + HOUR));
        assert_eq!((before.period, after.period), (7_999, 8_000));
        assert!(close(before.weight * rebased(before.period, after.period) * 4.0, after.weight));
    }

    #[test]
    fn a_steady_rate_is_told_from_the_beginning() {
        let decay = Decay::new(3_600);
        for hours in [1, 2, 50] {
            let sum: f64 = (0..hours * 3600).map(|second| decay.left_after(Duration::from_secs(second))).sum();
            let rate = sum * decay.reads_per_hour(Duration::from_secs(hours * 3600));
            assert!((rate - 3600.0).abs() < 5.0, "{rate} after {hours} h");
        }
    }

    #[test]
    fn what_was_not_sent_is_put_back() {
        let popularity = Popularity::new(Decay::new(3_600));
        popularity.note("invoice:1", 16);
        let taken = popularity.take();
        popularity.note("invoice:1", 16);
        popularity.put_back(taken);
        let unsent = popularity.take();
        let weight = popularity.decay.instant(SystemTime::now()).weight;
        let reads = unsent.reads.iter().next().map_or(0.0, |(_, reads)| reads / weight);
        assert!((31.0..33.0).contains(&reads), "{reads}");
        assert!(popularity.take().reads.total() <= 0.0);
    }
}
