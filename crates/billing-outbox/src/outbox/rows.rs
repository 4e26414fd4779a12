//! Reads and marks outbox rows.
//!
//! Used by the relay, the write transaction, and the reports on the outbox.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use billing_cache::{History, Primaries};
use chrono::NaiveDateTime;
use sea_orm::sea_query::{Expr, ExprTrait, Func, LockBehavior, LockType, Query, SimpleExpr};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, Order, QueryFilter, QueryOrder,
    QuerySelect, Select, UpdateMany,
};

use super::entity::{Column, Entity};
use super::row::{self, OutboxRow};
use crate::application::Application;

/// Rows marked by one statement; below the limit on bound values of both databases.
const MARK_CHUNK: usize = 1_000;

/// Rows that a relay takes at once.
pub(super) const BATCH: usize = 500;

/// Rows of one page, for callers that read all of them.
pub(super) const PAGE: u64 = 2_000;

/// The format of the column default: microseconds, so that times compare as texts.
const SQLITE_TIME: &str = "%Y-%m-%d %H:%M:%f000";

/// Which rows a pass of the relay takes.
#[derive(Clone, Debug)]
pub(super) enum Needed {
    /// Rows that are not applied, except young ones that their writer is about to apply. A row is not young if it was
    /// written longer ago than `older_than` by the clock of the database, or if its id is not above `seen`, the highest
    /// id that existed that long ago by the clock of the relay.
    Pending { older_than: Duration, seen: Option<i64> },
    /// Pending rows, young or not, and all rows that were applied to other histories than these; all rows if some
    /// histories are not known.
    Replay { into: Histories },
    /// All rows.
    Everything,
    /// Rows that were marked since then as applied to other histories than these.
    AppliedElsewhere { than: Histories, since: NaiveDateTime },
    /// Rows that were marked longer ago than `after`, and still carry the mark of another history than these.
    LeftElsewhere { than: Histories, after: Duration },
}

/// The current histories of Redis: one, or in a cluster one for each primary and that of all together.
#[derive(Clone, Debug)]
pub(crate) struct Histories {
    known: BTreeSet<History>,
    /// A primary does not report its history.
    some_hide: bool,
}

impl Histories {
    pub(crate) fn of(primaries: &Primaries) -> Self {
        Self { known: primaries.histories(), some_hide: primaries.hide_history() }
    }

    /// Whether every primary reports its history.
    pub(super) fn are_known(&self) -> bool {
        !self.some_hide && !self.known.is_empty()
    }

    /// Condition: rows that were applied to one of the histories.
    fn have(&self) -> Condition {
        let marked = Condition::any().add(Column::RedisHistory.is_in(self.known.iter().map(History::as_str)));
        if self.some_hide { marked.add(Column::RedisHistory.is_null()) } else { marked }
    }

    /// Condition: rows that were applied to another history, or to an unknown one.
    fn lack(&self) -> Condition {
        let others = Column::RedisHistory.is_not_in(self.known.iter().map(History::as_str));
        Condition::any().add(Column::RedisHistory.is_null()).add(others)
    }
}

impl Needed {
    /// Selects only types of this application: the row of another application's type, or of another build's, must wait
    /// for that one.
    pub(super) fn condition(&self, backend: DbBackend, application: &Application) -> Condition {
        let condition = Condition::all().add(Column::CacheType.is_in(application.names()));
        match self {
            Self::Pending { older_than, seen } => {
                let is_old = Expr::col(Column::CreatedAt).lt(ago(backend, *older_than));
                let was_seen = seen.map(|id| Column::Id.lte(id));
                condition.add(Column::RelayedAt.is_null()).add(Condition::any().add(is_old).add_option(was_seen))
            }
            Self::Replay { into } if into.are_known() => condition.add(into.lack().add(Column::RelayedAt.is_null())),
            Self::Replay { .. } | Self::Everything => condition,
            Self::AppliedElsewhere { than, since } => condition.add(Column::RelayedAt.gte(*since)).add(than.lack()),
            Self::LeftElsewhere { than, after } => {
                condition.add(Expr::col(Column::RelayedAt).lt(ago(backend, *after))).add(than.lack())
            }
        }
    }
}

/// A time in the past by the clock of the database. That clock writes all times of the outbox, since the clocks of the
/// processes may differ. The value is the same throughout a statement, so that an index can be used.
fn ago(backend: DbBackend, age: Duration) -> SimpleExpr {
    let seconds = age.as_secs_f64();
    match backend {
        DbBackend::Sqlite => Expr::cust(format!("strftime('{SQLITE_TIME}', 'now', '-{seconds} seconds')")),
        _ => Expr::cust(format!("(statement_timestamp() AT TIME ZONE 'utc') - interval '{seconds} seconds'")),
    }
}

/// The time by the clock of the database.
pub(super) async fn clock<C: ConnectionTrait>(connection: &C) -> Result<NaiveDateTime, DbErr> {
    let now = Query::select().expr_as(ago(connection.get_database_backend(), Duration::ZERO), "now").to_owned();
    let row = connection.query_one(&now).await?.ok_or_else(|| DbErr::RecordNotFound("the time".to_owned()))?;
    row.try_get("", "now")
}

/// Number of needed rows of each type, the fewest first.
pub(super) async fn count_by_type<C: ConnectionTrait>(
    connection: &C,
    application: &Application,
    needed: &Needed,
) -> Result<Vec<(String, u64)>, DbErr> {
    let counts = counts(connection.get_database_backend(), application, needed)
        .into_tuple::<(String, i64)>()
        .all(connection)
        .await?;
    let mut counts: Vec<(String, u64)> = counts.into_iter().map(|(name, count)| (name, count.unsigned_abs())).collect();
    counts.sort_by_key(|(_, count)| *count);
    Ok(counts)
}

fn counts(backend: DbBackend, application: &Application, needed: &Needed) -> Select<Entity> {
    let rows = Entity::find().select_only().column(Column::CacheType).column_as(Column::Id.count(), "rows");
    rows.filter(needed.condition(backend, application)).group_by(Column::CacheType)
}

/// Rows by id, with the age of each that is not applied yet.
pub(super) type Ages = BTreeMap<i64, Option<Duration>>;

/// The needed rows of one type.
pub(super) async fn ages_of_type<C: ConnectionTrait>(
    connection: &C,
    application: &Application,
    needed: &Needed,
    cache_type: &str,
) -> Result<Ages, DbErr> {
    let backend = connection.get_database_backend();
    let rows: Vec<(i64, bool, Option<f64>)> = Entity::find()
        .select_only()
        .column(Column::Id)
        .column_as(Expr::cust("relayed_at IS NULL"), "is_pending")
        .column_as(row::age_seconds(backend), "age")
        .filter(needed.condition(backend, application))
        .filter(Column::CacheType.eq(cache_type))
        .into_tuple()
        .all(connection)
        .await?;
    Ok(rows.into_iter().map(|(id, is_pending, age)| (id, age.filter(|_| is_pending).map(row::age))).collect())
}

/// Which of the needed rows one statement takes: up to [`BATCH`] of one type, from one end of a range of ids.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    cache_type: &'static str,
    ids: RangeInclusive<i64>,
    from: Order,
}

impl Wanted {
    /// The newest rows up to this id.
    pub(super) fn newest(cache_type: &'static str, last: i64) -> Self {
        Self { cache_type, ids: i64::MIN..=last, from: Order::Desc }
    }

    /// The oldest rows among these ids.
    pub(super) fn oldest(cache_type: &'static str, ids: RangeInclusive<i64>) -> Self {
        Self { cache_type, ids, from: Order::Asc }
    }
}

/// The needed rows that are wanted. On PostgreSQL it skips pending rows that another relay has locked. A replay takes
/// these too: while the other relay works, its rows are not applied yet.
pub(super) async fn take<C: ConnectionTrait>(
    connection: &C,
    application: &Application,
    needed: &Needed,
    wanted: Wanted,
) -> Result<Vec<OutboxRow>, DbErr> {
    taken(connection.get_database_backend(), application, needed, wanted).into_model().all(connection).await
}

fn taken(backend: DbBackend, application: &Application, needed: &Needed, wanted: Wanted) -> Select<Entity> {
    let rows = row::select(backend)
        .filter(needed.condition(backend, application))
        .filter(Column::CacheType.eq(wanted.cache_type))
        .filter(Column::Id.between(*wanted.ids.start(), *wanted.ids.end()))
        .order_by(Column::Id, wanted.from)
        .limit(BATCH as u64);
    match needed {
        Needed::Pending { .. } => rows.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked),
        _ => rows,
    }
}

/// All needed rows at once, ordered by id.
pub(super) async fn all<C: ConnectionTrait>(
    connection: &C,
    application: &Application,
    needed: &Needed,
) -> Result<Vec<OutboxRow>, DbErr> {
    let rows = selected(connection.get_database_backend(), application, needed);
    let mut rows: Vec<OutboxRow> = rows.into_model().all(connection).await?;
    rows.sort_unstable_by_key(|row| row.id);
    Ok(rows)
}

/// Unordered: with an order, SQLite would read all rows by id to avoid sorting a few.
fn selected(backend: DbBackend, application: &Application, needed: &Needed) -> Select<Entity> {
    row::select(backend).filter(needed.condition(backend, application))
}

/// Number of needed rows.
pub(super) async fn count<C: ConnectionTrait>(
    connection: &C,
    application: &Application,
    needed: &Needed,
) -> Result<u64, DbErr> {
    Ok(count_by_type(connection, application, needed).await?.iter().map(|(_, rows)| rows).sum())
}

/// The needed rows with the lowest ids above this one.
pub(super) async fn page<C: ConnectionTrait>(
    connection: &C,
    application: &Application,
    needed: &Needed,
    above: i64,
) -> Result<Vec<OutboxRow>, DbErr> {
    let backend = connection.get_database_backend();
    let rows = row::select(backend).filter(needed.condition(backend, application)).filter(Column::Id.gt(above));
    rows.order_by_asc(Column::Id).limit(PAGE).into_model().all(connection).await
}

/// How many of these rows are still pending. They are selected by id alone: if PostgreSQL's statistics know of no
/// pending rows, it would read all pending rows for each statement.
pub(super) async fn count_pending<C: ConnectionTrait>(connection: &C, ids: &[i64]) -> Result<u64, DbErr> {
    let mut pending = 0;
    for chunk in ids.chunks(MARK_CHUNK) {
        let rows: Option<i64> = pending_among(chunk).into_tuple().one(connection).await?;
        pending += rows.unwrap_or_default().unsigned_abs();
    }
    Ok(pending)
}

fn pending_among(ids: &[i64]) -> Select<Entity> {
    let pending = Expr::cust("count(*) - count(relayed_at)");
    Entity::find().select_only().column_as(pending, "pending").filter(Column::Id.is_in(ids.iter().copied()))
}

/// Deletes the rows of a type that were applied to one of these histories longer than `retention` ago.
pub(super) async fn retire<C: ConnectionTrait>(
    connection: &C,
    cache_type: &str,
    histories: &Histories,
    retention: Duration,
) -> Result<u64, DbErr> {
    let old = Entity::delete_many()
        .filter(Column::CacheType.eq(cache_type))
        .filter(Expr::col(Column::RelayedAt).lt(ago(connection.get_database_backend(), retention)))
        .filter(histories.have());
    Ok(old.exec(connection).await?.rows_affected)
}

/// The highest id so far. On SQLite, where only one transaction writes at a time, later ids are the caller's own.
pub(super) async fn last_id<C: ConnectionTrait>(connection: &C) -> Result<i64, DbErr> {
    let last: Option<Option<i64>> =
        Entity::find().select_only().column_as(Column::Id.max(), "last").into_tuple().one(connection).await?;
    Ok(last.flatten().unwrap_or(0))
}

/// The rows that the triggers wrote in this transaction, which began when `since` was the highest id.
pub(super) async fn own<C: ConnectionTrait>(transaction: &C, since: i64) -> Result<Vec<OutboxRow>, DbErr> {
    let backend = transaction.get_database_backend();
    let own = match backend {
        DbBackend::Sqlite => Column::Id.gt(since),
        _ => Expr::cust("txid = txid_current()"),
    };
    let query = row::select(backend).filter(Column::RelayedAt.is_null()).filter(own);
    query.order_by_asc(Column::Id).into_model().all(transaction).await
}

/// Marks rows as relayed to a history; `None` if the server does not report it.
pub(super) async fn mark_relayed<C: ConnectionTrait>(
    connection: &C,
    ids: &BTreeSet<i64>,
    history: Option<&History>,
) -> Result<(), DbErr> {
    mark(connection, ids, now(connection), history_value(history)).await
}

/// The same, but only for rows that are still pending: a late mark must not hide that a row was applied to a later
/// history. As in [`count_pending`], rows are selected by id alone.
pub(super) async fn mark_relayed_if_pending<C: ConnectionTrait>(
    connection: &C,
    ids: &BTreeSet<i64>,
    history: Option<&History>,
) -> Result<(), DbErr> {
    let (time, history) = if_pending(now(connection), history_value(history));
    mark(connection, ids, time, history).await
}

fn if_pending(time: SimpleExpr, history: SimpleExpr) -> (SimpleExpr, SimpleExpr) {
    let is_pending = Expr::col(Column::RelayedAt).is_null();
    let history = Expr::case(is_pending, history).finally(Expr::col(Column::RedisHistory));
    (Func::coalesce([Expr::col(Column::RelayedAt), time]).into(), history.into())
}

fn now<C: ConnectionTrait>(connection: &C) -> SimpleExpr {
    ago(connection.get_database_backend(), Duration::ZERO)
}

fn history_value(history: Option<&History>) -> SimpleExpr {
    Expr::value(history.map(|history| history.as_str().to_owned()))
}

async fn mark<C: ConnectionTrait>(
    connection: &C,
    ids: &BTreeSet<i64>,
    time: SimpleExpr,
    history: SimpleExpr,
) -> Result<(), DbErr> {
    let ids: Vec<i64> = ids.iter().copied().collect();
    for chunk in ids.chunks(MARK_CHUNK) {
        mark_statement(chunk, time.clone(), history.clone()).exec(connection).await?;
    }
    Ok(())
}

fn mark_statement(ids: &[i64], time: SimpleExpr, history: SimpleExpr) -> UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::RelayedAt, time)
        .col_expr(Column::RedisHistory, history)
        .filter(Column::Id.is_in(ids.iter().copied()))
}

#[cfg(test)]
mod tests;
