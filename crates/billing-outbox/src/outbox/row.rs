//! One row of the outbox: the columns that are read, and the target that they name.
//!
//! Invariant: reading a row never fails because of its content. Other programs write here too, and SQLite keeps any
//! bytes in any column. So texts are read as bytes, times are read only where the driver can take them, and a key that
//! cannot be read is a result, not an error.
//!
//! Used by `rows.rs` and `trail.rs`.

use std::borrow::Cow;
use std::time::Duration;

use chrono::NaiveDateTime;
use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{DbBackend, DbErr, EntityTrait, FromQueryResult, QueryResult, QuerySelect, Select};
use serde_json::value::RawValue;

use billing_cache::AnyKey;

use super::entity::{Column, Entity};
use crate::application::DatabaseCache;
use crate::declaration::KeyOfColumns;

/// The most bytes of key columns that are read. No key is this long; a longer one cannot be read.
const KEY_PARTS_LIMIT: usize = 16_384;

/// An invalidation, as the outbox holds it.
#[derive(Clone, Debug)]
pub struct OutboxRow {
    /// The row's id.
    pub id: i64,
    /// The name of the cached type. Bytes in it that are no text become U+FFFD, which no name has.
    pub cache_type: String,
    /// A JSON array of the key columns' values; `None` for the whole type.
    pub key_parts: Option<Vec<u8>>,
    /// Whether it is not applied to Redis yet.
    pub is_pending: bool,
    /// The history it was applied to; `None` while pending, or if the history is not known.
    pub redis_history: Option<String>,
    /// How long ago it was written, by the clock of the database; `None` if the column holds no time.
    pub age: Option<Duration>,
}

/// What a row invalidates in this build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One key.
    Key(AnyKey),
    /// No value can be cached for these column values, such as an invalid region.
    Nothing,
    /// Every key of the type.
    WholeType(&'static str),
    /// A key of the type that cannot be read from the row, so every key of the type must be invalidated.
    Unreadable(&'static str),
    /// A type of another build, which must relay the row itself; or a name that cannot be read.
    UnknownType,
}

impl Target {
    /// The key, if it is one.
    #[must_use]
    pub fn key(&self) -> Option<&AnyKey> {
        if let Self::Key(key) = self { Some(key) } else { None }
    }

    /// The type, if every key of it must be invalidated.
    #[must_use]
    pub fn whole_type(&self) -> Option<&'static str> {
        if let Self::WholeType(name) | Self::Unreadable(name) = self { Some(name) } else { None }
    }
}

impl OutboxRow {
    /// What the row invalidates in `cache`.
    #[must_use]
    pub fn target(&self, cache: &DatabaseCache) -> Target {
        let Some(cached) = cache.application().find(&self.cache_type) else {
            return Target::UnknownType;
        };
        let name = cached.info().name;
        // Whatever a row of a type with one key says, it is about that key.
        if let Some(key) = cached.only_key(cache) {
            return Target::Key(key);
        }
        let Some(parts) = &self.key_parts else {
            return Target::WholeType(name);
        };
        match columns(parts) {
            // A row that cannot be read must not count as one that concerns no key.
            Columns::Unreadable => Target::Unreadable(name),
            Columns::Impossible => Target::Nothing,
            Columns::Values(columns) => match cached.key_of_columns(cache, &columns) {
                KeyOfColumns::Key(key) => Target::Key(key),
                KeyOfColumns::NoKey => Target::Nothing,
                KeyOfColumns::OtherColumns => Target::Unreadable(name),
            },
        }
    }
}

/// The column values in a row's JSON array.
#[derive(Debug, PartialEq, Eq)]
enum Columns {
    /// As texts; NULL is `None`.
    Values(Vec<Option<String>>),
    /// One of them is not a text, and keys are texts.
    Impossible,
    /// It is not an array.
    Unreadable,
}

/// Each value is taken as it was written: a number too large for every number type is still the text of a column.
fn columns(parts: &[u8]) -> Columns {
    let text = String::from_utf8_lossy(parts);
    let Ok(values) = serde_json::from_str::<Vec<&RawValue>>(&text) else { return Columns::Unreadable };
    let texts: Option<Vec<Option<String>>> = values.into_iter().map(|value| column(value.get())).collect();
    match (text, texts) {
        (Cow::Borrowed(_), Some(texts)) => Columns::Values(texts),
        _ => Columns::Impossible,
    }
}

/// One value; `None` if it is not a text.
fn column(json: &str) -> Option<Option<String>> {
    match json {
        "null" => Some(None),
        text if text.starts_with('"') => serde_json::from_str(text).ok().map(Some),
        other => Some(Some(other.to_owned())),
    }
}

/// Rows of the outbox, to be read as [`OutboxRow`] or a part of it.
pub(super) fn select(backend: DbBackend) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .column_as(bytes(backend, "cache_type"), "cache_type_bytes")
        .column_as(bytes_of_key_parts(backend), "key_parts_bytes")
        .column_as(Expr::cust("relayed_at IS NULL"), "is_pending")
        .column_as(bytes(backend, "redis_history"), "redis_history_bytes")
        .column_as(age_seconds(backend), "age")
}

impl FromQueryResult for OutboxRow {
    fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        Ok(Self {
            id: row.try_get(prefix, "id")?,
            cache_type: text(row, prefix, "cache_type_bytes")?.unwrap_or_default(),
            key_parts: row.try_get(prefix, "key_parts_bytes")?,
            is_pending: row.try_get(prefix, "is_pending")?,
            redis_history: text(row, prefix, "redis_history_bytes")?,
            age: row.try_get::<Option<f64>>(prefix, "age")?.map(age),
        })
    }
}

/// A column of [`bytes`] as a text.
pub(super) fn text(row: &QueryResult, prefix: &str, column: &str) -> Result<Option<String>, DbErr> {
    let bytes: Option<Vec<u8>> = row.try_get(prefix, column)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// A column of text as bytes, whatever SQLite keeps in it.
pub(super) fn bytes(backend: DbBackend, column: &'static str) -> SimpleExpr {
    match backend {
        DbBackend::Sqlite => Expr::cust(format!("CAST({column} AS BLOB)")),
        _ => Expr::cust(in_utf8(column)),
    }
}

/// A database without an encoding (`SQL_ASCII`) holds any bytes and cannot convert them.
fn in_utf8(column: &str) -> String {
    format!("convert_to({column}, CASE getdatabaseencoding() WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END)")
}

/// A value that is too long is read as empty, which is not an array.
fn bytes_of_key_parts(backend: DbBackend) -> SimpleExpr {
    match backend {
        DbBackend::Sqlite => Expr::cust(format!(
            "CASE WHEN length(CAST(key_parts AS BLOB)) > {KEY_PARTS_LIMIT} THEN x'' ELSE CAST(key_parts AS BLOB) END"
        )),
        _ => Expr::cust(format!(
            "CASE WHEN octet_length(key_parts) > {KEY_PARTS_LIMIT} THEN ''::bytea \
             ELSE {} END",
            in_utf8("key_parts")
        )),
    }
}

/// How long ago a row was written, in seconds by the clock of the database; NULL if the column holds no point in time.
pub(super) fn age_seconds(backend: DbBackend) -> SimpleExpr {
    match backend {
        DbBackend::Sqlite => Expr::cust("(julianday('now') - julianday(created_at)) * 86400.0"),
        _ => Expr::cust(
            "CASE WHEN isfinite(created_at) \
             THEN extract(epoch FROM (clock_timestamp() AT TIME ZONE 'utc') - created_at)::float8 END",
        ),
    }
}

/// The age that the database reported. After a clock was set back, a row may lie in the future.
pub(super) fn age(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default()
}

/// A time that the driver can take: PostgreSQL has some that our calendar type cannot hold.
pub(super) fn time(backend: DbBackend, column: &'static str) -> SimpleExpr {
    match backend {
        DbBackend::Sqlite => Expr::cust(column),
        _ => Expr::cust(format!(
            "CASE WHEN {column} BETWEEN timestamp '0001-01-01' AND timestamp '9999-12-31' THEN {column} END"
        )),
    }
}

/// A column of [`time`]; `None` if it holds no time.
pub(super) fn moment(row: &QueryResult, prefix: &str, column: &str) -> Option<NaiveDateTime> {
    row.try_get(prefix, column).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(texts: &[Option<&str>]) -> Columns {
        Columns::Values(texts.iter().map(|text| text.map(str::to_owned)).collect())
    }

    #[test]
    fn column_values_are_read_as_both_databases_write_them() {
        assert_eq!(columns(b"[42]"), values(&[Some("42")]));
        assert_eq!(columns(br#"["GB", null]"#), values(&[Some("GB"), None]));
        assert_eq!(columns(b"[]"), values(&[]));
        assert_eq!(columns(b"[9e999]"), values(&[Some("9e999")]));
    }

    #[test]
    fn a_value_that_is_no_text_is_that_of_no_key_and_what_is_no_array_cannot_be_read() {
        for impossible in [&b"[\"GB\",\"C\xf4t\"]"[..], br#"["\ud800"]"#] {
            assert_eq!(columns(impossible), Columns::Impossible);
        }
        for unreadable in [&b""[..], b"rubbish", b"42", b"[1", b"\xff", b"[\xff]", b"{}"] {
            assert_eq!(columns(unreadable), Columns::Unreadable, "{unreadable:?}");
        }
    }
}
