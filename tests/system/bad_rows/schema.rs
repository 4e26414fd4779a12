//! The tables and columns of a database, as the database itself tells them, and rows for all of them.
//!
//! Invariant: no table or column is named here to be found; a few are named so that a good row of them makes sense.

use std::collections::{BTreeMap, BTreeSet};

use system_tests::{Backend, Session};

/// A column of any table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Column {
    pub(super) table: String,
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// What a column is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The primary key.
    Id,
    /// The primary key of another table, or of this one.
    Reference,
    Whole,
    Number,
    Time,
    Flag,
    Json,
    Text,
}

/// Every column of every table but the one of migrations, ours too.
pub(super) fn columns(session: &Session, backend: Backend) -> Vec<Column> {
    let (columns, references) = match backend {
        Backend::Sqlite => (SQLITE_COLUMNS, SQLITE_REFERENCES),
        Backend::Postgres => (POSTGRES_COLUMNS, POSTGRES_REFERENCES),
    };
    let texts = |row: Vec<Option<String>>| -> Vec<String> { row.into_iter().map(Option::unwrap_or_default).collect() };
    let references: BTreeSet<Vec<String>> = session.rows(references).into_iter().map(texts).collect();
    let columns = session.rows(columns).into_iter().map(texts);
    columns
        .map(|row| {
            let is_reference = references.contains(&row[..2]);
            let kind = if is_reference { Kind::Reference } else { Kind::of(&row[1], &row[2].to_uppercase()) };
            Column { table: row[0].clone(), name: row[1].clone(), kind }
        })
        .collect()
}

const SQLITE_COLUMNS: &str = "SELECT t.name, c.name, c.type FROM sqlite_schema t, pragma_table_info(t.name) c
    WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name NOT LIKE '%migrations%' ORDER BY t.rowid, c.cid";
const SQLITE_REFERENCES: &str =
    "SELECT t.name, f.\"from\" FROM sqlite_schema t, pragma_foreign_key_list(t.name) f WHERE t.type = 'table'";
const POSTGRES_COLUMNS: &str =
    "SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name NOT LIKE '%migrations%' ORDER BY table_name, ordinal_position";
const POSTGRES_REFERENCES: &str = "SELECT conrelid::regclass::text, attname::text FROM pg_constraint
    JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1] WHERE contype = 'f'";

impl Kind {
    fn of(name: &str, declared: &str) -> Self {
        match declared {
            _ if name == "id" => Self::Id,
            _ if declared.contains("NUMERIC") => Self::Number,
            _ if declared.contains("INT") => Self::Whole,
            _ if declared.contains("TIME") => Self::Time,
            _ if declared.contains("BOOL") => Self::Flag,
            _ if declared.contains("JSON") => Self::Json,
            _ => Self::Text,
        }
    }
}

/// The tables, in the order in which they were found.
pub(super) fn by_table(columns: &[Column]) -> BTreeMap<&str, Vec<&Column>> {
    let mut tables: BTreeMap<&str, Vec<&Column>> = BTreeMap::new();
    for column in columns {
        tables.entry(&column.table).or_default().push(column);
    }
    tables
}

/// A good row of this table, whose id and references are all `id`, but for the value of `bad`.
pub(super) fn insert(table: &str, columns: &[&Column], id: i64, bad: Option<(&Column, &str)>) -> String {
    let value_of = |column: &&Column| match bad {
        Some((bad, value)) if bad == *column => Some(value.to_owned()),
        _ => good_value(column, id),
    };
    let named = columns.iter().filter_map(|column| Some((column.name.as_str(), value_of(column)?)));
    let (names, values): (Vec<_>, Vec<_>) = named.unzip();
    format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), values.join(", "))
}

/// `None` leaves the column out.
fn good_value(column: &Column, id: i64) -> Option<String> {
    let value = match (column.table.as_str(), column.name.as_str()) {
        ("cache_invalidations", "cache_type") => "'invoices'".to_owned(),
        ("cache_invalidations", "key_parts") => format!("'[{id}]'"),
        ("cache_invalidations", "table_name") => "'bad_rows'".to_owned(),
        // Names and rates on invoices are copied by triggers.
        ("cache_invalidations", _) | ("invoice_discounts" | "invoice_taxes", "name" | "rate") => return None,
        ("invoices", "status") => "'unpaid'".to_owned(),
        ("payments", "status") => "'completed'".to_owned(),
        ("credit_notes", "status") => "'issued'".to_owned(),
        ("invoices", "billing_country") | ("tax_rates", "country") => "'DE'".to_owned(),
        ("tax_rates", "region") => format!("'R{id}'"),
        ("discounts", "valid_to" | "applicable_plans") | ("invoices", "paid_at") => "NULL".to_owned(),
        ("discounts" | "tax_rates", "value" | "rate") => "7.25".to_owned(),
        ("invoices", "amount") => "100".to_owned(),
        _ => match column.kind {
            Kind::Id | Kind::Reference => id.to_string(),
            Kind::Whole => "1".to_owned(),
            Kind::Number => "5.50".to_owned(),
            Kind::Time => "'2025-01-02 03:04:05.000000'".to_owned(),
            Kind::Flag => "TRUE".to_owned(),
            Kind::Json => "'[]'".to_owned(),
            // Some are unique, some are short.
            Kind::Text => format!("'t{id}'"),
        },
    };
    Some(value)
}
