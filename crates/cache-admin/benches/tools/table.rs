//! The figures, a row a command: the ratio first, since absolute times depend on the machine.

use std::time::Duration;

use crate::run::Run;

/// Prints rows as they are measured.
pub(crate) struct Table;

impl Table {
    pub(crate) fn begin() -> Self {
        println!(
            "{:<46} {:>6} {:>10} {:>9} {:>11} {:>11} {:>12}",
            "what", "ratio", "time (s)", "peak MiB", "PING worst", "PING p99.9", "longest cmd"
        );
        println!("{:<46} {:>6} {:>10} {:>9} {:>11} {:>11} {:>12}", "", "", "", "", "(ms)", "(ms)", "(ms)");
        Self
    }

    /// A command by itself.
    pub(crate) fn row(&mut self, what: &str, run: &Run) {
        self.print(what, None, &[*run]);
    }

    /// Ours, with the median of the ratios of its times to those of the other side, and the other side.
    pub(crate) fn comparison(&mut self, what: &str, ours: &[Run], other: &str, others: &[Run]) {
        let pairs = ours.iter().zip(others);
        let ratios = pairs.map(|(ours, other)| ours.time.as_secs_f64() / other.time.as_secs_f64());
        self.print(what, Some(median(ratios.collect())), ours);
        self.print(&format!("  against {other}"), None, others);
    }

    /// The median of the times, and the worst of all else.
    fn print(&mut self, what: &str, ratio: Option<f64>, runs: &[Run]) {
        let ratio = ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        let time = median(runs.iter().map(|run| run.time.as_secs_f64()).collect());
        let peak = runs.iter().filter_map(|run| run.peak_kib).max();
        let peak = peak.map_or_else(|| "-".to_owned(), |kib| format!("{}.{}", kib / 1024, kib % 1024 * 10 / 1024));
        let worst = runs.iter().map(|run| run.pings.worst).max().unwrap_or_default();
        let p999 = runs.iter().map(|run| run.pings.p999).max().unwrap_or_default();
        let longest = runs.iter().filter_map(|run| run.longest_command).max();
        let longest = longest.map_or_else(|| "< 0.5".to_owned(), milliseconds);
        println!(
            "{what:<46} {ratio:>6} {time:>10.2} {peak:>9} {:>11} {:>11} {longest:>12}",
            milliseconds(worst),
            milliseconds(p999),
        );
    }
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64() * 1e3)
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
