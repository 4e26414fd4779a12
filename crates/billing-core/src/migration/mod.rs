//! What makes a database ready: missing tables, our columns and the outbox, and the triggers of the cached types.
//!
//! Invariant: everything happens in one transaction, so that a failure leaves the database as it was; nothing of the
//! platform's rows and columns is changed; running it again changes nothing; what a newer version made is left to it.
//! Called by `cache-admin migrate`, tests and the demo.

mod copies;
mod m0001_platform_tables;
mod m0002_outbox;
mod needs;
mod objects;
mod repair;
pub mod triggers;

use std::collections::BTreeSet;

use sea_orm::sea_query::IntoIden;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, DynIden};
use sea_orm_migration::{MigrationTrait, MigratorTrait};

use crate::database::{self, Database, DatabaseError};
pub use copies::{MissingCopies, missing_copies};
pub use needs::{ColumnFault, ColumnFaultKind, check_columns};
use repair::{Found, Repaired};
pub use triggers::{
    InstalledTrigger, TableDependency, TriggerChange, TriggerDifference, TriggerFault, TypeDependencies,
    check_triggers, expected_triggers, install_triggers, installed_triggers, newer_than_this_build,
};

/// Key of the advisory lock that lets one process migrate at a time; any number no other program uses ("billcach").
const ADVISORY_LOCK: i64 = 0x6269_6c6c_6361_6368;

/// A name of our own: the platform may keep its own migrations in the default table.
pub(crate) const MIGRATIONS_TABLE: &str = "billing_cache_migrations";

/// The migrations of this crate, in order.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m0001_platform_tables::Migration), Box::new(m0002_outbox::Migration)]
    }

    fn migration_table_name() -> DynIden {
        MIGRATIONS_TABLE.into_iden()
    }
}

/// What [`migrate`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationReport {
    /// Names of the migrations applied now, in order; empty if all had been.
    pub applied: Vec<String>,
    /// Tables, columns and indexes that a migration had made, and that had to be made again.
    pub mended: Vec<String>,
    /// Whether the triggers had to be replaced.
    pub triggers: TriggerChange,
    /// Triggers that were not as they should be, in a database that had been migrated before.
    pub faults: Vec<TriggerDifference>,
    /// Cached types of which changes may have gone unseen: relays clear them.
    pub cleared: BTreeSet<&'static str>,
    /// Copies of names and rates that were filled in lines.
    pub filled: u64,
    /// Columns of other types than those of the contract.
    pub columns: Vec<ColumnFault>,
}

/// Bring the database to what this version needs; the triggers follow `declarations`.
///
/// One transaction: concurrent calls wait for each other, a failure or a future dropped before the commit changes
/// nothing. On PostgreSQL a table in long use by another transaction fails it after ten seconds (`is_transient`),
/// rather than letting all writers queue behind it.
///
/// # Errors
/// [`DatabaseError::NewerTriggers`] where a newer version has migrated already; [`DatabaseError::MissingColumns`] of
/// the platform's tables; [`DatabaseError::Migrate`].
pub async fn migrate(database: &Database, declarations: &[TypeDependencies]) -> Result<MigrationReport, DatabaseError> {
    run(database, declarations).await.map_err(|error| match error {
        DatabaseError::Statement(source) => DatabaseError::Migrate { database: database.describe().to_owned(), source },
        refused => refused,
    })
}

async fn run(database: &Database, declarations: &[TypeDependencies]) -> Result<MigrationReport, DatabaseError> {
    let transaction = database.begin_write().await?;
    lock(&transaction).await?;
    refuse_newer(database, &transaction).await?;
    let columns = refuse_missing_columns(database, &transaction).await?;
    let applied = pending(&transaction).await?;
    if !applied.is_empty() {
        Migrator::up(&transaction, None).await?;
    }
    let mended = objects::mend(&transaction).await?;
    let found = Found {
        is_new: applied.iter().any(|name| name == m0002_outbox::NAME)
            && installed_triggers(&transaction).await?.is_empty(),
        lost_outbox: mended.iter().any(|made| made == "table cache_invalidations"),
    };
    let repaired = repair::triggers_and_copies(&transaction, declarations, found).await?;
    database::commit(transaction).await?;
    let Repaired { triggers, faults, cleared, filled } = repaired;
    Ok(MigrationReport { applied, mended, triggers, faults, cleared, filled, columns })
}

async fn refuse_newer(database: &Database, transaction: &DatabaseTransaction) -> Result<(), DatabaseError> {
    match newer_than_this_build(&installed_triggers(transaction).await?) {
        None => Ok(()),
        Some(found) => Err(DatabaseError::NewerTriggers {
            database: database.describe().to_owned(),
            found,
            known: triggers::VERSION,
        }),
    }
}

/// The columns of other types, if none is missing.
async fn refuse_missing_columns(
    database: &Database,
    transaction: &DatabaseTransaction,
) -> Result<Vec<ColumnFault>, DatabaseError> {
    let faults = check_columns(transaction).await?;
    let missing = faults.iter().filter(|fault| fault.kind == ColumnFaultKind::Missing);
    let missing: Vec<String> = missing.map(|fault| fault.column.clone()).collect();
    if missing.is_empty() {
        return Ok(faults);
    }
    Err(DatabaseError::MissingColumns { database: database.describe().to_owned(), missing })
}

/// SQLite needs no lock of its own: the transaction holds the write lock already.
async fn lock(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    if transaction.get_database_backend() == DbBackend::Sqlite {
        return Ok(());
    }
    let sql = format!(
        "SET LOCAL statement_timeout = 0; \
         SELECT pg_advisory_xact_lock({ADVISORY_LOCK}); \
         SET LOCAL lock_timeout = '10s'"
    );
    transaction.execute_unprepared(&sql).await?;
    Ok(())
}

async fn pending(transaction: &DatabaseTransaction) -> Result<Vec<String>, DbErr> {
    let pending = Migrator::get_pending_migrations_read_only(transaction).await?;
    Ok(pending.iter().map(|migration| migration.name().to_owned()).collect())
}
