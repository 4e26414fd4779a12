//! The report of `migrate`.

use billing_core::migration::{MigrationReport, TriggerChange};
use cli_support::Report;
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct MigrateReport {
    database: String,
    /// Migrations applied now, in order.
    applied: Vec<String>,
    /// Triggers installed now; none if they were as they should be.
    triggers_installed: Option<usize>,
}

impl MigrateReport {
    pub(crate) fn new(database: &str, done: MigrationReport) -> Self {
        let triggers_installed = match done.triggers {
            TriggerChange::Unchanged => None,
            TriggerChange::Replaced { count } => Some(count),
        };
        Self { database: database.to_owned(), applied: done.applied, triggers_installed }
    }
}

impl Report for MigrateReport {
    fn to_text(&self) -> String {
        let applied = (!self.applied.is_empty()).then(|| format!("applied {}", self.applied.join(", ")));
        let installed = self.triggers_installed.map(|count| format!("installed {count} triggers"));
        let done: Vec<String> = applied.into_iter().chain(installed).collect();
        let done = if done.is_empty() { "up to date".to_owned() } else { done.join("; ") };
        format!("{}: {done}", self.database)
    }
}
