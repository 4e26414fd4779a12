//! The figures of some runs, as lines for the report.

use std::time::Duration;

use test_support::measurement::{Measurement, milliseconds};

use crate::run::Run;

const OURS: &str = "cache-admin";

/// A command by itself.
pub(crate) fn row(work: &str, runs: &[Run]) {
    print(work, OURS, None, runs);
}

/// What others feel while nobody does anything.
pub(crate) fn noise(run: Run) {
    print("nothing", "the noise of the machine", None, &[run]);
}

/// Ours, and another side in whose terms it is told.
pub(crate) fn comparison(work: &str, ours: &[Run], other: &str, others: &[Run]) {
    print(work, OURS, Some(other), ours);
    print(work, other, None, others);
}

fn print(work: &str, side: &str, against: Option<&str>, runs: &[Run]) {
    let line = |figure: &str, unit: &str, against: Option<&str>, rounds: &[f64]| {
        if !rounds.is_empty() {
            Measurement { work, side, figure, unit, against, rounds }.print();
        }
    };
    let seconds = |of: fn(&Run) -> Duration| -> Vec<f64> { runs.iter().map(|run| of(run).as_secs_f64()).collect() };
    line("time", "s", against, &seconds(|run| run.time));
    line("processor time", "s", against, &seconds(|run| run.cpu));
    line("peak memory", "MiB", None, &runs.iter().filter_map(Run::peak_mib).collect::<Vec<f64>>());
    line("longest PING", "ms", None, &milliseconds(runs.iter().map(|run| run.worst_ping)));
    line("longest command", "ms", None, &milliseconds(runs.iter().map(|run| run.longest_command.unwrap_or_default())));
}
