//! SQL that differs between the two databases.
//!
//! Invariants: no answer holds an amount. Every text in an answer is read as bytes if the database does not guarantee
//! its encoding. SQLite's amounts may be REAL, so they are compared in rounded cents, as REAL, which no sum overflows.
//!
//! Used by the other files of this folder.

use sea_orm::DbBackend;

/// Number of characters of a value that are read.
const VALUE_CHARS: u32 = 40;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Postgres,
    Sqlite,
}

/// The id before the newest `rows` rows up to an id.
pub(super) fn id_before(table: &str, rows: u32) -> String {
    format!("SELECT CAST(id AS BIGINT) FROM {table} WHERE id <= $1 ORDER BY id DESC LIMIT 1 OFFSET {rows}")
}

impl Dialect {
    pub(super) fn of(backend: DbBackend) -> Self {
        if backend == DbBackend::Sqlite { Self::Sqlite } else { Self::Postgres }
    }

    /// The beginning of a column as a text that can always be read; [`Self::read`] decodes it.
    pub(super) fn value(self, column: &str) -> String {
        match self {
            Self::Postgres => format!("left(CAST({column} AS TEXT), {VALUE_CHARS})"),
            Self::Sqlite => format!("hex(CAST(substr({column}, 1, {VALUE_CHARS}) AS BLOB))"),
        }
    }

    pub(super) fn read(self, text: String) -> String {
        match self {
            Self::Postgres => text,
            Self::Sqlite => String::from_utf8_lossy(&bytes(&text)).into_owned(),
        }
    }

    /// A column of amounts as a value that can be added and compared.
    pub(super) fn amount(self, column: &str) -> String {
        match self {
            Self::Postgres => format!("coalesce({column}, 0)"),
            Self::Sqlite => format!("round(coalesce({column}, 0) * 100)"),
        }
    }

    /// The sum of a column of amounts: `sum("amount", "payments WHERE …")`.
    pub(super) fn sum(self, column: &str, rows: &str) -> String {
        format!("(SELECT coalesce(sum({}), 0) FROM {rows})", self.amount(column))
    }
}

/// The bytes of a hexadecimal text.
fn bytes(hex: &str) -> Vec<u8> {
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    hex.as_bytes().chunks_exact(2).filter_map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_read_all_the_same() {
        for (hex, read) in [("5061696420", "Paid "), ("", ""), ("43F474", "C\u{fffd}t"), ("C3A9", "é")] {
            assert_eq!(Dialect::Sqlite.read(hex.to_owned()), read);
        }
        assert_eq!(Dialect::Postgres.read("43F474".to_owned()), "43F474");
    }
}
