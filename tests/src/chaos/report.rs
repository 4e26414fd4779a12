//! The table of a run, with a row for each fault.

use std::collections::BTreeMap;
use std::fmt;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};

use crate::faults::Fault;
use crate::history::Summary;

const HEAD: [&str; 12] = [
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
    "other violations",
];

/// The numbers by fault.
#[derive(Clone, Debug, Default)]
pub struct Report {
    lines: BTreeMap<String, Summary>,
}

impl Report {
    /// Adds a round under a fault.
    pub fn add(&mut self, fault: &Fault, summary: &Summary) {
        self.lines.entry(fault.title()).or_default().add(summary);
    }

    /// Whether no guarantee was violated.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.lines.values().all(|line| line.stale_broken == 0 && line.other_violations == 0)
    }
}

/// In Markdown, so that it can be pasted into an issue.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = Summary::default();
        self.lines.values().for_each(|line| all.add(line));
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN).set_header(HEAD);
        for (name, line) in self.lines.iter().map(|(name, line)| (name.as_str(), line)).chain([("all", &all)]) {
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
            table.add_row([name.to_owned()].into_iter().chain(numbers.map(|number| number.to_string())));
        }
        table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        writeln!(f, "{table}")
    }
}
