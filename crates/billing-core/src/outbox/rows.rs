//! Reading and marking outbox rows.

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

use super::row::{self, OutboxRow};
use crate::cached::CACHED_TYPES;
use crate::entities::cache_invalidation::{Column, Entity};

/// Rows marked by one statement; below the limit of bound values of both databases.
const MARK_CHUNK: usize = 1_000;

/// Rows that a relay takes at once.
pub(super) const BATCH: usize = 500;

/// Rows of one page, for those who look at all of them.
pub(super) const PAGE: u64 = 2_000;

/// As the column default writes it: microseconds, so that times compare as texts.
const SQLITE_TIME: &str = "%Y-%m-%d %H:%M:%f000";

/// Which rows a pass of the relay takes.
#[derive(Clone, Debug)]
pub(super) enum Needed {
    /// Those nobody has applied, but for young ones that their writer is about to apply: not written so long ago, by
    /// the clock of the database, and not there when this id was the highest, as long ago by the clock of the relay.
    Pending { older_than: Duration, seen: Option<i64> },
    /// Those, young or not, and all that were applied to other histories than these; all there are if some are not
    /// known.
    Replay { into: Histories },
    /// All there are.
    Everything,
    /// Those that were marked since then as applied to other histories than these.
    AppliedElsewhere { than: Histories, since: NaiveDateTime },
    /// Those that still have the mark of another history than these after so long.
    LeftElsewhere { than: Histories, after: Duration },
}

/// The histories that Redis is in today: one, or in a cluster one for each primary and that of all together.
#[derive(Clone, Debug)]
pub(crate) struct Histories {
    known: BTreeSet<History>,
    /// A primary does not tell its history.
    some_hide: bool,
}

impl Histories {
    pub(crate) fn of(primaries: &Primaries) -> Self {
        Self { known: primaries.histories(), some_hide: primaries.hide_history() }
    }

    /// Whether none is missing.
    pub(super) fn are_known(&self) -> bool {
        !self.some_hide && !self.known.is_empty()
    }

    /// Rows that were applied to one of them.
    fn have(&self) -> Condition {
        let marked = Condition::any().add(Column::RedisHistory.is_in(self.known.iter().map(History::as_str)));
        if self.some_hide { marked.add(Column::RedisHistory.is_null()) } else { marked }
    }

    /// Rows that were applied to another one, or to one that is not known.
    fn lack(&self) -> Condition {
        let others = Column::RedisHistory.is_not_in(self.known.iter().map(History::as_str));
        Condition::any().add(Column::RedisHistory.is_null()).add(others)
    }
}

impl Needed {
    /// Only types of this build: a row of another build's type must wait for that build.
    pub(super) fn condition(&self, backend: DbBackend) -> Condition {
        let known = CACHED_TYPES.iter().map(|cached| cached.info().name);
        let condition = Condition::all().add(Column::CacheType.is_in(known));
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

/// A moment by the clock of the database, which writes all times of the outbox: the clocks of the processes may differ.
/// It is the same throughout a statement, so that an index can serve it.
fn ago(backend: DbBackend, age: Duration) -> SimpleExpr {
    let seconds = age.as_secs_f64();
    match backend {
        DbBackend::Sqlite => Expr::cust(format!("strftime('{SQLITE_TIME}', 'now', '-{seconds} seconds')")),
        _ => Expr::cust(format!("(statement_timestamp() AT TIME ZONE 'utc') - interval '{seconds} seconds'")),
    }
}

/// What time it is by the clock of the database.
pub(super) async fn clock<C: ConnectionTrait>(connection: &C) -> Result<NaiveDateTime, DbErr> {
    let now = Query::select().expr_as(ago(connection.get_database_backend(), Duration::ZERO), "now").to_owned();
    let row = connection.query_one(&now).await?.ok_or_else(|| DbErr::RecordNotFound("the time".to_owned()))?;
    row.try_get("", "now")
}

/// How many rows of each type are needed, the fewest first.
pub(super) async fn count_by_type<C: ConnectionTrait>(
    connection: &C,
    needed: &Needed,
) -> Result<Vec<(String, u64)>, DbErr> {
    let counts =
        counts(connection.get_database_backend(), needed).into_tuple::<(String, i64)>().all(connection).await?;
    let mut counts: Vec<(String, u64)> = counts.into_iter().map(|(name, count)| (name, count.unsigned_abs())).collect();
    counts.sort_by_key(|(_, count)| *count);
    Ok(counts)
}

fn counts(backend: DbBackend, needed: &Needed) -> Select<Entity> {
    let rows = Entity::find().select_only().column(Column::CacheType).column_as(Column::Id.count(), "rows");
    rows.filter(needed.condition(backend)).group_by(Column::CacheType)
}

/// Rows by id, with the age of each that nobody has applied yet.
pub(super) type Ages = BTreeMap<i64, Option<Duration>>;

/// The needed rows of one type.
pub(super) async fn ages_of_type<C: ConnectionTrait>(
    connection: &C,
    needed: &Needed,
    cache_type: &str,
) -> Result<Ages, DbErr> {
    let backend = connection.get_database_backend();
    let rows: Vec<(i64, bool, Option<f64>)> = Entity::find()
        .select_only()
        .column(Column::Id)
        .column_as(Expr::cust("relayed_at IS NULL"), "is_pending")
        .column_as(row::age_seconds(backend), "age")
        .filter(needed.condition(backend))
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
    /// The newest up to this id.
    pub(super) fn newest(cache_type: &'static str, last: i64) -> Self {
        Self { cache_type, ids: i64::MIN..=last, from: Order::Desc }
    }

    /// The oldest among these ids.
    pub(super) fn oldest(cache_type: &'static str, ids: RangeInclusive<i64>) -> Self {
        Self { cache_type, ids, from: Order::Asc }
    }
}

/// The needed rows that are wanted. Of pending rows, on PostgreSQL, those that no other relay holds; but a replay takes
/// them all: while the other relay is at work, its rows are not applied yet.
pub(super) async fn take<C: ConnectionTrait>(
    connection: &C,
    needed: &Needed,
    wanted: Wanted,
) -> Result<Vec<OutboxRow>, DbErr> {
    taken(connection.get_database_backend(), needed, wanted).into_model().all(connection).await
}

fn taken(backend: DbBackend, needed: &Needed, wanted: Wanted) -> Select<Entity> {
    let rows = row::select(backend)
        .filter(needed.condition(backend))
        .filter(Column::CacheType.eq(wanted.cache_type))
        .filter(Column::Id.between(*wanted.ids.start(), *wanted.ids.end()))
        .order_by(Column::Id, wanted.from)
        .limit(BATCH as u64);
    match needed {
        Needed::Pending { .. } => rows.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked),
        _ => rows,
    }
}

/// All needed rows at once, in the order of their ids.
pub(super) async fn all<C: ConnectionTrait>(connection: &C, needed: &Needed) -> Result<Vec<OutboxRow>, DbErr> {
    let rows = selected(connection.get_database_backend(), needed);
    let mut rows: Vec<OutboxRow> = rows.into_model().all(connection).await?;
    rows.sort_unstable_by_key(|row| row.id);
    Ok(rows)
}

/// Not in an order: SQLite would go through all rows by their ids, to spare itself the sorting of a few.
fn selected(backend: DbBackend, needed: &Needed) -> Select<Entity> {
    row::select(backend).filter(needed.condition(backend))
}

/// How many rows are needed.
pub(super) async fn count<C: ConnectionTrait>(connection: &C, needed: &Needed) -> Result<u64, DbErr> {
    Ok(count_by_type(connection, needed).await?.iter().map(|(_, rows)| rows).sum())
}

/// The needed rows with the lowest ids above this one.
pub(super) async fn page<C: ConnectionTrait>(
    connection: &C,
    needed: &Needed,
    above: i64,
) -> Result<Vec<OutboxRow>, DbErr> {
    let backend = connection.get_database_backend();
    let rows = row::select(backend).filter(needed.condition(backend)).filter(Column::Id.gt(above));
    rows.order_by_asc(Column::Id).limit(PAGE).into_model().all(connection).await
}

/// How many of these rows are still pending. They are looked for by their ids alone: where PostgreSQL's statistics know
/// of no pending rows, it would go through all of them for each statement.
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

/// Deletes rows of a type that were applied to one of these histories longer than `retention` ago.
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

/// The highest id so far. On SQLite, where only one transaction writes, later ids are the caller's own.
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

/// Marks rows relayed to a history; `None` where the server does not tell it.
pub(super) async fn mark_relayed<C: ConnectionTrait>(
    connection: &C,
    ids: &BTreeSet<i64>,
    history: Option<&History>,
) -> Result<(), DbErr> {
    mark(connection, ids, now(connection), history_value(history)).await
}

/// The same for those that are still pending: a late mark must not hide that a row was applied to a later history. As
/// in [`count_pending`], the ids alone say where to look.
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
