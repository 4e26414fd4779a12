//! The percentiles of a report, and the number of samples that each of them needs.
//!
//! A percentile without a sample above it is only the maximum under another name, so it is not reported. A percentile
//! with few samples above it is reported and marked.

use serde::Serialize;

/// With fewer samples there are no percentiles and no improvement at all.
pub(crate) const MIN_SAMPLES: u64 = 20;
/// With fewer samples expected above it, a percentile is marked as uncertain.
pub(crate) const MIN_ABOVE: u64 = 10;

/// A percentile, defined by the number of samples it takes to have one above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Percentile {
    /// Its name in reports.
    pub(crate) name: &'static str,
    /// One in this many samples lies above it.
    one_in: u32,
}

/// How well a number of samples supports a percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Support {
    /// At least [`MIN_ABOVE`] samples lie above it.
    Good,
    /// Fewer do, so it depends on a few of the slowest samples.
    Uncertain,
    /// None does.
    TooFew,
}

impl Percentile {
    /// The reported percentiles.
    pub(crate) const ALL: [Self; 4] = [
        Self { name: "p50", one_in: 2 },
        Self { name: "p95", one_in: 20 },
        Self { name: "p99", one_in: 100 },
        Self { name: "p99.9", one_in: 1000 },
    ];

    /// The share of samples at or below it.
    pub(crate) fn share(self) -> f64 {
        1.0 - 1.0 / f64::from(self.one_in)
    }

    /// How well this many samples support it.
    pub(crate) fn support(self, samples: u64) -> Support {
        let one_in = u64::from(self.one_in);
        if samples < one_in.max(MIN_SAMPLES) {
            Support::TooFew
        } else if samples < one_in * MIN_ABOVE {
            Support::Uncertain
        } else {
            Support::Good
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_needs_samples_above_it() {
        use Support::{Good, TooFew, Uncertain};
        for (samples, expected) in [
            (19, [TooFew; 4]),
            (20, [Good, Uncertain, TooFew, TooFew]),
            (100, [Good, Uncertain, Uncertain, TooFew]),
            (200, [Good, Good, Uncertain, TooFew]),
            (999, [Good, Good, Uncertain, TooFew]),
            (1_000, [Good, Good, Good, Uncertain]),
            (10_000, [Good; 4]),
        ] {
            assert_eq!(Percentile::ALL.map(|percentile| percentile.support(samples)), expected, "{samples}");
        }
    }
}
