//! Runs two sides in turn, round by round. The benchmarks are built on this.

use std::time::{Duration, Instant};

use crate::measurement::{self, Measurement, OURS, microseconds};

/// The times of both sides in each round.
#[derive(Default)]
pub struct Rounds {
    pairs: Vec<(Duration, Duration)>,
}

impl Rounds {
    /// Adds a round: the time of our side and of the other side.
    pub fn add(&mut self, ours: Duration, other: Duration) {
        self.pairs.push((ours, other));
    }

    /// Reports the time of one operation on both sides.
    pub fn print(&self, what: &str, other: &str, operations: u32) {
        let ours = microseconds(self.pairs.iter().map(|pair| pair.0), operations);
        let theirs = microseconds(self.pairs.iter().map(|pair| pair.1), operations);
        for (side, against, rounds) in [(OURS, Some(other), &ours), (other, None, &theirs)] {
            Measurement { work: what, side, figure: "time", unit: "µs", against, rounds }.print();
        }
    }
}

/// Runs both sides `rounds` times, in changing order, after one uncounted round.
///
/// # Errors
/// The errors of the sides.
pub async fn run<A: AsyncFnMut(usize) -> anyhow::Result<()>, B: AsyncFnMut(usize) -> anyhow::Result<()>>(
    rounds: usize,
    mut ours: A,
    mut other: B,
) -> anyhow::Result<Rounds> {
    let ours = async |round: usize| timed(round, &mut ours).await;
    let other = async |round: usize| timed(round, &mut other).await;
    run_timed(rounds, ours, other).await
}

/// Like [`run`], for sides that return their duration, so that their preparation is not counted.
///
/// # Errors
/// The errors of the sides.
pub async fn run_timed<A, B>(rounds: usize, mut ours: A, mut other: B) -> anyhow::Result<Rounds>
where
    A: AsyncFnMut(usize) -> anyhow::Result<Duration>,
    B: AsyncFnMut(usize) -> anyhow::Result<Duration>,
{
    let mut measured = Rounds::default();
    for round in 0..=measurement::rounds(rounds) {
        let (first, second);
        if round % 2 == 0 {
            first = ours(round).await?;
            second = other(round).await?;
        } else {
            second = other(round).await?;
            first = ours(round).await?;
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
