//! Chooses at random which reads are examined: one in sixteen is noted (for refresh ahead and the popularity of keys),
//! and one in 256 is timed. For a thread that reads very fast, fewer are chosen.
//!
//! Invariant: the chance of a read is fixed before that read, whatever key it asks for, and a noted read represents as
//! many reads as its chance says. So sums over noted reads are right on average, at any pace. A plain "every sixteenth"
//! would always pick the same key of a page that reads sixteen. The gap to the next picked read is drawn from the
//! geometric distribution. That is equivalent to a random draw for every read, and costs a decrement.
//!
//! To examine a read costs up to a microsecond, twenty times a hit in memory. So the chance halves when [`LOOKS`] reads
//! were examined within [`SOON`], and doubles again when fewer were examined within [`LATE`]. Sampling then takes about
//! 0.5 % of the time of a thread, and a short burst of reads is sampled like all others.
//!
//! Used by reads of one key and of many.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// For a thread that does not read very fast, one in this many reads is noted.
const NOTED_ONE_IN: u32 = 16;
/// For this many noted reads, one read is timed: one read in 256.
const NOTED_FOR_ONE_TIMED: u32 = 16;
/// After this many examined reads the chance is adjusted.
const LOOKS: u32 = 256;
/// The chance halves if they took less time than this: one in 200 µs.
const SOON: Duration = Duration::from_micros(LOOKS as u64 * 200);
/// The chance doubles again if they take more time than this.
const LATE: Duration = Duration::from_micros(LOOKS as u64 * 800);
/// The largest factor by which noted reads are rarer than one in [`NOTED_ONE_IN`].
const RAREST: u32 = 1 << 14;

/// What happens to a read besides answering it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sampled {
    /// Its key is noted, on behalf of `stands_for` reads.
    Noted {
        /// The inverse of the chance of this read.
        stands_for: u32,
    },
    /// It is timed if it is answered from memory.
    Timed,
    /// Nothing.
    No,
}

impl Sampled {
    /// Whether the key of the read is noted.
    pub(crate) fn is_noted(self) -> bool {
        matches!(self, Self::Noted { .. })
    }
}

/// Draws whether this read is sampled.
#[inline]
pub(crate) fn toss() -> Sampled {
    thread_local!(static SAMPLER: Sampler = const { Sampler::new() });
    SAMPLER.with(|sampler| sampler.toss(Instant::now))
}

/// The random draws of one thread. It needs no destructor, so a draw need not check whether the thread is ending.
struct Sampler {
    /// Reads that are skipped before the next picked one.
    left: Cell<u32>,
    /// Whether the first gap was drawn.
    begun: Cell<bool>,
    /// The factor by which picked reads are rarer than usual.
    rarer: Cell<u32>,
    /// Reads examined since the chance was last adjusted, and when that was.
    looks: Cell<u32>,
    considered: Cell<Option<Instant>>,
}

impl Sampler {
    const fn new() -> Self {
        Self {
            left: Cell::new(0),
            begun: Cell::new(false),
            rarer: Cell::new(1),
            looks: Cell::new(0),
            considered: Cell::new(None),
        }
    }

    #[inline]
    fn toss(&self, now: impl FnOnce() -> Instant) -> Sampled {
        let (left, is_picked) = self.left.get().overflowing_sub(1);
        self.left.set(left);
        if is_picked { self.picked_or_first(now) } else { Sampled::No }
    }

    #[cold]
    fn picked_or_first(&self, now: impl FnOnce() -> Instant) -> Sampled {
        if !self.begun.replace(true) {
            self.left.set(gap(1));
            return self.toss(now);
        }
        let rarer = self.rarer.get();
        self.adapt(now());
        self.left.set(gap(self.rarer.get()));
        if rand::random_range(0..=NOTED_FOR_ONE_TIMED) == 0 {
            return Sampled::Timed;
        }
        Sampled::Noted { stands_for: NOTED_ONE_IN * rarer }
    }

    /// Adjusts the chance of the next reads.
    fn adapt(&self, now: Instant) {
        self.looks.set(self.looks.get() + 1);
        let passed = self.considered.get().map_or(Duration::MAX, |before| now.duration_since(before));
        let rarer = self.rarer.get();
        let next = if passed > LATE {
            (rarer / 2).max(1)
        } else if self.looks.get() < LOOKS {
            return;
        } else if passed < SOON {
            (rarer * 2).min(RAREST)
        } else {
            rarer
        };
        self.rarer.set(next);
        self.looks.set(0);
        self.considered.set(Some(now));
    }
}

/// Draws the number of reads to skip before the next picked one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a gap is positive, and `as` saturates")]
fn gap(rarer: u32) -> u32 {
    let noted = 1.0 / f64::from(NOTED_ONE_IN * rarer);
    let picked = noted * (1.0 + 1.0 / f64::from(NOTED_FOR_ONE_TIMED));
    let gap = (1.0 - rand::random::<f64>()).ln() / (-picked).ln_1p();
    gap as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The draws of a thread that reads at this pace.
    fn tosses(pause: Duration) -> impl Iterator<Item = Sampled> {
        let (sampler, mut now) = (Sampler::new(), Instant::now());
        std::iter::repeat_with(move || {
            now += pause;
            sampler.toss(|| now)
        })
    }

    #[test]
    fn at_a_usual_pace_one_in_sixteen_is_noted_wherever_it_stands_in_a_row() {
        let (mut noted, mut timed) = ([0_u32; 16], 0_u32);
        for (place, sampled) in (0..16).cycle().zip(tosses(Duration::from_millis(1)).take(320_000)) {
            match sampled {
                Sampled::Noted { stands_for } => {
                    assert_eq!(stands_for, NOTED_ONE_IN);
                    noted[place] += 1;
                }
                Sampled::Timed => timed += 1,
                Sampled::No => {}
            }
        }
        // 20,000 draws per place: 1,250 expected, standard deviation 34.
        assert!(noted.iter().all(|count| (1_000..1_500).contains(count)), "{noted:?}");
        // 1,250 expected, standard deviation 35.
        assert!((1_000..1_500).contains(&timed), "{timed}");
    }

    #[test]
    fn at_any_pace_noted_reads_stand_for_all() {
        for (pause, reads) in [(1_000_000, 100_000), (20_000, 100_000), (1_000, 1_000_000), (20, 20_000_000)] {
            let (mut stand_for, mut looks) = (0.0, 0_u64);
            for sampled in tosses(Duration::from_nanos(pause)).take(reads) {
                if let Sampled::Noted { stands_for } = sampled {
                    stand_for += f64::from(stands_for);
                    looks += 1;
                }
            }
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let (share, pause_of_looks) = (stand_for / reads as f64, pause * reads as u64 / looks);
            // At least a thousand examined reads: 1 expected, standard deviation below 0.05.
            assert!((0.7..1.3).contains(&share), "{share} at {pause} ns, {looks} looks");
            assert!(pause_of_looks > 50_000, "a look each {pause_of_looks} ns at {pause} ns");
        }
    }
}
