//! Checks the triggers of a running service. Without them the changes of other programs go unnoticed.
//!
//! Invariant: a table is *blind* if one of its events has no enabled trigger of the cache. Its types are read past the
//! cache from the look that finds this until a look finds the trigger again and the type was cleared since. A trigger
//! that merely differs is only reported. SQLite is checked whenever its schema has changed: at each write, in its
//! transaction, and at each look of the relay. PostgreSQL is checked every minute. While a type is read past the cache,
//! each look of the relay checks, on both databases.
//!
//! Used by the relay and the write transaction.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use tracing::{info, warn};

use super::whole_type;
use crate::application::DatabaseCache;
use crate::triggers::{blind_types, check_triggers};

/// The types that a check found blind, with the changes that go unnoticed.
type Blind = BTreeMap<&'static str, Vec<String>>;

/// Checks the triggers now. Types that are no longer blind are cleared and then read through the cache.
///
/// # Errors
/// Those of the database.
pub async fn look_at_triggers(cache: &DatabaseCache) -> Result<(), DbErr> {
    let connection = cache.source().connection();
    let schema = schema_version(connection).await?;
    let blind = look(cache, connection, schema).await?;
    for cache_type in cache.types_past_cache().into_iter().filter(|name| !blind.contains_key(name)) {
        restore(cache, cache_type).await;
    }
    Ok(())
}

/// The same, if a check is due.
pub(super) async fn look_if_due(cache: &DatabaseCache) -> Result<(), DbErr> {
    let schema = schema_version(cache.source().connection()).await?;
    let is_due = !cache.types_past_cache().is_empty() || cache.last_look().is_due(cache.source().backend(), schema);
    if is_due { look_at_triggers(cache).await } else { Ok(()) }
}

/// Checks in a write transaction of SQLite, during which nobody else can change the schema: the triggers must report
/// what it is about to write.
pub(super) async fn look_before_write<C: ConnectionTrait>(cache: &DatabaseCache, transaction: &C) -> Result<(), DbErr> {
    if cache.source().backend() != DbBackend::Sqlite {
        return Ok(());
    }
    let schema = schema_version(transaction).await?;
    if cache.last_look().is_due(DbBackend::Sqlite, schema) {
        look(cache, transaction, schema).await?;
    }
    Ok(())
}

async fn look<C: ConnectionTrait>(cache: &DatabaseCache, connection: &C, schema: i64) -> Result<Blind, DbErr> {
    let declarations = cache.application().declarations();
    let blind = blind_types(connection, &declarations).await?;
    let past_cache = cache.types_past_cache();
    for (cache_type, unseen) in blind.iter().filter(|(name, _)| !past_cache.contains(name)) {
        let unseen = unseen.join(", ");
        warn!(cache_type, unseen, "triggers are missing: the type is read past the cache; run `cache-admin migrate`");
        cache.read_past_cache(cache_type);
    }
    let differences = check_triggers(connection, &declarations).await?;
    cache.last_look().note(schema, differences);
    Ok(blind)
}

/// The cached values may have become wrong unnoticed, so they are cleared first.
async fn restore(cache: &DatabaseCache, cache_type: &'static str) {
    match whole_type::clear(cache, cache_type).await {
        Ok(Some(_)) => {
            cache.read_through_cache(cache_type);
            info!(cache_type, "its tables have all triggers again: the type was cleared and is cached");
        }
        // A part of a cluster is away; the next look tries again.
        Ok(None) => {}
        Err(error) => whole_type::log_failure(cache_type, &error.into()),
    }
}

/// The schema version of SQLite, which every change of the schema increases; PostgreSQL has none.
async fn schema_version<C: ConnectionTrait>(connection: &C) -> Result<i64, DbErr> {
    if connection.get_database_backend() != DbBackend::Sqlite {
        return Ok(0);
    }
    let row = connection.query_one_raw(Statement::from_string(DbBackend::Sqlite, "PRAGMA schema_version")).await?;
    row.ok_or_else(|| DbErr::RecordNotFound("the version of the schema".to_owned()))?.try_get_by_index(0)
}
