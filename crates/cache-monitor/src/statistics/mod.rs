//! The statistics of many samples, and their certainty.
//!
//! Invariants: constant memory, whatever the number of samples; no result for which there are too few samples.

mod latencies;
mod pair_ratios;
mod percentile;

pub(crate) use latencies::Latencies;
pub(crate) use pair_ratios::{CONFIDENCE, Estimate, PairRatios};
pub(crate) use percentile::{MIN_ABOVE, MIN_SAMPLES, Percentile, Support};
