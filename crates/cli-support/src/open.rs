//! Opening what a tool works on, with the checks that make its error a sentence instead of a surprise on the way.
//!
//! Invariant: a tool that needs no database asks none: it can look at the cache, and empty it, while the database is away.

use anyhow::Result;
use billing_core::cached::{self, BillingCache};
use billing_core::database::Database;
use billing_core::settings::Settings;

/// The cache, with Redis there and the database left alone until something is loaded.
///
/// # Errors
/// Redis is away, or settings that cannot work.
pub async fn cache_alone(settings: &Settings) -> Result<BillingCache> {
    cache_over(Database::lazy(&settings.database)?, settings).await
}

/// The cache over its database, with Redis there and the tables in place.
///
/// # Errors
/// Redis or the database is away, the database is not migrated, or settings that cannot work.
pub async fn cache(settings: &Settings) -> Result<BillingCache> {
    cache_over(database(settings).await?, settings).await
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

async fn cache_over(database: Database, settings: &Settings) -> Result<BillingCache> {
    let cache = cached::open_cache(database, &settings.redis, settings.cache.clone()).await?;
    cache.check_redis().await?;
    Ok(cache)
}
