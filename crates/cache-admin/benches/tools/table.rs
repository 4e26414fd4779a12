//! The figures, a row a command: the ratio first, since absolute times depend on the machine.

use std::time::Duration;

use crate::run::Run;

/// Prints rows as they are measured.
pub(crate) struct Table;

impl Table {
    pub(crate) fn begin() -> Self {
        println!("PING and commands in ms: the longest, in the quietest round to the loudest one");
        let head = ["ratio", "CPU ratio", "time (s)", "CPU (s)", "peak MiB", "PING worst", "longest command"];
        print_columns("what", &head.map(str::to_owned));
        Self
    }

    /// A command by itself.
    pub(crate) fn row(&mut self, what: &str, runs: &[Run]) {
        Self::print(what, None, runs);
    }

    /// Ours, with the median of the ratios of its times to those of the other side, and the other side.
    pub(crate) fn comparison(&mut self, what: &str, ours: &[Run], other: &str, others: &[Run]) {
        let ratio = |of: fn(&Run) -> Duration| {
            let pairs = ours.iter().zip(others);
            median(pairs.map(|(ours, other)| of(ours).as_secs_f64() / of(other).as_secs_f64()).collect())
        };
        Self::print(what, Some([ratio(|run| run.time), ratio(|run| run.cpu)]), ours);
        Self::print(&format!("  against {other}"), None, others);
    }

    fn print(what: &str, ratios: Option<[f64; 2]>, runs: &[Run]) {
        let [ratio, cpu_ratio] =
            ratios.map_or_else(Default::default, |ratios| ratios.map(|ratio| format!("{ratio:.2}")));
        let time = median(runs.iter().map(|run| run.time.as_secs_f64()).collect());
        let cpu = median(runs.iter().map(|run| run.cpu.as_secs_f64()).collect());
        let peak = runs.iter().filter_map(|run| run.peak_kib).max();
        let columns = [
            ratio,
            cpu_ratio,
            format!("{time:.2}"),
            format!("{cpu:.2}"),
            peak.map_or_else(|| "-".to_owned(), |kib| format!("{}.{}", kib / 1024, kib % 1024 * 10 / 1024)),
            span(runs.iter().map(|run| Some(run.worst_ping))),
            span(runs.iter().map(|run| run.longest_command)),
        ];
        print_columns(what, &columns);
    }
}

fn print_columns(what: &str, columns: &[String; 7]) {
    let [ratio, cpu_ratio, time, cpu, peak, ping, longest] = columns;
    println!("{what:<42} {ratio:>6} {cpu_ratio:>10} {time:>9} {cpu:>8} {peak:>9} {ping:>16} {longest:>17}");
}

/// The least and the most of what was the longest in each round. The least is what the command itself does; what is beyond
/// it, the machine.
fn span(longest: impl Iterator<Item = Option<Duration>>) -> String {
    let mut longest: Vec<Option<Duration>> = longest.collect();
    longest.sort_unstable();
    let shown = |time: Option<Duration>| match time {
        Some(time) => format!("{:.1}", time.as_secs_f64() * 1e3),
        None => "< 0.5".to_owned(),
    };
    match longest[..] {
        [] => "-".to_owned(),
        [only] => shown(only),
        [least, .., most] => format!("{} to {}", shown(least), shown(most)),
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
