//! Many durations of one kind of operation, in constant memory.
//!
//! Invariants: the count and the mean are exact; percentiles are exact to 0.1 %.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::MIN_SAMPLES;

/// Longer durations count as this long. No operation may take nearly as long.
const LONGEST: Duration = Duration::from_secs(600);
const SIGNIFICANT_DIGITS: u8 = 3;
const NANOS_PER_MICRO: f64 = 1_000.0;
/// The shares at which a distribution is drawn, if there are enough samples for them.
const CURVE: [f64; 25] = [
    0.01, 0.02, 0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.65, 0.70, 0.75, 0.80, 0.85,
    0.90, 0.95, 0.98, 0.99, 0.995, 0.999,
];

/// The durations of one kind of operation.
#[derive(Debug)]
pub(crate) struct Latencies {
    nanos: Histogram<u64>,
    sum: Duration,
}

impl Latencies {
    pub(crate) fn new() -> Self {
        let nanos = Histogram::new_with_max(nanos_of(LONGEST), SIGNIFICANT_DIGITS).expect("the bounds are constants");
        Self { nanos, sum: Duration::ZERO }
    }

    pub(crate) fn record(&mut self, duration: Duration) {
        self.nanos.saturating_record(nanos_of(duration));
        self.sum += duration;
    }

    /// Number of durations.
    pub(crate) fn count(&self) -> u64 {
        self.nanos.len()
    }

    /// The mean in microseconds; `None` if there are no durations.
    pub(crate) fn mean_us(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.sum.as_secs_f64() * 1e6 / self.count() as f64)
    }

    /// The distribution as pairs of a share and the time in microseconds that it did not exceed, both ascending; empty
    /// if there are too few samples.
    pub(crate) fn curve(&self) -> Vec<(f64, f64)> {
        let borne = |share: f64| share.min(1.0 - share) * self.count() as f64 >= 1.0;
        let shares = CURVE.into_iter().filter(|share| self.count() >= MIN_SAMPLES && borne(*share));
        shares.filter_map(|share| Some((share, self.quantile_us(share)?))).collect()
    }

    /// The time in microseconds that this share of the durations did not exceed; `None` if there are no durations.
    pub(crate) fn quantile_us(&self, quantile: f64) -> Option<f64> {
        (self.count() > 0).then(|| self.nanos.value_at_quantile(quantile) as f64 / NANOS_PER_MICRO)
    }
}

fn nanos_of(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_no_mean_and_no_percentile() {
        let none = Latencies::new();
        assert_eq!((none.count(), none.mean_us(), none.quantile_us(0.5)), (0, None, None));
    }

    #[test]
    fn means_are_exact_and_percentiles_nearly() {
        let mut latencies = Latencies::new();
        for micros in 1..=1000 {
            latencies.record(Duration::from_micros(micros));
        }
        assert_eq!(latencies.count(), 1000);
        assert!((latencies.mean_us().unwrap() - 500.5).abs() < 1e-6);
        for (quantile, expected) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0)] {
            let found = latencies.quantile_us(quantile).unwrap();
            assert!((found - expected).abs() <= expected / 1000.0, "{quantile}: {found}");
        }
    }

    #[test]
    fn a_curve_ends_where_the_samples_do() {
        let mut latencies = Latencies::new();
        (1..=19).for_each(|micros| latencies.record(Duration::from_micros(micros)));
        assert_eq!(latencies.curve(), []);
        (20..=100).for_each(|micros| latencies.record(Duration::from_micros(micros)));
        let shares: Vec<f64> = latencies.curve().iter().map(|(share, _)| *share).collect();
        assert_eq!((shares.first(), shares.last()), (Some(&0.01), Some(&0.99)));
        assert!(latencies.curve().is_sorted_by(|a, b| a.1 <= b.1));
    }

    #[test]
    fn what_takes_too_long_is_counted_all_the_same() {
        let mut latencies = Latencies::new();
        latencies.record(LONGEST * 2);
        assert_eq!(latencies.count(), 1);
    }
}
