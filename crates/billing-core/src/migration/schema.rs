//! Whether the database was migrated.
//!
//! Invariant: the check needs no right to change anything.
//!
//! Used by services and tools before they start.

use billing_outbox::database::{Database, DatabaseError, table_exists};
use sea_orm_migration::MigratorTrait;

use super::Migrator;

/// One table of the platform and one of ours; the migrations account for the others.
const PROBED: [&str; 2] = ["invoices", "cache_invalidations"];

/// Fails with [`DatabaseError::NoSchema`] or [`DatabaseError::PendingMigrations`] if `cache-admin migrate` has to run
/// first.
pub async fn check_schema(database: &Database) -> Result<(), DatabaseError> {
    for table in PROBED {
        if !table_exists(database.connection(), table).await? {
            return Err(DatabaseError::NoSchema { database: database.describe().to_owned(), table });
        }
    }
    let pending = Migrator::get_pending_migrations_read_only(database.connection()).await?;
    if pending.is_empty() {
        return Ok(());
    }
    Err(DatabaseError::PendingMigrations {
        database: database.describe().to_owned(),
        pending: pending.iter().map(|migration| migration.name().to_owned()).collect(),
    })
}
