//! The outbox as a history of invalidations: which are pending for some keys, which came after a point in time, and
//! which were the last.
//!
//! Invariant: it only reads; it locks and marks nothing. Its memory is constant, however many rows there are: they are
//! read in pages, and kept only if they concern the keys in question.
//!
//! Used by the audit and by `cache-admin inspect`.

use std::collections::{BTreeSet, HashMap};

use billing_cache::AnyKey;
use chrono::NaiveDateTime;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, FromQueryResult, QueryFilter, QueryOrder, QueryResult,
    QuerySelect, Select, Statement,
};

use super::entity::{Column, Entity};
use super::row::{self, OutboxRow, Target};
use super::rows::{self, Histories, Needed, PAGE};
use crate::application::DatabaseCache;
use crate::database::now;

/// A point in the history of the database: every row is either visible by then or comes after it.
#[derive(Clone, Debug)]
pub(crate) enum Moment {
    /// SQLite: one transaction writes at a time, so ids are in the order of commits.
    LastId(i64),
    /// PostgreSQL: ids are assigned before commits, so it is the server's own record of which transactions had
    /// committed.
    Snapshot(String),
}

/// For each concerned key, the time of its oldest row: since when it needs an invalidation.
pub(crate) type Since = HashMap<AnyKey, NaiveDateTime>;

/// One invalidation in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The table whose change made the value wrong.
    pub table_name: String,
    /// When the row was written, UTC; `None` if the column holds no time.
    pub created_at: Option<NaiveDateTime>,
    /// Whether it is not applied to Redis yet.
    pub is_pending: bool,
    /// When it was applied to Redis, UTC; `None` while it is pending, or if the column holds no time.
    pub relayed_at: Option<NaiveDateTime>,
    /// The Redis history it was applied to; `None` while it is pending, or if the server does not report it.
    pub redis_history: Option<String>,
    /// Whether it concerned the whole type: after a TRUNCATE, or because its key cannot be read.
    pub whole_type: bool,
}

/// The current point in this history.
pub(crate) async fn moment<C: ConnectionTrait>(connection: &C) -> Result<Moment, DbErr> {
    if connection.get_database_backend() == DbBackend::Sqlite {
        return Ok(Moment::LastId(rows::last_id(connection).await?));
    }
    let sql = "SELECT CAST(txid_current_snapshot() AS TEXT)";
    let row = connection.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound("the present snapshot".to_owned()))?;
    Ok(Moment::Snapshot(row.try_get_by_index(0)?))
}

/// The keys of `keys` that have an invalidation which the current histories do not carry yet: it is not applied, or it
/// was applied to a server whose data may be lost, so a replay applies it again. If the histories are not known, only
/// the keys whose invalidation is not applied.
pub(crate) async fn unapplied(
    cache: &DatabaseCache,
    histories: Histories,
    keys: &BTreeSet<AnyKey>,
) -> Result<Since, DbErr> {
    let condition = if histories.are_known() {
        Needed::Replay { into: histories }.condition(cache.source().backend(), cache.application())
    } else {
        Condition::all().add(Column::RelayedAt.is_null())
    };
    concerning(cache, &condition, keys).await
}

/// The keys of `keys` that have an invalidation committed after the moment, applied or not.
pub(crate) async fn after(cache: &DatabaseCache, moment: &Moment, keys: &BTreeSet<AnyKey>) -> Result<Since, DbErr> {
    let after = match moment {
        Moment::LastId(id) => Column::Id.gt(*id),
        Moment::Snapshot(snapshot) => Expr::cust_with_values(
            "txid >= txid_snapshot_xmin(CAST($1 AS txid_snapshot)) \
             AND NOT txid_visible_in_snapshot(txid, CAST($2 AS txid_snapshot))",
            [snapshot.as_str(), snapshot.as_str()],
        ),
    };
    concerning(cache, &Condition::all().add(after), keys).await
}

/// The last invalidations of a key, the newest first.
///
/// # Errors
/// Those of the database.
pub async fn last_of(cache: &DatabaseCache, key: &AnyKey, limit: usize) -> Result<Vec<Trace>, DbErr> {
    let mut found = Vec::new();
    let mut below = i64::MAX;
    while found.len() < limit {
        let rows = of_types(cache, [key.cache_type()]).filter(Column::Id.lt(below));
        let page = page(cache, rows.order_by_desc(Column::Id)).await?;
        let Some(last) = page.last() else { break };
        below = last.row.id;
        found.extend(page.into_iter().filter_map(|row| trace(cache, key, row)));
    }
    found.truncate(limit);
    Ok(found)
}

async fn concerning(cache: &DatabaseCache, condition: &Condition, keys: &BTreeSet<AnyKey>) -> Result<Since, DbErr> {
    let types: BTreeSet<&str> = keys.iter().map(AnyKey::cache_type).collect();
    let mut since = Since::new();
    let mut above = i64::MIN;
    loop {
        let rows = of_types(cache, types.iter().copied()).filter(condition.clone()).filter(Column::Id.gt(above));
        let page = page(cache, rows.order_by_asc(Column::Id)).await?;
        let Some(last) = page.last() else { return Ok(since) };
        above = last.row.id;
        for found in page {
            note(&mut since, found.row.target(cache), found.created_at.unwrap_or_else(now), keys);
        }
    }
}

fn note(since: &mut Since, target: Target, created_at: NaiveDateTime, keys: &BTreeSet<AnyKey>) {
    let mut add = |key: AnyKey| {
        let oldest = since.entry(key).or_insert(created_at);
        *oldest = created_at.min(*oldest);
    };
    match target {
        Target::Key(key) if keys.contains(&key) => add(key),
        Target::WholeType(name) | Target::Unreadable(name) => {
            keys.iter().filter(|key| key.cache_type() == name).cloned().for_each(add);
        }
        Target::Key(_) | Target::Nothing | Target::UnknownType => {}
    }
}

fn trace(cache: &DatabaseCache, key: &AnyKey, found: Found) -> Option<Trace> {
    let whole_type = match found.row.target(cache) {
        Target::Key(concerned) => (concerned == *key).then_some(false)?,
        Target::WholeType(_) | Target::Unreadable(_) => true,
        Target::Nothing | Target::UnknownType => return None,
    };
    let Found { row: OutboxRow { is_pending, redis_history, .. }, table_name, created_at, relayed_at } = found;
    Some(Trace { table_name, created_at, is_pending, relayed_at, redis_history, whole_type })
}

/// A row with the facts that people ask for.
struct Found {
    row: OutboxRow,
    table_name: String,
    created_at: Option<NaiveDateTime>,
    relayed_at: Option<NaiveDateTime>,
}

/// Rows of these types, to be read as [`Found`].
fn of_types<'a>(cache: &DatabaseCache, types: impl IntoIterator<Item = &'a str>) -> Select<Entity> {
    let backend = cache.source().backend();
    row::select(backend)
        .column_as(row::bytes(backend, "table_name"), "table_name_bytes")
        .column_as(row::time(backend, "created_at"), "created_time")
        .column_as(row::time(backend, "relayed_at"), "relayed_time")
        .filter(Column::CacheType.is_in(types))
}

/// The first of these rows. It tries once more if the table was changed under a prepared plan.
async fn page(cache: &DatabaseCache, rows: Select<Entity>) -> Result<Vec<Found>, DbErr> {
    let (rows, connection) = (rows.limit(PAGE), cache.source().connection());
    match rows.clone().into_model().all(connection).await {
        Err(error) if cache.source().renews_plans_after(&error) => rows.into_model().all(connection).await,
        page => page,
    }
}

impl FromQueryResult for Found {
    fn from_query_result(result: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        Ok(Self {
            row: OutboxRow::from_query_result(result, prefix)?,
            table_name: row::text(result, prefix, "table_name_bytes")?.unwrap_or_default(),
            created_at: row::moment(result, prefix, "created_time"),
            relayed_at: row::moment(result, prefix, "relayed_time"),
        })
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::TransactionTrait;
    use test_support::{RedisServer, TestDatabase};

    use super::*;
    use crate::subscriptions::{migrated, open};

    async fn add_row<C: ConnectionTrait>(connection: &C, key_parts: &str) {
        let row = format!("('subscriptions', '{key_parts}', 'test')");
        let sql = format!("INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES {row}");
        connection.execute_unprepared(&sql).await.unwrap();
    }

    fn texts(since: &Since) -> Vec<String> {
        let mut texts: Vec<String> = since.keys().map(ToString::to_string).collect();
        texts.sort();
        texts
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "another program begins as it likes")]
    async fn after_a_moment_comes_what_was_committed_after_it_and_not_what_was_written_after_it() {
        for owned in [TestDatabase::sqlite().unwrap(), TestDatabase::postgres().await.unwrap()] {
            let redis = RedisServer::start().unwrap();
            let cache = open(&migrated(&owned).await, &redis).await;
            let connection = cache.source().connection();
            let keys: BTreeSet<AnyKey> =
                (1..=4).map(|id| cache.key_of_text(&format!("subscriptions:{id}")).unwrap()).collect();
            add_row(connection, "[1]").await;
            // When it commits, its id is lower than those of rows that are already there.
            let slow = connection.begin().await.unwrap();
            add_row(&slow, "[2]").await;
            if owned.backend_name() == "postgres" {
                add_row(connection, "[3]").await;
            }
            let moment = moment(connection).await.unwrap();
            assert!(after(&cache, &moment, &keys).await.unwrap().is_empty());
            slow.commit().await.unwrap();
            add_row(connection, "[4]").await;
            add_row(connection, "[5]").await;
            assert_eq!(texts(&after(&cache, &moment, &keys).await.unwrap()), ["subscriptions:2", "subscriptions:4"]);
            cache.source().close().await.unwrap();
            owned.drop_database().await.unwrap();
        }
    }
}
