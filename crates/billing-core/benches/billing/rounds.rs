//! Two sides in turn, and the ratio of their times round by round.

use std::time::{Duration, Instant};

/// Times of both sides in each round.
#[derive(Default)]
pub(crate) struct Rounds {
    pairs: Vec<(Duration, Duration)>,
}

impl Rounds {
    pub(crate) fn add(&mut self, ours: Duration, other: Duration) {
        self.pairs.push((ours, other));
    }

    /// Prints a row: what, the ratio ours / other (median, and the middle half of the rounds), and both medians.
    pub(crate) fn print(&self, what: &str, other: &str, operations: u32) {
        let mut ratios: Vec<f64> =
            self.pairs.iter().map(|(ours, other)| ours.as_secs_f64() / other.as_secs_f64()).collect();
        ratios.sort_by(f64::total_cmp);
        let quarter = |quarters: usize| ratios[(ratios.len() - 1) * quarters / 4];
        let ours = median(self.pairs.iter().map(|pair| pair.0).collect()) / operations;
        let theirs = median(self.pairs.iter().map(|pair| pair.1).collect()) / operations;
        println!(
            "{what:<34} {:>7.3} x {other:<40} [{:.3} to {:.3}]  {ours:>10.2?} against {theirs:>10.2?}  {} rounds of {operations}",
            quarter(2),
            quarter(1),
            quarter(3),
            self.pairs.len(),
        );
    }
}

/// Runs both sides `rounds` times, in changing order, after one round that does not count.
pub(crate) async fn run<A: AsyncFnMut(usize) -> anyhow::Result<()>, B: AsyncFnMut(usize) -> anyhow::Result<()>>(
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
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
