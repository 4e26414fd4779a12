//! A row that cannot be read. The database works.
//!
//! Used by `rows.rs`, and by loaders that need a value which a row lacks.

use sea_orm::{EntityTrait, IdenStatic};

/// A row that exists and cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row {id} of {table} cannot be read: {reason}; correct it in the database")]
pub struct UnreadableRow {
    /// The table.
    pub table: &'static str,
    /// The id, as far as it can be read.
    pub id: String,
    /// The column and what is wrong with it; short, without control characters.
    pub reason: String,
}

impl UnreadableRow {
    /// A row that can be read, but lacks a value without which nothing can be computed.
    pub fn lacks<E: EntityTrait>(id: i32, column: E::Column) -> Self {
        let reason = format!("column {} is NULL", column.as_str());
        Self { table: table_of::<E>(), id: id.to_string(), reason }
    }
}

/// The name of the table.
pub(super) fn table_of<E: EntityTrait>() -> &'static str {
    E::default().table_name()
}
