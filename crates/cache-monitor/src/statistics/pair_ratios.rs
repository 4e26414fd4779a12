//! The cost of a hit relative to a load of the same key at the same time: the median of the ratios of pairs, and its
//! confidence interval.
//!
//! A machine that is slow for a while slows both sides of a pair, so ratios are stable when times are not. The
//! confidence interval of the median follows from the ranks of the ratios (sign test), so it assumes nothing about
//! their distribution: Conover, Practical Nonparametric Statistics, 3rd edition, section 3.2; Campbell and Gardner,
//! British Medical Journal 296 (1988), page 1454. It assumes that pairs are independent of each other.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::MIN_SAMPLES;

/// The probability that an interval contains the true median.
pub(crate) const CONFIDENCE: f64 = 0.95;
/// The normal deviate of [`CONFIDENCE`].
const DEVIATE: f64 = 1.96;
/// Ratios are stored in billionths, so that an L1 hit of a ten-thousandth of a load has five digits.
const UNITS: f64 = 1e9;
/// Larger ratios count as this large.
const LARGEST: u64 = 1_000_000_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

/// The ratios of hits to loads.
#[derive(Debug)]
pub(crate) struct PairRatios(Histogram<u64>);

/// A ratio, and the interval that contains the true one with probability [`CONFIDENCE`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Estimate {
    /// Number of pairs.
    pub(crate) pairs: u64,
    /// The median of the ratios of hit to load.
    pub(crate) median: f64,
    /// The lower end of the interval.
    pub(crate) low: f64,
    /// The upper end of the interval.
    pub(crate) high: f64,
}

impl PairRatios {
    pub(crate) fn new() -> Self {
        Self(Histogram::new_with_max(LARGEST, SIGNIFICANT_DIGITS).expect("the bounds are constants"))
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a ratio is positive, and saturates")]
    pub(crate) fn record(&mut self, hit: Duration, load: Duration) {
        let load = load.max(Duration::from_nanos(1));
        let units = (hit.as_secs_f64() / load.as_secs_f64() * UNITS).round() as u64;
        self.0.saturating_record(units.max(1));
    }

    /// The median and its interval; `None` if there are too few pairs.
    pub(crate) fn estimate(&self) -> Option<Estimate> {
        let pairs = self.0.len();
        let (low, high) = ranks_around_median(pairs);
        (pairs >= MIN_SAMPLES).then(|| Estimate {
            pairs,
            median: self.0.value_at_quantile(0.5) as f64 / UNITS,
            low: self.at_rank(low),
            high: self.at_rank(high),
        })
    }

    /// The ratio with this rank, starting at 1.
    fn at_rank(&self, rank: f64) -> f64 {
        // Half a rank less, so that rounding does not select the next one.
        self.0.value_at_quantile((rank - 0.5) / self.0.len() as f64) as f64 / UNITS
    }
}

/// The ranks, starting at 1, that enclose the median of this many samples.
fn ranks_around_median(samples: u64) -> (f64, f64) {
    let samples = samples as f64;
    let (middle, reach) = (samples / 2.0, DEVIATE * samples.sqrt() / 2.0);
    ((middle - reach).floor().max(1.0), (middle + reach + 1.0).ceil().min(samples))
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng};

    use super::*;

    fn ratios(of: impl IntoIterator<Item = f64>) -> PairRatios {
        let mut ratios = PairRatios::new();
        for ratio in of {
            ratios.record(Duration::from_secs_f64(ratio), Duration::from_secs(1));
        }
        ratios
    }

    #[test]
    fn the_ranks_are_those_of_the_published_tables() {
        // Campbell and Gardner, table for 95 %: 100 samples, ranks 40 and 61.
        assert_eq!(ranks_around_median(100), (40.0, 61.0));
        assert_eq!(ranks_around_median(20), (5.0, 16.0));
    }

    #[test]
    fn the_interval_holds_what_stands_at_the_ranks() {
        let found = ratios((1..=100).map(|n| f64::from(n) / 100.0)).estimate().unwrap();
        for (found, expected) in [(found.median, 0.5), (found.low, 0.40), (found.high, 0.61)] {
            assert!((found - expected).abs() < 0.001, "{found} is not {expected}");
        }
    }

    #[test]
    fn too_few_pairs_say_nothing() {
        assert_eq!(ratios([0.5; 19]).estimate(), None);
        assert!(ratios([0.5; 20]).estimate().is_some());
    }

    #[test]
    fn the_interval_holds_the_true_median_about_as_often_as_it_says() {
        let mut random = StdRng::seed_from_u64(11);
        let holds = (0..400)
            .filter(|_| {
                // Skewed like latencies; the median is 0.25.
                let found = ratios((0..60).map(|_| random.random::<f64>().powi(2))).estimate().unwrap();
                found.low <= 0.2502 && 0.2498 <= found.high
            })
            .count();
        assert!((370..=400).contains(&holds), "{holds} of 400");
    }
}
