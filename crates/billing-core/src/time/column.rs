//! Times as database columns.
//!
//! Invariant: no stored value makes a reader panic, and a value that Python cannot read is an error. PostgreSQL's
//! `infinity` reads as NULL, a time that never comes: as `valid_to` it means no end. `-infinity` and years before 1 or
//! after 9999 are errors, as are SQLite's texts of other forms, numbers and blobs. The drivers' own decoding is not
//! used, because it panics on some of these values and guesses the meaning of others.
//!
//! Used by SeaORM for the entities.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use sea_orm::sea_query::{ArrayType, ColumnType, Nullable, Value, ValueType, ValueTypeErr};
use sea_orm::sqlx::error::BoxDynError;
use sea_orm::sqlx::postgres::{PgRow, PgTypeInfo, PgValueFormat, PgValueRef};
use sea_orm::sqlx::sqlite::SqliteRow;
use sea_orm::sqlx::{self, Decode, Postgres, Row, TypeInfo, ValueRef};
use sea_orm::{ActiveValue, ColIdx, DbErr, IntoActiveValue, QueryResult, RuntimeErr, TryGetError, TryGetable};

use super::{UtcTime, text};

/// PostgreSQL's own numbers for infinite times.
const INFINITY: i64 = i64::MAX;
const MINUS_INFINITY: i64 = i64::MIN;

/// Microseconds since the beginning of the year 2000, as PostgreSQL sends a timestamp.
struct SinceMillennium(i64);

impl sqlx::Type<Postgres> for SinceMillennium {
    fn type_info() -> PgTypeInfo {
        <NaiveDateTime as sqlx::Type<Postgres>>::type_info()
    }
}

impl Decode<'_, Postgres> for SinceMillennium {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        match value.format() {
            PgValueFormat::Binary => Ok(Self(i64::from_be_bytes(value.as_bytes()?.try_into()?))),
            PgValueFormat::Text => Err("a timestamp was sent as text".into()),
        }
    }
}

fn read_postgres<I: ColIdx>(row: &PgRow, index: I) -> Result<Option<UtcTime>, TryGetError> {
    let stored: Option<SinceMillennium> = row.try_get(index.as_sqlx_postgres_index()).map_err(failed)?;
    match stored {
        None | Some(SinceMillennium(INFINITY)) => Ok(None),
        Some(SinceMillennium(micros)) => at(micros).map(Some).map_err(|reason| in_column(index, reason)),
    }
}

fn at(micros: i64) -> Result<UtcTime, String> {
    if micros == MINUS_INFINITY {
        return Err("-infinity is not a time".to_owned());
    }
    let millennium = NaiveDate::from_ymd_opt(2000, 1, 1).expect("a date of the calendar").into();
    let time = NaiveDateTime::checked_add_signed(millennium, TimeDelta::microseconds(micros));
    let time = time.ok_or_else(|| "the time is out of range; years are from 1 to 9999".to_owned())?;
    UtcTime::new(time).map_err(|error| error.to_string())
}

fn read_sqlite<I: ColIdx>(row: &SqliteRow, index: I) -> Result<Option<UtcTime>, TryGetError> {
    let value = row.try_get_raw(index.as_sqlx_sqlite_index()).map_err(failed)?;
    if value.is_null() {
        return Ok(None);
    }
    let class = value.type_info().name().to_owned();
    if class != "TEXT" {
        return Err(in_column(index, format!("a value of the storage class {class} is not a time")));
    }
    let stored: String = row.try_get_unchecked(index.as_sqlx_sqlite_index()).map_err(failed)?;
    text::parse_stored(&stored).map(Some).map_err(|error| in_column(index, error.to_string()))
}

fn failed(error: sqlx::Error) -> TryGetError {
    DbErr::Query(RuntimeErr::SqlxError(error.into())).into()
}

fn in_column<I: ColIdx>(index: I, reason: String) -> TryGetError {
    DbErr::Type(format!("column {index:?}: {reason}")).into()
}

impl TryGetable for UtcTime {
    fn try_get_by<I: ColIdx>(result: &QueryResult, index: I) -> Result<Self, TryGetError> {
        let read = match (result.try_as_sqlite_row(), result.try_as_pg_row()) {
            (Some(row), _) => read_sqlite(row, index)?,
            (None, Some(row)) => read_postgres(row, index)?,
            (None, None) => return Err(in_column(index, "the row is of neither database".to_owned())),
        };
        read.ok_or_else(|| TryGetError::Null(format!("{index:?}")))
    }
}

impl From<UtcTime> for Value {
    fn from(time: UtcTime) -> Self {
        Self::ChronoDateTime(Some(time.naive()))
    }
}

impl Nullable for UtcTime {
    fn null() -> Value {
        Value::ChronoDateTime(None)
    }
}

impl ValueType for UtcTime {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        let time = <NaiveDateTime as ValueType>::try_from(value)?;
        Self::new(time).map_err(|_| ValueTypeErr)
    }

    fn type_name() -> String {
        "UtcTime".to_owned()
    }

    fn array_type() -> ArrayType {
        ArrayType::ChronoDateTime
    }

    fn column_type() -> ColumnType {
        ColumnType::DateTime
    }
}

impl IntoActiveValue<UtcTime> for UtcTime {
    fn into_active_value(self) -> ActiveValue<UtcTime> {
        ActiveValue::Set(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_postgresql_become_times_of_the_years_that_python_knows() {
        assert_eq!(at(0).unwrap().to_string(), "2000-01-01T00:00:00");
        assert_eq!(at(1).unwrap().to_string(), "2000-01-01T00:00:00.000001");
        assert_eq!(at(252_455_615_999_999_999).unwrap().to_string(), "9999-12-31T23:59:59.999999");
        assert_eq!(at(-63_082_281_600_000_000).unwrap().to_string(), "0001-01-01T00:00:00");
        for micros in [252_455_616_000_000_000, -63_082_281_600_000_001, i64::MIN, i64::MIN + 1, i64::MAX - 1] {
            assert!(at(micros).is_err(), "{micros}");
        }
    }
}
