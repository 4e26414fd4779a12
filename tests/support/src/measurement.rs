//! What a benchmark reports: JSON lines on stdout, which `cargo xtask bench` collects into one report.

use std::time::Duration;

use serde_json::json;

/// The name of our side.
pub const OURS: &str = "billing cache";
/// Set, it turns many rounds into few: enough to see that everything works.
const QUICK: &str = "BENCH_QUICK";
const QUICK_DIVISOR: usize = 8;
const FEWEST_ROUNDS: usize = 3;

/// One figure of one side of some work, round by round; rounds of the sides of one work belong together by their order.
#[derive(Clone, Copy, Debug)]
pub struct Measurement<'a> {
    /// What was done, such as `L2 hit, 1 task`.
    pub work: &'a str,
    /// Who did it.
    pub side: &'a str,
    /// What was measured, such as `time`.
    pub figure: &'a str,
    /// The unit of the rounds, for one operation.
    pub unit: &'a str,
    /// The side whose rounds these are divided by.
    pub against: Option<&'a str>,
    /// One number a round.
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

/// How many rounds to run where a full run has so many: fewer with `cargo xtask bench --quick`.
#[must_use]
pub fn rounds(full: usize) -> usize {
    match std::env::var_os(QUICK) {
        Some(_) => (full / QUICK_DIVISOR).max(FEWEST_ROUNDS).min(full),
        None => full,
    }
}

/// In microseconds, each divided by the operations of a round.
#[must_use]
pub fn microseconds(times: impl IntoIterator<Item = Duration>, operations: u32) -> Vec<f64> {
    times.into_iter().map(|time| time.as_secs_f64() * 1e6 / f64::from(operations)).collect()
}

/// In milliseconds.
#[must_use]
pub fn milliseconds(times: impl IntoIterator<Item = Duration>) -> Vec<f64> {
    times.into_iter().map(|time| time.as_secs_f64() * 1e3).collect()
}
