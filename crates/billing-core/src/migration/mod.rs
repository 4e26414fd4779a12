//! Makes a database ready: missing tables, our columns and the outbox, and the triggers of the cached types.
//!
//! Invariants: everything happens in one transaction, so a failure leaves the database as it was. The platform's rows
//! and columns are not changed. A second run changes nothing. What a newer version made is left alone.
//!
//! Used by `cache-admin migrate`, tests and the demo.

mod copies;
mod m0001_platform_tables;
mod m0002_outbox;
mod needs;
mod schema;

use std::collections::BTreeSet;

use billing_outbox::database::{Database, DatabaseError};
use billing_outbox::declaration::{Copied, Copies, Declarations, Owner};
use billing_outbox::migration::{Found, Migration, Repaired, made_outbox, make_missing};
use billing_outbox::triggers::{TriggerChange, TriggerDifference};
use sea_orm::sea_query::IntoIden;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, DynIden};
use sea_orm_migration::{MigrationTrait, MigratorTrait};

pub use copies::{MissingCopies, missing_copies};
pub use needs::{ColumnFault, ColumnFaultKind, check_columns};
pub use schema::check_schema;

/// Our own table: the platform may keep its migrations in the default one.
pub(crate) const MIGRATIONS_TABLE: &str = "billing_cache_migrations";

/// Our triggers. `tests/billing_core/trigger_texts.rs` asks for a new version when their texts change.
pub const OWNER: Owner =
    Owner { name: "billing_cache", version: 3, copies: Some(Copies { prefix: "billing_copy_", of: &COPIED }) };

/// So that renaming a discount or changing a rate changes no invoice.
const COPIED: [Copied; 2] = [
    Copied { table: "invoice_discounts", reference: "discount_id", source: "discounts", columns: &["name"] },
    Copied { table: "invoice_taxes", reference: "tax_rate_id", source: "tax_rates", columns: &["name", "rate"] },
];

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
    /// Names of the migrations applied now, in order; empty if all were applied before.
    pub applied: Vec<String>,
    /// Tables, columns and indexes of earlier migrations that were missing and had to be made again.
    pub mended: Vec<String>,
    /// Whether the triggers were replaced.
    pub triggers: TriggerChange,
    /// Triggers that were missing or different in a database that had been migrated before.
    pub faults: Vec<TriggerDifference>,
    /// Cached types whose changes may have gone unnoticed: relays clear them.
    pub cleared: BTreeSet<&'static str>,
    /// Number of copies of names and rates that were filled in lines.
    pub filled: u64,
    /// Columns whose types differ from the contract.
    pub columns: Vec<ColumnFault>,
}

/// Brings the database to what this version needs; the triggers follow `declarations`.
///
/// One transaction: concurrent calls wait for each other, and a failure or a future dropped before the commit changes
/// nothing. On PostgreSQL it fails after ten seconds (`is_transient`) if another transaction uses a table for long;
/// otherwise all writers would queue behind it.
///
/// # Errors
/// [`DatabaseError::NewerTriggers`] if a newer version has migrated already; [`DatabaseError::MissingColumns`] of the
/// platform's tables; [`DatabaseError::Migrate`].
pub async fn migrate(database: &Database, declarations: &Declarations) -> Result<MigrationReport, DatabaseError> {
    run(database, declarations).await.map_err(|error| error.of_migration(database.describe()))
}

async fn run(database: &Database, declarations: &Declarations) -> Result<MigrationReport, DatabaseError> {
    let mut migration = Migration::begin(database, declarations).await?;
    let columns = refuse_missing_columns(database, &migration).await?;
    let applied = pending(&migration).await?;
    if !applied.is_empty() {
        Migrator::up(&*migration, None).await?;
    }
    let mended = mend(&migration).await?;
    let found = Found {
        is_new: applied.iter().any(|name| name == m0002_outbox::NAME) && !migration.had_triggers(),
        lost_outbox: made_outbox(&mended),
    };
    // A broken trigger must not prevent the copies from being filled.
    migration.remove_wrong_triggers().await?;
    let filled = copies::fill(&*migration).await?;
    let Repaired { triggers, faults, cleared } = migration.finish(found, filled).await?;
    Ok(MigrationReport { applied, mended, triggers, faults, cleared, filled, columns })
}

/// Creates all that is missing of the platform's tables and of our additions. Returns the names.
async fn mend(transaction: &DatabaseTransaction) -> Result<Vec<String>, DbErr> {
    let backend = transaction.get_database_backend();
    let mut made = make_missing(transaction, &m0001_platform_tables::tables(backend)).await?;
    made.extend(make_missing(transaction, &m0002_outbox::additions(backend)).await?);
    Ok(made)
}

/// Returns the columns of other types, or an error if a column is missing.
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

async fn pending(transaction: &DatabaseTransaction) -> Result<Vec<String>, DbErr> {
    let pending = Migrator::get_pending_migrations_read_only(transaction).await?;
    Ok(pending.iter().map(|migration| migration.name().to_owned()).collect())
}
