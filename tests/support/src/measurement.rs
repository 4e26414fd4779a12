//! The output of a benchmark: JSON lines on stdout, which `cargo xtask bench` collects into one report.

use std::time::Duration;

use serde_json::json;

/// The name of our side.
pub const OURS: &str = "billing cache";
/// If this is set, benchmarks run only a few rounds: enough to see that everything works.
const QUICK: &str = "BENCH_QUICK";
const QUICK_DIVISOR: usize = 8;
const FEWEST_ROUNDS: usize = 3;

/// One figure of one side of some work, round by round. Rounds of different sides of one work are paired by their
/// order.
#[derive(Clone, Copy, Debug)]
pub struct Measurement<'a> {
    /// The work, such as `L2 hit, 1 task`.
    pub work: &'a str,
    /// The side that did it.
    pub side: &'a str,
    /// The figure, such as `time`.
    pub figure: &'a str,
    /// The unit of the rounds, for one operation.
    pub unit: &'a str,
    /// The side that the rounds are divided by.
    pub against: Option<&'a str>,
    /// One number per round.
    pub rounds: &'a [f64],
}

impl Measurement<'_> {
    /// Prints the line.
    #[allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
    pub fn print(&self) {
        let Self { work, side, figure, unit, against, rounds } = self;
        println!(
            "{}",
            json!({ "work": work, "side": side, "figure": figure, "unit": unit, "against": against, "rounds": rounds })
        );
    }
}

/// The number of rounds, given the number of a full run: fewer with `cargo xtask bench --quick`.
#[must_use]
pub fn rounds(full: usize) -> usize {
    match std::env::var_os(QUICK) {
        Some(_) => (full / QUICK_DIVISOR).max(FEWEST_ROUNDS).min(full),
        None => full,
    }
}

/// The times in microseconds, each divided by the operations of a round.
#[must_use]
pub fn microseconds(times: impl IntoIterator<Item = Duration>, operations: u32) -> Vec<f64> {
    times.into_iter().map(|time| time.as_secs_f64() * 1e6 / f64::from(operations)).collect()
}

/// The times in milliseconds.
#[must_use]
pub fn milliseconds(times: impl IntoIterator<Item = Duration>) -> Vec<f64> {
    times.into_iter().map(|time| time.as_secs_f64() * 1e3).collect()
}
