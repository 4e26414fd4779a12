//! The report of `migrate`.

use billing_core::migration::{ColumnFault, MigrationReport};
use billing_outbox::triggers::{TriggerChange, TriggerFault};
use cli_support::Report;
use cli_support::render::count;
use serde::Serialize;

const TURNED_TO_WAL: &str = "\
note: the file is in WAL mode from now on: two more files stand beside it (-wal, -shm), and a copy takes all three";

#[derive(Serialize)]
pub(crate) struct MigrateReport {
    database: String,
    /// Whether an SQLite file had another journal mode before.
    turned_to_wal: bool,
    /// Migrations applied now, in order.
    applied: Vec<String>,
    /// Dropped tables and columns that were created again.
    mended: Vec<String>,
    /// Number of triggers installed now; `None` if all were correct.
    triggers_installed: Option<usize>,
    /// Number of triggers that were missing in a database that was in use.
    triggers_missing: usize,
    /// Number of triggers that were disabled, of an older version, or changed by somebody.
    triggers_differing: usize,
    /// Cached types whose changes may have been missed; services clear them.
    cleared: Vec<&'static str>,
    /// Number of names and rates copied onto invoice lines.
    copies_filled: u64,
    /// Columns whose types differ from the contract.
    columns: Vec<String>,
    /// Number of those columns with values that cannot be read; they come first. The text calls them a problem, like
    /// `doctor`.
    #[serde(skip)]
    unreadable_columns: usize,
}

impl MigrateReport {
    pub(crate) fn new(database: &str, turned_to_wal: bool, done: MigrationReport) -> Self {
        let triggers_installed = match done.triggers {
            TriggerChange::Unchanged => None,
            TriggerChange::Replaced { count } => Some(count),
        };
        let faults = |fault| done.faults.iter().filter(|found| found.fault == fault).count();
        Self {
            database: database.to_owned(),
            turned_to_wal,
            triggers_installed,
            triggers_missing: faults(TriggerFault::Missing),
            triggers_differing: faults(TriggerFault::Differs),
            cleared: done.cleared.into_iter().collect(),
            copies_filled: done.filled,
            columns: by_severity(&done.columns).map(ToString::to_string).collect(),
            unreadable_columns: done.columns.iter().filter(|fault| fault.is_fatal()).count(),
            applied: done.applied,
            mended: done.mended,
        }
    }

    fn done(&self) -> String {
        let applied = (!self.applied.is_empty()).then(|| format!("applied {}", self.applied.join(", ")));
        let mended = (!self.mended.is_empty()).then(|| format!("made again {}", self.mended.join(", ")));
        let installed = self.triggers_installed.map(|count| format!("installed {count} triggers"));
        let filled = (self.copies_filled > 0).then(|| format!("filled {} copies", count(self.copies_filled)));
        let done: Vec<String> = [applied, mended, installed, filled].into_iter().flatten().collect();
        if done.is_empty() { "up to date".to_owned() } else { done.join("; ") }
    }

    /// Possible earlier problems, and the commands to run next.
    fn next(&self) -> Vec<String> {
        let (missing, differing) = (self.triggers_missing, self.triggers_differing);
        let mut lines = Vec::new();
        if missing + differing > 0 {
            lines.push(format!("{missing} triggers were missing, {differing} were disabled or differed"));
        }
        if !self.cleared.is_empty() {
            lines.push(format!(
                "changes may have gone unseen: a running service now clears {}",
                self.cleared.join(", ")
            ));
            lines.push("next, with a service running: cache-admin verify --all --repair".to_owned());
        }
        lines
    }
}

/// The worst fault first.
fn by_severity(faults: &[ColumnFault]) -> impl Iterator<Item = &ColumnFault> {
    let (fatal, others): (Vec<_>, Vec<_>) = faults.iter().partition(|fault| fault.is_fatal());
    fatal.into_iter().chain(others)
}

impl Report for MigrateReport {
    fn to_text(&self) -> String {
        let word = |place| if place < self.unreadable_columns { "problem" } else { "note" };
        let columns = self.columns.iter().enumerate().map(|(place, fault)| format!("{}: {fault}", word(place)));
        let done = std::iter::once(format!("{}: {}", self.database, self.done()));
        let journal = self.turned_to_wal.then(|| TURNED_TO_WAL.to_owned());
        done.chain(journal).chain(columns).chain(self.next()).collect::<Vec<_>>().join("\n")
    }
}
