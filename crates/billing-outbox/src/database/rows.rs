//! Rows of the platform, converted one by one.
//!
//! Invariant: a row that cannot be read affects what depends on it and nothing else. So it is an error of its own, with
//! table and id, and never a failure of the database. Every read of an entity that other programs write goes through
//! this file.
//!
//! Used by the loaders and the service.

use std::marker::PhantomData;
use std::num::TryFromIntError;
use std::str::Utf8Error;

use sea_orm::sqlx;
use sea_orm::{
    ActiveModelTrait, ColIdx, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, IdenStatic, Insert, QueryResult,
    QueryTrait, RuntimeErr, Select, TryGetable, Update,
};

use super::error::DatabaseError;
use super::unreadable_row::{UnreadableRow, table_of};

/// Longer reasons are cut: a message must not grow with what was stored.
const REASON_MAX_CHARS: usize = 160;

/// A row as the database sent it.
#[derive(Debug)]
pub struct RawRow<E> {
    row: QueryResult,
    entity: PhantomData<fn() -> E>,
}

impl<E: EntityTrait> RawRow<E> {
    /// The row with all its columns.
    pub fn model(&self) -> Result<E::Model, UnreadableRow> {
        E::Model::from_query_result(&self.row, "").map_err(|error| self.unreadable(&error))
    }

    /// One column of a row, whatever the other columns hold.
    pub fn column<T: TryGetable>(&self, column: E::Column) -> Result<Option<T>, UnreadableRow> {
        self.row.try_get_by::<Option<T>, _>(column.as_str()).map_err(|error| self.unreadable(&error))
    }

    /// An id by which the query selects, and which so cannot be NULL; the column may have any integer width.
    pub fn key(&self, column: E::Column) -> Result<i32, UnreadableRow> {
        let key = integer(&self.row, column.as_str()).and_then(|key| i32::try_from(key).ok());
        key.ok_or_else(|| self.unreadable(&DbErr::Type(format!("column {} is not an id", column.as_str()))))
    }

    fn unreadable(&self, error: &DbErr) -> UnreadableRow {
        let reason: String = self.reason(error).chars().flat_map(printable).take(REASON_MAX_CHARS).collect();
        UnreadableRow { table: table_of::<E>(), id: self.id(), reason }
    }

    fn id(&self) -> String {
        integer(&self.row, "id").map_or_else(|| "?".to_owned(), |id| id.to_string())
    }

    fn reason(&self, error: &DbErr) -> String {
        match error {
            DbErr::Type(reason) => reason.clone(),
            DbErr::Query(RuntimeErr::SqlxError(error)) => match &**error {
                sqlx::Error::ColumnDecode { index, source } => {
                    format!("column {index} {}", kind_of(source.as_ref()))
                }
                other => other.to_string(),
            },
            other => other.to_string(),
        }
    }
}

/// What is wrong with a value, without quoting it.
fn kind_of(error: &(dyn std::error::Error + 'static)) -> &'static str {
    if error.is::<TryFromIntError>() {
        "is out of range"
    } else if error.is::<Utf8Error>() {
        "is not UTF-8"
    } else if error.is::<serde_json::Error>() {
        "is not JSON"
    } else {
        "holds a value of another type, or one that is out of range"
    }
}

fn printable(character: char) -> impl Iterator<Item = char> {
    let escaped = character.is_control().then(|| character.escape_default());
    let plain = escaped.is_none().then_some(character);
    escaped.into_iter().flatten().chain(plain)
}

/// An integer of any width.
pub(super) fn integer<I: ColIdx>(row: &QueryResult, index: I) -> Option<i64> {
    let narrow = |_| row.try_get_by::<i32, _>(index).map(i64::from);
    row.try_get_by::<i64, _>(index).or_else(narrow).ok()
}

/// The rows of a query, not converted yet.
pub async fn rows<E: EntityTrait, C: ConnectionTrait>(
    connection: &C,
    query: Select<E>,
) -> Result<Vec<RawRow<E>>, DbErr> {
    let rows = connection.query_all(&query.into_query()).await?;
    Ok(rows.into_iter().map(|row| RawRow { row, entity: PhantomData }).collect())
}

/// The only row of a query, not converted yet.
pub async fn raw_row<E: EntityTrait, C: ConnectionTrait>(
    connection: &C,
    query: Select<E>,
) -> Result<Option<RawRow<E>>, DbErr> {
    let row = connection.query_one(&query.into_query()).await?;
    Ok(row.map(|row| RawRow { row, entity: PhantomData }))
}

/// The only row of a query.
pub async fn row<E: EntityTrait, C: ConnectionTrait>(
    connection: &C,
    query: Select<E>,
) -> Result<Option<E::Model>, DatabaseError> {
    let row = raw_row(connection, query).await?;
    Ok(row.map(|row| row.model()).transpose()?)
}

/// Inserts a new row and returns it as it was stored. The database assigns its id. If existing ids are already beyond
/// our range, the new row is unreadable, and its transaction must not commit.
pub async fn insert<A: ActiveModelTrait, C: ConnectionTrait>(
    connection: &C,
    new: A,
) -> Result<<A::Entity as EntityTrait>::Model, DatabaseError> {
    let mut query = Insert::one(new).into_query();
    query.returning_all();
    let stored = connection.query_one(&query).await?.ok_or(DbErr::RecordNotInserted)?;
    Ok(RawRow::<A::Entity> { row: stored, entity: PhantomData }.model()?)
}

/// Changes an existing row and returns it as it is now; the columns that were not set may be unreadable.
pub async fn update<A: ActiveModelTrait, C: ConnectionTrait>(
    connection: &C,
    changed: A,
) -> Result<<A::Entity as EntityTrait>::Model, DatabaseError> {
    let mut query = Update::one(changed).validate()?.into_query();
    query.returning_all();
    let stored = connection.query_one(&query).await?.ok_or(DbErr::RecordNotUpdated)?;
    Ok(RawRow::<A::Entity> { row: stored, entity: PhantomData }.model()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_no_control_characters() {
        let printed: String = "a\u{1b}[31m\u{9b}\n".chars().flat_map(printable).collect();
        assert_eq!(printed, "a\\u{1b}[31m\\u{9b}\\n");
    }
}
