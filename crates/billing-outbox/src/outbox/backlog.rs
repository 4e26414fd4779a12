//! The state of the outbox for people: how many rows are pending, for how long, and which rows no relay takes away.
//!
//! Invariant: it only reads.
//!
//! Used by `cache-admin doctor`, for the stored counters, and for the `/metrics` pages.

use std::time::Duration;

use chrono::TimeDelta;
use sea_orm::sea_query::{Func, SimpleExpr};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect};

use super::entity::{Column, Entity};
use super::relay_settings::{RETIRE_PAUSE, RelaySettings, retention};
use super::row::{self, Target};
use super::rows::{self, Needed};
use crate::application::{Application, DatabaseCache};
use crate::database::DatabaseError;
use crate::database::now;

/// After this number of looks for rows to retire, an applied row that is still there counts as left behind.
const PATIENCE_IN_LOOKS: u32 = 10;

/// Number of unreadable rows that are named.
const EXAMPLES: usize = 3;

/// A database that takes longer counts as unreachable when the question is only for monitoring.
const MONITORING_DEADLINE: Duration = Duration::from_secs(1);

/// The state of the outbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Backlog {
    /// Rows of this build's types that are not applied yet.
    pub pending: u64,
    /// The age of the oldest pending row, by the clock of the database; `None` if no row says when it was written.
    pub oldest_pending: Option<Duration>,
    /// Names of types that this build does not know, with their pending rows.
    pub unknown_types: Vec<(String, u64)>,
    /// Applied rows that a relay should have retired by now.
    pub left_behind: u64,
}

/// Reads the state of the outbox.
pub async fn backlog(cache: &DatabaseCache, settings: &RelaySettings) -> Result<Backlog, DatabaseError> {
    match look(cache, settings).await {
        Err(error) if cache.source().renews_plans_after(&error) => Ok(look(cache, settings).await?),
        looked => Ok(looked?),
    }
}

async fn look(cache: &DatabaseCache, settings: &RelaySettings) -> Result<Backlog, DbErr> {
    let connection = cache.source().connection();
    let (pending, oldest_pending) = pending(connection, cache.application()).await?;
    let unknown_types = unknown_types(connection, cache.application()).await?;
    let left_behind = left_behind(cache, settings).await?;
    Ok(Backlog { pending, oldest_pending, unknown_types, left_behind })
}

/// The pending rows of this build's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Number of rows that are not applied yet.
    pub rows: u64,
    /// The age of the oldest, by the clock of the database.
    pub oldest: Option<Duration>,
}

/// Reads only the pending rows: one statement, which uses the index of pending rows.
pub async fn waiting(cache: &DatabaseCache) -> Result<Waiting, DatabaseError> {
    let (database, application) = (cache.source(), cache.application());
    let (rows, oldest) = match pending(database.connection(), application).await {
        Err(error) if database.renews_plans_after(&error) => pending(database.connection(), application).await?,
        looked => looked?,
    };
    Ok(Waiting { rows, oldest })
}

/// The same for a scrape; `None` if the database fails or does not answer within a second.
pub async fn waiting_now(cache: &DatabaseCache) -> Option<Waiting> {
    tokio::time::timeout(MONITORING_DEADLINE, waiting(cache)).await.ok()?.ok()
}

/// Number of rows of this build's types that are not applied yet, and the age of the oldest.
pub(super) async fn pending<C: ConnectionTrait>(
    connection: &C,
    application: &Application,
) -> Result<(u64, Option<Duration>), DbErr> {
    let found: Option<(i64, Option<f64>)> = Entity::find()
        .select_only()
        .column_as(Column::Id.count(), "rows")
        .column_as(SimpleExpr::from(Func::max(row::age_seconds(connection.get_database_backend()))), "age")
        .filter(Column::RelayedAt.is_null())
        .filter(Column::CacheType.is_in(application.names()))
        .into_tuple()
        .one(connection)
        .await?;
    let (rows, age) = found.unwrap_or_default();
    Ok((rows.unsigned_abs(), age.map(row::age)))
}

async fn unknown_types<C: ConnectionTrait>(
    connection: &C,
    application: &Application,
) -> Result<Vec<(String, u64)>, DbErr> {
    let counts: Vec<(Vec<u8>, i64)> = Entity::find()
        .select_only()
        .column_as(row::bytes(connection.get_database_backend(), "cache_type"), "name")
        .column_as(Column::Id.count(), "rows")
        .filter(Column::RelayedAt.is_null())
        .filter(Column::CacheType.is_not_in(application.names()))
        .group_by(Column::CacheType)
        .into_tuple()
        .all(connection)
        .await?;
    // A name may be any bytes, and is shown to people.
    let shown = |name: Vec<u8>| String::from_utf8_lossy(&name).escape_debug().to_string();
    Ok(counts.into_iter().map(|(name, count)| (shown(name), count.unsigned_abs())).collect())
}

/// Rows of this build's types whose key cannot be read, applied or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unreadable {
    /// Number of these rows.
    pub rows: u64,
    /// Ids of some of them, with their types.
    pub examples: Vec<(i64, &'static str)>,
}

/// Counts the rows whose key cannot be read. It reads every row, in pages.
pub async fn unreadable(cache: &DatabaseCache) -> Result<Unreadable, DatabaseError> {
    let connection = cache.source().connection();
    let (mut found, mut above) = (Unreadable::default(), i64::MIN);
    loop {
        let page = rows::page(connection, cache.application(), &Needed::Everything, above).await?;
        let Some(last) = page.last() else { return Ok(found) };
        above = last.id;
        for row in page {
            let Target::Unreadable(cache_type) = row.target(cache) else { continue };
            found.rows += 1;
            if found.examples.len() < EXAMPLES {
                found.examples.push((row.id, cache_type));
            }
        }
    }
}

async fn left_behind(cache: &DatabaseCache, settings: &RelaySettings) -> Result<u64, DbErr> {
    let mut left_behind = 0;
    for info in cache.types() {
        let kept = retention(cache, info, settings) + RETIRE_PAUSE * PATIENCE_IN_LOOKS;
        let Some(before) = TimeDelta::from_std(kept).ok().and_then(|kept| now().checked_sub_signed(kept)) else {
            continue;
        };
        let old = Entity::find().filter(Column::CacheType.eq(info.name)).filter(Column::RelayedAt.lt(before));
        left_behind += old.count(cache.source().connection()).await?;
    }
    Ok(left_behind)
}
