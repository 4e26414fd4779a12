//! The table of a run: a line for each fault.

use std::collections::BTreeMap;
use std::fmt;

use crate::history::Summary;

const HEAD: [&str; 11] = [
    "fault",
    "rounds",
    "operations",
    "acked",
    "pending",
    "failed",
    "stale within bounds",
    "stale after bound",
    "worst stale ms",
    "worst latency ms",
    "recovery ms",
];
const LAST: &str = "other violations";

/// The numbers by fault.
#[derive(Clone, Debug, Default)]
pub struct Report {
    lines: BTreeMap<&'static str, Summary>,
}

impl Report {
    /// Adds a round under a fault.
    pub fn add(&mut self, fault: &'static str, summary: &Summary) {
        self.lines.entry(fault).or_default().add(summary);
    }

    /// All promises were kept.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.lines.values().all(|line| line.stale_broken == 0 && line.other_violations == 0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = Summary::default();
        self.lines.values().for_each(|line| all.add(line));
        let width = self.lines.keys().map(|name| name.len()).max().unwrap_or(0).max("all".len());
        write!(f, "{:<width$}", HEAD[0])?;
        HEAD[1..].iter().chain([&LAST]).try_for_each(|name| write!(f, "  {name}"))?;
        writeln!(f)?;
        for (name, line) in self.lines.iter().map(|(name, line)| (*name, line)).chain([("all", &all)]) {
            let numbers = [
                line.rounds,
                line.operations,
                line.acknowledged,
                line.pending,
                line.failed,
                line.stale_excused,
                line.stale_broken,
                line.worst_staleness_ms,
                line.worst_latency_ms,
                line.recovery_ms,
                line.other_violations,
            ];
            write!(f, "{name:<width$}")?;
            let columns = HEAD[1..].iter().chain([&LAST]).map(|head| head.len());
            numbers.iter().zip(columns).try_for_each(|(number, width)| write!(f, "  {number:>width$}"))?;
            writeln!(f)?;
        }
        Ok(())
    }
}
