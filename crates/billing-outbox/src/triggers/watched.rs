//! The watched tables of some declarations.
//!
//! Used by both databases' triggers.

use crate::declaration::Declarations;

/// The channel on which PostgreSQL announces new outbox rows.
pub const NOTIFY_CHANNEL: &str = "cache_invalidations";

/// A table and the keys its rows belong to.
pub(super) struct WatchedTable {
    pub(super) name: &'static str,
    pub(super) keys: Vec<WatchedKey>,
}

pub(super) struct WatchedKey {
    pub(super) cache_type: &'static str,
    pub(super) columns: &'static [&'static str],
}

/// The declarations grouped by table, in the order of their first mention.
pub(super) fn by_table(declarations: &Declarations) -> Vec<WatchedTable> {
    let mut tables: Vec<WatchedTable> = Vec::new();
    for declaration in declarations.types.iter() {
        for dependency in declaration.tables {
            let key = WatchedKey { cache_type: declaration.cache_type, columns: dependency.key_columns };
            match tables.iter_mut().find(|table| table.name == dependency.table) {
                Some(table) => table.keys.push(key),
                None => tables.push(WatchedTable { name: dependency.table, keys: vec![key] }),
            }
        }
    }
    tables
}
