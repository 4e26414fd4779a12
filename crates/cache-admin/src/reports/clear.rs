//! The report of `clear`.

use billing_cache::Cleared;
use cli_support::Report;
use cli_support::render::{count, marked_if_partial, table};
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct ClearReport {
    /// Whether all keys were scanned; otherwise the numbers are those before the interruption.
    pub(crate) complete: bool,
    /// Whether keys were only counted.
    pub(crate) dry_run: bool,
    pub(crate) types: Vec<ClearedType>,
}

#[derive(Serialize)]
pub(crate) struct ClearedType {
    name: &'static str,
    values: u64,
    leases: u64,
}

impl ClearedType {
    pub(crate) fn new(name: &'static str, cleared: Cleared) -> Self {
        Self { name, values: cleared.keys, leases: cleared.leases }
    }
}

impl Report for ClearReport {
    fn to_text(&self) -> String {
        let head = if self.dry_run {
            ["dry run", "values to remove", "leases to revoke"]
        } else {
            ["cleared", "values removed", "leases revoked"]
        };
        let row = |row: &ClearedType| [row.name.to_owned(), count(row.values), count(row.leases)];
        marked_if_partial(self.complete, table(head, self.types.iter().map(row)))
    }
}
