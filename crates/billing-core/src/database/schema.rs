//! Whether the tables are there.
//!
//! Invariant: asking needs no right to change anything. Called by services and tools before they start, and by the
//! migrations.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use sea_orm_migration::MigratorTrait;

use super::{Database, DatabaseError};
use crate::migration::Migrator;

/// One table of the platform and one of ours; the migrations account for the others.
const PROBED: [&str; 2] = ["invoices", "cache_invalidations"];

impl Database {
    /// Fail with [`DatabaseError::NoSchema`] or [`DatabaseError::PendingMigrations`] if `cache-admin migrate` has to
    /// run first.
    pub async fn check_schema(&self) -> Result<(), DatabaseError> {
        for table in PROBED {
            if !table_exists(self.connection(), table).await? {
                return Err(DatabaseError::NoSchema { database: self.describe().to_owned(), table });
            }
        }
        let pending = Migrator::get_pending_migrations_read_only(self.connection()).await?;
        if pending.is_empty() {
            return Ok(());
        }
        Err(DatabaseError::PendingMigrations {
            database: self.describe().to_owned(),
            pending: pending.iter().map(|migration| migration.name().to_owned()).collect(),
        })
    }
}

/// Whether an unqualified name finds a table, wherever on PostgreSQL's search path it is.
pub(crate) async fn table_exists<C: ConnectionTrait>(connection: &C, table: &str) -> Result<bool, DbErr> {
    let backend = connection.get_database_backend();
    let sql = match backend {
        DbBackend::Sqlite => "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?",
        _ => "SELECT 1 WHERE to_regclass($1) IS NOT NULL",
    };
    let statement = Statement::from_sql_and_values(backend, sql, [table.into()]);
    Ok(connection.query_one_raw(statement).await?.is_some())
}

/// Whether a table has at least one row.
pub(crate) async fn has_rows<C: ConnectionTrait>(connection: &C, table: &'static str) -> Result<bool, DbErr> {
    let statement = Statement::from_string(connection.get_database_backend(), format!("SELECT 1 FROM {table} LIMIT 1"));
    Ok(connection.query_one_raw(statement).await?.is_some())
}
