//! Reading and marking outbox rows.

use std::collections::BTreeSet;

use billing_cache::{AnyKey, History};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
};

use crate::cached::{self, BillingCache};
use crate::entities::cache_invalidation::{Column, Entity};
use crate::time::now;

/// Rows marked by one statement; below the limit of bound values of both databases.
const MARK_CHUNK: usize = 1_000;

/// What a row says must be invalidated.
#[derive(Clone, Debug, FromQueryResult)]
pub struct OutboxRow {
    /// The row's id.
    pub id: i64,
    /// The name of the cached type.
    pub cache_type: String,
    /// A JSON array of the key columns' values; `None` for the whole type.
    pub key_parts: Option<String>,
}

/// What a row comes down to for this build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One key.
    Key(AnyKey),
    /// No value can be cached for these column values, such as a region that is no region.
    Nothing,
    /// Every key of the type.
    WholeType(&'static str),
    /// A type of another build, which must relay the row itself.
    UnknownType,
}

impl OutboxRow {
    /// What must be invalidated in `cache`.
    #[must_use]
    pub fn target(&self, cache: &BillingCache) -> Target {
        let Some(cached) = cached::find(&self.cache_type) else {
            return Target::UnknownType;
        };
        let Some(parts) = &self.key_parts else {
            return Target::WholeType(cached.info().name);
        };
        let columns = columns(parts).unwrap_or_default();
        cached.key_of_columns(cache, &columns).map_or(Target::Nothing, Target::Key)
    }
}

/// The column values in a row's JSON array, as text.
fn columns(parts: &str) -> Option<Vec<Option<String>>> {
    let values: Vec<serde_json::Value> = serde_json::from_str(parts).ok()?;
    let text = |value| match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    Some(values.into_iter().map(text).collect())
}

/// The highest id so far. On SQLite, where only one transaction writes, later ids are the caller's own.
pub(super) async fn last_id<C: ConnectionTrait>(connection: &C) -> Result<i64, DbErr> {
    let last: Option<Option<i64>> =
        Entity::find().select_only().column_as(Column::Id.max(), "last").into_tuple().one(connection).await?;
    Ok(last.flatten().unwrap_or(0))
}

/// The rows that the triggers wrote in this transaction, which began when `since` was the highest id.
pub(super) async fn own<C: ConnectionTrait>(transaction: &C, since: i64) -> Result<Vec<OutboxRow>, DbErr> {
    let own = match transaction.get_database_backend() {
        DbBackend::Sqlite => Column::Id.gt(since),
        _ => Expr::cust("txid = txid_current()"),
    };
    let query = Entity::find().filter(Column::RelayedAt.is_null()).filter(own);
    query.order_by_asc(Column::Id).into_model().all(transaction).await
}

/// Marks rows relayed to a history; `None` where the server does not tell it.
pub(super) async fn mark_relayed<C: ConnectionTrait>(
    connection: &C,
    ids: &BTreeSet<i64>,
    history: Option<&History>,
) -> Result<(), DbErr> {
    let ids: Vec<i64> = ids.iter().copied().collect();
    for chunk in ids.chunks(MARK_CHUNK) {
        Entity::update_many()
            .col_expr(Column::RelayedAt, Expr::value(now()))
            .col_expr(Column::RedisHistory, Expr::value(history.map(|history| history.as_str().to_owned())))
            .filter(Column::Id.is_in(chunk.iter().copied()))
            .exec(connection)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_values_are_read_as_both_databases_write_them() {
        assert_eq!(columns("[42]"), Some(vec![Some("42".to_owned())]));
        assert_eq!(columns(r#"["GB", null]"#), Some(vec![Some("GB".to_owned()), None]));
        assert_eq!(columns("[]"), Some(vec![]));
        assert_eq!(columns("rubbish"), None);
    }
}
