//! Opens the cache and the database, with checks that find common problems early and report them in one sentence.
//!
//! Invariant: a tool that does not need the database does not connect to it, so it can inspect and clear the cache
//! while the database is unreachable.

use anyhow::Result;
use billing_core::cached::{self, BillingCache, CACHED_TYPES};
use billing_core::migration::check_schema;
use billing_core::settings::Settings;
use billing_outbox::database::{Database, DatabaseError};
use sea_orm::DbBackend;

/// The cache, after checking Redis. The database is not used until something is loaded. Otherwise like
/// [`cache_to_look_at`].
///
/// # Errors
/// Redis cannot be reached, or the settings cannot work.
pub async fn cache_alone(settings: &Settings) -> Result<BillingCache> {
    let cache = cache_to_look_at(settings).await?;
    cache.check_redis().await?;
    Ok(cache)
}

/// The cache for inspection only: Redis and the database may be unreachable, now or later. Nothing is read through it,
/// so it has no L1, asks Redis for no invalidation messages, and leaves nothing in Redis.
///
/// # Errors
/// The settings cannot work.
pub async fn cache_to_look_at(settings: &Settings) -> Result<BillingCache> {
    let mut cache = settings.cache.clone();
    for cached in CACHED_TYPES {
        cache.types.entry(cached.info().name.to_owned()).or_default().l1 = Some(false);
    }
    Ok(cached::open_cache(Database::lazy(&settings.database)?, &settings.redis, cache).await?)
}

/// The cache for tools that wait for servers: Redis and the database may be unreachable, now or later.
///
/// # Errors
/// The settings cannot work.
pub async fn cache_that_waits(settings: &Settings) -> Result<BillingCache> {
    Ok(cached::open_cache(Database::lazy(&settings.database)?, &settings.redis, settings.cache.clone()).await?)
}

/// The cache with its database, after checking Redis and the tables.
///
/// # Errors
/// Redis or the database cannot be reached, the database is not migrated, or the settings cannot work.
pub async fn cache(settings: &Settings) -> Result<BillingCache> {
    let cache = cached::open_cache(database(settings).await?, &settings.redis, settings.cache.clone()).await?;
    cache.check_redis().await?;
    Ok(cache)
}

/// The same in a key space that only this process uses: it leaves no bookkeeping behind.
///
/// # Errors
/// As [`cache`].
pub async fn cache_apart(settings: &Settings) -> Result<BillingCache> {
    let cache = cached::open_cache_alone(database(settings).await?, &settings.redis, settings.cache.clone()).await?;
    cache.check_redis().await?;
    Ok(cache)
}

/// The database, after checking its tables.
///
/// # Errors
/// The database cannot be reached or is not migrated.
pub async fn database(settings: &Settings) -> Result<Database> {
    let database = Database::connect(&settings.database).await?;
    check_schema(&database).await?;
    Ok(database)
}

/// Finds out why this database failed, because its pool only reports a timeout. Never creates a file.
///
/// # Errors
/// The database cannot be reached or is not migrated.
pub async fn check_database(database: &Database, settings: &Settings) -> Result<()> {
    if database.backend() == DbBackend::Postgres {
        Database::connect(&settings.database).await?.close().await?;
    }
    match check_schema(database).await {
        Err(error) if error.is_unreachable() || matches!(error, DatabaseError::Statement(_)) => {
            let next = error.advice().unwrap_or("check DATABASE_URL, or run `cache-admin migrate`");
            let said = format!("cannot use the {}; {next}", database.describe());
            Err(anyhow::Error::new(error).context(said))
        }
        checked => Ok(checked?),
    }
}
