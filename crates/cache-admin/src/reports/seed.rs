//! The report of `seed`.

use cli_support::Report;
use cli_support::render::{count, table};
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct SeedReport {
    pub(crate) seed: u64,
    /// The time that the data uses as the present, UTC.
    pub(crate) now: String,
    /// In the order of writing.
    pub(crate) tables: Vec<TableRows>,
    /// Whether other processes may still serve values that they had cached before.
    pub(crate) invalidation_pending: bool,
    pub(crate) seconds: f64,
}

/// The number of rows written to a table.
#[derive(Serialize)]
pub(crate) struct TableRows {
    pub(crate) table: String,
    pub(crate) rows: usize,
}

impl Report for SeedReport {
    fn to_text(&self) -> String {
        let row = |filled: &TableRows| [filled.table.clone(), count(filled.rows as u64)];
        let rows = table(["table", "rows"], self.tables.iter().map(row));
        let pending = if self.invalidation_pending {
            "\nRedis could not be told of all of it: the relay of a service will"
        } else {
            ""
        };
        format!("{rows}\nseed {}, as of {} UTC, in {:.1} s{pending}", self.seed, self.now, self.seconds)
    }
}
