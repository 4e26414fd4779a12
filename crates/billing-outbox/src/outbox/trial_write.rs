//! Whether this database user may write at all.
//!
//! Invariant: it writes no row, and fires no trigger that writes one.
//!
//! Used by `cache-admin doctor`.

use sea_orm::ConnectionTrait;

use crate::database::{Database, DatabaseError, is_denied};

/// Writes no row, in a transaction that is rolled back.
///
/// # Errors
/// Why nothing can be written.
pub async fn try_to_write(database: &Database) -> Result<(), DatabaseError> {
    let transaction = database.begin_write().await?;
    let written = transaction.execute_unprepared("UPDATE cache_invalidations SET id = id WHERE 1 = 0").await;
    transaction.rollback().await?;
    match written {
        // A denied right is reported among the rights.
        Err(error) if !is_denied(&error) => Err(error.into()),
        _ => Ok(()),
    }
}
