//! Amounts and percentages as database columns.
//!
//! Invariant: a value is read as it was written. PostgreSQL has NUMERIC. SQLite stores what its affinity made of the
//! value: INTEGER, REAL or TEXT. A REAL is printed with two decimals, which gives back every amount of up to fifteen
//! digits, and our columns have ten. Sums are made in Rust, never by SQLite.
//!
//! Used by SeaORM for the entities.

use rust_decimal::Decimal;
use sea_orm::sea_query::{ArrayType, ColumnType, Nullable, Value, ValueType, ValueTypeErr};
use sea_orm::sqlx::sqlite::SqliteRow;
use sea_orm::sqlx::{Decode, Row, Sqlite, TypeInfo, ValueRef};
use sea_orm::{ActiveValue, ColIdx, DbErr, IntoActiveValue, QueryResult, RuntimeErr, TryGetError, TryGetable};

use super::amount::Money;
use super::decimal::{self, FixedDecimal, MoneyError};
use super::percent::Percent;

/// Fifteen significant digits survive in a double; two of them are decimals.
const MAX_EXACT_REAL: f64 = 1e13;

fn read<T: FixedDecimal, I: ColIdx>(result: &QueryResult, index: I) -> Result<T, TryGetError> {
    let stored = match result.try_as_sqlite_row() {
        Some(row) => read_sqlite(row, index)?,
        None => Decimal::try_get_by(result, index)?,
    };
    T::computed(stored).map_err(|error| in_column(index, &error).into())
}

fn read_sqlite<I: ColIdx>(row: &SqliteRow, index: I) -> Result<Decimal, TryGetError> {
    let value = row.try_get_raw(index.as_sqlx_sqlite_index()).map_err(failed)?;
    if value.is_null() {
        return Err(TryGetError::Null(format!("{index:?}")));
    }
    let number = match value.type_info().name() {
        "INTEGER" => Ok(stored::<i64, I>(row, index)?.into()),
        "REAL" => from_real(stored(row, index)?),
        _ => decimal::parse(&stored::<String, I>(row, index)?),
    };
    number.map_err(|error| in_column(index, &error).into())
}

/// The value by its storage class, whatever the declared type of the column.
fn stored<'r, T, I>(row: &'r SqliteRow, index: I) -> Result<T, DbErr>
where
    T: Decode<'r, Sqlite>,
    I: ColIdx,
{
    row.try_get_unchecked(index.as_sqlx_sqlite_index()).map_err(failed)
}

/// The amount that was written, from the double nearest to it.
fn from_real(real: f64) -> Result<Decimal, MoneyError> {
    if !real.is_finite() || real.abs() >= MAX_EXACT_REAL {
        return Err(decimal::not_a_number(&real.to_string()));
    }
    decimal::parse(&format!("{real:.2}"))
}

fn failed(error: sea_orm::sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

fn in_column<I: ColIdx>(index: I, error: &MoneyError) -> DbErr {
    DbErr::Type(format!("column {index:?}: {error}"))
}

macro_rules! decimal_column {
    ($type:ty) => {
        impl TryGetable for $type {
            fn try_get_by<I: ColIdx>(result: &QueryResult, index: I) -> Result<Self, TryGetError> {
                read(result, index)
            }
        }

        impl From<$type> for Value {
            fn from(fixed: $type) -> Self {
                Self::Decimal(Some(fixed.value()))
            }
        }

        impl Nullable for $type {
            fn null() -> Value {
                Value::Decimal(None)
            }
        }

        impl ValueType for $type {
            fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
                let number = <Decimal as ValueType>::try_from(value)?;
                <$type as FixedDecimal>::computed(number).map_err(|_| ValueTypeErr)
            }

            fn type_name() -> String {
                stringify!($type).to_owned()
            }

            fn array_type() -> ArrayType {
                ArrayType::Decimal
            }

            fn column_type() -> ColumnType {
                ColumnType::Decimal(Some(<$type as FixedDecimal>::COLUMN))
            }
        }

        impl IntoActiveValue<$type> for $type {
            fn into_active_value(self) -> ActiveValue<$type> {
                ActiveValue::Set(self)
            }
        }
    };
}

decimal_column!(Money);
decimal_column!(Percent);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 99 999 999.99 in cents.
    const MAX_MINOR: i64 = 9_999_999_999;

    /// What happens to an amount in an SQLite column with REAL storage: its text becomes the nearest double.
    fn through_real(minor: i64) -> Decimal {
        let text = Decimal::new(minor, 2).to_string();
        from_real(text.parse().unwrap()).unwrap()
    }

    #[test]
    fn every_cent_near_an_edge_survives_sqlite() {
        for edge in [0, 10_000_000, 1_000_000_000, MAX_MINOR] {
            for minor in edge - 1_000..=edge {
                assert_eq!(through_real(minor), Decimal::new(minor, 2));
                assert_eq!(through_real(-minor), Decimal::new(-minor, 2));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]
        #[test]
        fn a_million_amounts_survive_sqlite(
            amounts in prop::collection::vec(-MAX_MINOR..=MAX_MINOR, 1_000),
        ) {
            for minor in amounts {
                prop_assert_eq!(through_real(minor), Decimal::new(minor, 2));
            }
        }
    }

    #[test]
    fn a_real_that_cannot_be_exact_is_refused() {
        for real in [f64::NAN, f64::INFINITY, 1e13, -1e300] {
            assert!(from_real(real).is_err());
        }
    }
}
