//! Makes the outbox of a database, and the triggers of an application.
//!
//! Invariants: everything happens in one transaction, so a failure leaves the database as it was. A second run changes
//! nothing. What a newer version made, and what belongs to another application, is left alone.
//!
//! Used by applications that have tables of their own to migrate too ([`Migration`]), and by those that have none
//! ([`migrate`]).

mod objects;
mod outbox_table;
mod repair;

use std::ops::Deref;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr};

pub use objects::{Object, make_missing};
pub use outbox_table::{lost_outbox_columns, outbox_objects};
pub use repair::{Found, Repaired};

use crate::database::{self, Database, DatabaseError};
use crate::declaration::Declarations;
use crate::triggers::{TriggerDifference, installed_triggers, newer_than_this_build};

/// Key of the advisory lock that lets one process migrate at a time: a number that no other program uses ("billcach").
const ADVISORY_LOCK: i64 = 0x6269_6c6c_6361_6368;

/// A migration in progress: a transaction, which rolls back when it is dropped. Other migrations wait for it.
#[derive(Debug)]
pub struct Migration<'a> {
    transaction: DatabaseTransaction,
    declarations: &'a Declarations,
    had_triggers: bool,
    faults: Vec<TriggerDifference>,
}

/// Makes the outbox if it is missing, and the triggers of these declarations. The tables must exist.
///
/// # Errors
/// [`DatabaseError::NewerTriggers`] if a newer version has migrated already; [`DatabaseError::MissingColumns`] of the
/// outbox; [`DatabaseError::Migrate`].
pub async fn migrate(database: &Database, declarations: &Declarations) -> Result<Repaired, DatabaseError> {
    run(database, declarations).await.map_err(|error| error.of_migration(database.describe()))
}

async fn run(database: &Database, declarations: &Declarations) -> Result<Repaired, DatabaseError> {
    let mut migration = Migration::begin(database, declarations).await?;
    let lost = lost_outbox_columns(&*migration).await?;
    if !lost.is_empty() {
        let missing = lost.iter().map(|(column, _)| format!("cache_invalidations.{column}")).collect();
        return Err(DatabaseError::MissingColumns { database: database.describe().to_owned(), missing });
    }
    let made = make_missing(&*migration, &outbox_objects(database.backend())).await?;
    let is_new = made_outbox(&made) && !migration.had_triggers();
    migration.remove_wrong_triggers().await?;
    migration.finish(Found { is_new, lost_outbox: made_outbox(&made) && !is_new }, 0).await
}

/// Whether the outbox is among what [`make_missing`] made.
#[must_use]
pub fn made_outbox(made: &[String]) -> bool {
    made.iter().any(|name| name == outbox_table::TABLE)
}

impl<'a> Migration<'a> {
    /// Begins. On PostgreSQL, later statements fail after ten seconds (`is_transient`) if another transaction uses a
    /// table for long; otherwise all writers would queue behind this one.
    ///
    /// # Errors
    /// [`DatabaseError::NewerTriggers`] if a newer version has migrated already; those of the database.
    pub async fn begin(database: &Database, declarations: &'a Declarations) -> Result<Self, DatabaseError> {
        let transaction = database.begin_write().await?;
        lock(&transaction).await?;
        let owner = &declarations.owner;
        let installed = installed_triggers(&transaction, owner).await?;
        if let Some(found) = newer_than_this_build(owner, &installed) {
            let database = database.describe().to_owned();
            return Err(DatabaseError::NewerTriggers { database, found, known: owner.version });
        }
        Ok(Self { transaction, declarations, had_triggers: !installed.is_empty(), faults: Vec::new() })
    }

    /// Whether the application had triggers when the migration began.
    #[must_use]
    pub fn had_triggers(&self) -> bool {
        self.had_triggers
    }

    /// Removes the triggers if one of them is wrong, so that it cannot prevent what the caller does before
    /// [`Self::finish`].
    ///
    /// # Errors
    /// Those of the database.
    pub async fn remove_wrong_triggers(&mut self) -> Result<(), DatabaseError> {
        self.faults = repair::remove_if_wrong(&self.transaction, self.declarations).await?;
        Ok(())
    }

    /// Creates the triggers that were removed, and commits. `filled` is the number of copied columns that the caller
    /// has filled since they were removed.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn finish(self, found: Found, filled: u64) -> Result<Repaired, DatabaseError> {
        let repaired = repair::finish(&self.transaction, self.declarations, found, self.faults, filled).await?;
        database::commit(self.transaction).await?;
        Ok(repaired)
    }
}

impl Deref for Migration<'_> {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.transaction
    }
}

/// SQLite needs no lock of its own: the transaction already holds the write lock.
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
