//! Checks whether the platform's tables have the columns that triggers and loaders need, in types that they can read,
//! and whether the outbox has the columns that cannot be added again to existing rows.
//!
//! Invariant: a trigger on a missing column would make every write to its table fail, so this is checked before
//! anything is changed. A missing table has no faults: it is created.
//!
//! Used by [`super::migrate`] and `cache-admin doctor`.

use billing_outbox::database::{FoundColumn, columns_of};
use billing_outbox::migration::lost_outbox_columns;
use sea_orm::{ConnectionTrait, DbBackend, DbErr};

use super::m0001_platform_tables::TABLES;

/// A column that is missing, or not of the contract's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnFault {
    /// The column, as `table.column`.
    pub column: String,
    /// The type that it should have.
    pub needed: &'static str,
    /// What is wrong with it.
    pub kind: ColumnFaultKind,
}

/// What is wrong with a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnFaultKind {
    /// It is missing: triggers and loaders that name it fail.
    Missing,
    /// Its values cannot be read.
    Unreadable {
        /// Its type.
        found: String,
    },
    /// It holds all values of the contract, but may also hold values that cannot be read.
    Wider {
        /// Its type.
        found: String,
    },
}

impl ColumnFault {
    /// Whether triggers or loaders that use it fail.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        !matches!(self.kind, ColumnFaultKind::Wider { .. })
    }
}

impl std::fmt::Display for ColumnFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { column, needed, kind } = self;
        match kind {
            ColumnFaultKind::Missing => write!(f, "{column} ({needed}) is missing"),
            ColumnFaultKind::Unreadable { found } => write!(f, "{column} is {found}, which cannot be read as {needed}"),
            ColumnFaultKind::Wider { found } => write!(f, "{column} is {found}, of which only {needed} can be read"),
        }
    }
}

/// The faults of the columns in the platform's tables, in the order of the contract.
pub async fn check_columns<C: ConnectionTrait>(connection: &C) -> Result<Vec<ColumnFault>, DbErr> {
    let backend = connection.get_database_backend();
    let mut faults = Vec::new();
    for (table, columns) in TABLES {
        let found = columns_of(connection, table).await?;
        if found.is_empty() {
            continue;
        }
        faults.extend(needed(columns).filter_map(|(column, kind)| {
            let found = found.iter().find(|found| found.is_called(column));
            let fault = kind.fault(found, backend)?;
            Some(ColumnFault { column: format!("{table}.{column}"), needed: kind.name(), kind: fault })
        }));
    }
    faults.extend(missing_of_outbox(connection).await?);
    Ok(faults)
}

async fn missing_of_outbox<C: ConnectionTrait>(connection: &C) -> Result<Vec<ColumnFault>, DbErr> {
    let fault = |(column, needed)| ColumnFault {
        column: format!("cache_invalidations.{column}"),
        needed,
        kind: ColumnFaultKind::Missing,
    };
    Ok(lost_outbox_columns(connection).await?.into_iter().map(fault).collect())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Integer,
    Text,
    Decimal,
    Boolean,
    Time,
    Json,
}

/// Names and kinds of the columns of a table, in the contract's notation.
fn needed(columns: &'static str) -> impl Iterator<Item = (&'static str, Kind)> {
    columns.split(",\n").filter_map(|column| {
        let (name, kind) = column.trim().split_once(' ')?;
        Some((name, Kind::of(kind)))
    })
}

impl Kind {
    fn of(written: &str) -> Self {
        match written.split([' ', '(']).next() {
            Some("{id}" | "INTEGER") => Self::Integer,
            Some("NUMERIC") => Self::Decimal,
            Some("BOOLEAN") => Self::Boolean,
            Some("{time}") => Self::Time,
            Some("JSON") => Self::Json,
            _ => Self::Text,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Text => "text",
            Self::Decimal => "numeric with two decimals",
            Self::Boolean => "boolean",
            Self::Time => "timestamp without time zone",
            Self::Json => "json",
        }
    }

    fn fault(self, found: Option<&FoundColumn>, backend: DbBackend) -> Option<ColumnFaultKind> {
        let Some(found) = found else { return Some(ColumnFaultKind::Missing) };
        let fit = match backend {
            DbBackend::Sqlite => self.fits_sqlite(&found.kind.to_uppercase()),
            _ => self.fits_postgres(&found.kind),
        };
        let found = found.kind.clone();
        match fit {
            Fit::Same => None,
            Fit::Wider => Some(ColumnFaultKind::Wider { found }),
            Fit::Other => Some(ColumnFaultKind::Unreadable { found }),
        }
    }

    /// The driver reads a value only as the type that the server reports.
    fn fits_postgres(self, found: &str) -> Fit {
        let is_one_of = |types: &[&str]| {
            let name = found.split('(').next().unwrap_or(found).trim();
            if types.contains(&name) { Fit::Same } else { Fit::Other }
        };
        match self {
            Self::Integer => is_one_of(&["integer"]),
            Self::Text => is_one_of(&["text", "character varying", "character", "name", "citext"]),
            Self::Boolean => is_one_of(&["boolean"]),
            Self::Json => is_one_of(&["json", "jsonb"]),
            // With a precision, the type is `timestamp(3) without time zone`.
            Self::Time if found.starts_with("timestamp") && found.ends_with("without time zone") => Fit::Same,
            Self::Time => Fit::Other,
            Self::Decimal => match found.strip_prefix("numeric") {
                Some(digits) if digits.ends_with(",2)") => Fit::Same,
                Some(_) => Fit::Wider,
                None => Fit::Other,
            },
        }
    }

    /// In SQLite each value has its own type; the type of the column only hints at it.
    fn fits_sqlite(self, found: &str) -> Fit {
        let is_float = ["REAL", "FLOA", "DOUB"].iter().any(|float| found.contains(float));
        let scale = found.split_once(',').map(|(_, scale)| scale.trim_matches([' ', ')']));
        match self {
            Self::Decimal if is_float || scale.is_some_and(|scale| scale != "2") => Fit::Wider,
            Self::Integer if found.contains("CHAR") || found.contains("TEXT") => Fit::Other,
            Self::Text | Self::Time if found.contains("INT") || is_float => Fit::Other,
            _ => Fit::Same,
        }
    }
}

enum Fit {
    Same,
    Wider,
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_of_the_contract_are_read_from_its_own_words() {
        let (_, invoices) = TABLES.iter().find(|(table, _)| *table == "invoices").unwrap();
        let columns: Vec<_> = needed(invoices).collect();
        let expected = [
            ("id", Kind::Integer),
            ("user_id", Kind::Integer),
            ("amount", Kind::Decimal),
            ("status", Kind::Text),
            ("due_date", Kind::Time),
            ("created_at", Kind::Time),
            ("paid_at", Kind::Time),
            ("billing_country", Kind::Text),
        ];
        assert_eq!(columns, expected);
        assert_eq!(TABLES.iter().map(|(_, columns)| needed(columns).count()).sum::<usize>(), 69);
    }
}
