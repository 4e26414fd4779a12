//! Two sides in turn, and the ratio of their times round by round: what the benchmarks are made of.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::{Duration, Instant};

/// Times of both sides in each round.
#[derive(Default)]
pub struct Rounds {
    pairs: Vec<(Duration, Duration)>,
}

impl Rounds {
    /// Adds a round: what ours took, and what the other side took.
    pub fn add(&mut self, ours: Duration, other: Duration) {
        self.pairs.push((ours, other));
    }

    /// Prints a row: what, the ratio ours / other (median, and the middle half of the rounds), and both medians.
    pub fn print(&self, what: &str, other: &str, operations: u32) {
        let mut ratios: Vec<f64> =
            self.pairs.iter().map(|(ours, other)| ours.as_secs_f64() / other.as_secs_f64()).collect();
        ratios.sort_by(f64::total_cmp);
        let quarter = |quarters: usize| ratios[(ratios.len() - 1) * quarters / 4];
        let ours = each(median(self.pairs.iter().map(|pair| pair.0).collect()), operations);
        let theirs = each(median(self.pairs.iter().map(|pair| pair.1).collect()), operations);
        println!(
            "{what:<34} {:>7.3} x {other:<40} [{:.3} to {:.3}]  {ours:>10} against {theirs:>10}  {} rounds of {operations}",
            quarter(2),
            quarter(1),
            quarter(3),
            self.pairs.len(),
        );
    }
}

/// What one operation took; below a microsecond in tenths of a nanosecond, which a `Duration` does not have.
fn each(all: Duration, operations: u32) -> String {
    let one = all / operations;
    if one >= Duration::from_micros(1) {
        return format!("{one:.2?}");
    }
    format!("{:.1}ns", all.as_secs_f64() * 1e9 / f64::from(operations))
}

/// Runs both sides `rounds` times, in changing order, after one round that does not count.
///
/// # Errors
/// Those of the sides.
pub async fn run<A: AsyncFnMut(usize) -> anyhow::Result<()>, B: AsyncFnMut(usize) -> anyhow::Result<()>>(
    rounds: usize,
    mut ours: A,
    mut other: B,
) -> anyhow::Result<Rounds> {
    let mut measured = Rounds::default();
    for round in 0..=rounds {
        let (first, second);
        if round % 2 == 0 {
            first = timed(round, &mut ours).await?;
            second = timed(round, &mut other).await?;
        } else {
            second = timed(round, &mut other).await?;
            first = timed(round, &mut ours).await?;
        }
        if round > 0 {
            measured.add(first, second);
        }
    }
    Ok(measured)
}

async fn timed<F: AsyncFnMut(usize) -> anyhow::Result<()>>(round: usize, side: &mut F) -> anyhow::Result<Duration> {
    let started = Instant::now();
    side(round).await?;
    Ok(started.elapsed())
}

/// The middle of some times, of which there is at least one.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
