//! The arithmetic of many samples: what they say, and how sure that is.
//!
//! Invariants: constant memory however many samples there are; nothing is said that the number of samples cannot bear.

mod latencies;
mod pair_ratios;
mod percentile;

pub(crate) use latencies::Latencies;
pub(crate) use pair_ratios::{CONFIDENCE, Estimate, PairRatios};
pub(crate) use percentile::{MIN_ABOVE, MIN_SAMPLES, Percentile, Support};
