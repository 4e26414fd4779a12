//! Opening what a tool works on, with the checks that make its error a sentence instead of a surprise on the way.
//!
//! Invariant: a tool that needs no database asks none: it can look at the cache, and empty it, while the database is
//! away.

use anyhow::Result;
use billing_core::cached::{self, BillingCache, CACHED_TYPES};
use billing_core::database::{Database, DatabaseError};
use billing_core::settings::Settings;
use sea_orm::DbBackend;

/// The cache, with Redis there and the database left alone until something is loaded. It is like that of
/// [`cache_to_look_at`].
///
/// # Errors
/// Redis is away, or settings that cannot work.
pub async fn cache_alone(settings: &Settings) -> Result<BillingCache> {
    let cache = cache_to_look_at(settings).await?;
    cache.check_redis().await?;
    Ok(cache)
}

/// The cache for those who only look: Redis and the database may be away, now or later. Nothing is read through it, so
/// it has no L1, asks Redis for no announcements, and leaves nothing in it.
///
/// # Errors
/// Settings that cannot work.
pub async fn cache_to_look_at(settings: &Settings) -> Result<BillingCache> {
    let mut cache = settings.cache.clone();
    for cached in CACHED_TYPES {
        cache.types.entry(cached.info().name.to_owned()).or_default().l1 = Some(false);
    }
    Ok(cached::open_cache(Database::lazy(&settings.database)?, &settings.redis, cache).await?)
}

/// The cache for work that waits: Redis and the database may be away, now or later.
///
/// # Errors
/// Settings that cannot work.
pub async fn cache_that_waits(settings: &Settings) -> Result<BillingCache> {
    Ok(cached::open_cache(Database::lazy(&settings.database)?, &settings.redis, settings.cache.clone()).await?)
}

/// The cache over its database, with Redis there and the tables in place.
///
/// # Errors
/// Redis or the database is away, the database is not migrated, or settings that cannot work.
pub async fn cache(settings: &Settings) -> Result<BillingCache> {
    let cache = cached::open_cache(database(settings).await?, &settings.redis, settings.cache.clone()).await?;
    cache.check_redis().await?;
    Ok(cache)
}

/// The database, with its tables in place.
///
/// # Errors
/// The database is away or not migrated.
pub async fn database(settings: &Settings) -> Result<Database> {
    let database = Database::connect(&settings.database).await?;
    database.check_schema().await?;
    Ok(database)
}

/// Why this database, which failed, cannot be used: its pool would only say that it waited too long. Makes no file.
///
/// # Errors
/// The database is away or not migrated.
pub async fn check_database(database: &Database, settings: &Settings) -> Result<()> {
    if database.backend() == DbBackend::Postgres {
        Database::connect(&settings.database).await?.close().await?;
    }
    match database.check_schema().await {
        Err(error) if error.is_unreachable() || matches!(error, DatabaseError::Statement(_)) => {
            let next = error.advice().unwrap_or("check DATABASE_URL, or run `cache-admin migrate`");
            let said = format!("cannot use the {}; {next}", database.describe());
            Err(anyhow::Error::new(error).context(said))
        }
        checked => Ok(checked?),
    }
}
