//! Our triggers. Some write the outbox, whichever program changes a table; others copy names and rates onto lines.
//!
//! Invariant: every change of a row puts the keys it made wrong into `cache_invalidations`, in the same transaction:
//! the new key on insert, the old one on delete, both on an update that moved the row, and on SQLite the key of each
//! row that is replaced. All triggers are generated from the declarations of an application. Any other trigger whose
//! name begins with a prefix of its owner is removed; those of other owners are left alone.
//!
//! Used by the migration; `cache-admin doctor` calls [`check_triggers`].

mod blind;
mod last_look;
mod postgres;
mod sqlite;
mod unique;
mod version;

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, DbBackend, DbErr};

pub(crate) use blind::blind_types;
pub(crate) use last_look::LastLook;
pub use version::newer_than_this_build;

use crate::declaration::{Declarations, Owner};

/// The channel on which PostgreSQL announces new outbox rows.
pub const NOTIFY_CHANNEL: &str = "cache_invalidations";

/// A trigger of ours, as it is installed or as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InstalledTrigger {
    /// Its name.
    pub name: String,
    /// The table it watches.
    pub table: String,
    /// Its definition in the database's own text: the statement on SQLite; on PostgreSQL its definition, a line end,
    /// and the body of its function. A disabled trigger differs from every expected one.
    pub sql: String,
}

/// The result of installing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerChange {
    /// They were already right.
    Unchanged,
    /// All were dropped and made again.
    Replaced {
        /// How many there are now.
        count: usize,
    },
}

/// A trigger that differs from the declarations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerDifference {
    /// Its name.
    pub name: String,
    /// The table it watches.
    pub table: String,
    /// What is wrong with it.
    pub fault: TriggerFault,
}

/// What is wrong with a trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerFault {
    /// It is missing: changes of its table go unnoticed.
    Missing,
    /// Its definition differs from this version's, or it is disabled.
    Differs,
    /// It has a name of ours, and no declaration asks for it.
    Unexpected,
    /// A newer version of this crate made it.
    Newer,
}

/// How the installed triggers differ from those of the declarations, by name; empty if `migrate` would change nothing.
pub async fn check_triggers<C: ConnectionTrait>(
    connection: &C,
    declarations: &Declarations,
) -> Result<Vec<TriggerDifference>, DbErr> {
    let expected = expected_triggers(connection, declarations).await?;
    Ok(differences(&declarations.owner, &installed_triggers(connection, &declarations.owner).await?, &expected))
}

fn differences(owner: &Owner, installed: &[InstalledTrigger], expected: &[InstalledTrigger]) -> Vec<TriggerDifference> {
    fn by_name(triggers: &[InstalledTrigger]) -> BTreeMap<(&str, &str), &InstalledTrigger> {
        triggers.iter().map(|trigger| ((trigger.name.as_str(), trigger.table.as_str()), trigger)).collect()
    }
    let (installed, expected) = (by_name(installed), by_name(expected));
    let names: BTreeSet<&(&str, &str)> = installed.keys().chain(expected.keys()).collect();
    let difference = |name: &(&str, &str)| {
        let fault = fault(owner, installed.get(name).copied(), expected.get(name).copied())?;
        Some(TriggerDifference { name: name.0.to_owned(), table: name.1.to_owned(), fault })
    };
    names.into_iter().filter_map(difference).collect()
}

fn fault(
    owner: &Owner,
    installed: Option<&InstalledTrigger>,
    expected: Option<&InstalledTrigger>,
) -> Option<TriggerFault> {
    match (installed, expected) {
        (None, _) => Some(TriggerFault::Missing),
        (Some(is), _) if version::is_newer(owner, is) => Some(TriggerFault::Newer),
        (Some(_), None) => Some(TriggerFault::Unexpected),
        (Some(is), Some(should_be)) => (is != should_be).then_some(TriggerFault::Differs),
    }
}

/// Makes the installed triggers those of the declarations. Run it in a transaction: in between, changes go unnoticed.
pub async fn install_triggers<C: ConnectionTrait>(
    connection: &C,
    declarations: &Declarations,
) -> Result<TriggerChange, DbErr> {
    if check_triggers(connection, declarations).await?.is_empty() {
        return Ok(TriggerChange::Unchanged);
    }
    remove_triggers(connection, &declarations.owner).await?;
    create_triggers(connection, declarations).await
}

/// Removes all triggers of this owner.
pub(crate) async fn remove_triggers<C: ConnectionTrait>(connection: &C, owner: &Owner) -> Result<(), DbErr> {
    let installed = installed_triggers(connection, owner).await?;
    match connection.get_database_backend() {
        DbBackend::Sqlite => sqlite::remove(connection, &installed).await,
        _ => postgres::remove(connection, owner, &installed).await,
    }
}

/// Creates the triggers of the declarations; none of them may exist.
pub(crate) async fn create_triggers<C: ConnectionTrait>(
    connection: &C,
    declarations: &Declarations,
) -> Result<TriggerChange, DbErr> {
    match connection.get_database_backend() {
        DbBackend::Sqlite => sqlite::create(connection, declarations).await?,
        _ => postgres::create(connection, declarations).await?,
    }
    Ok(TriggerChange::Replaced { count: expected_triggers(connection, declarations).await?.len() })
}

/// The triggers of this owner in the database, by name.
pub async fn installed_triggers<C: ConnectionTrait>(
    connection: &C,
    owner: &Owner,
) -> Result<Vec<InstalledTrigger>, DbErr> {
    let mut triggers = match connection.get_database_backend() {
        DbBackend::Sqlite => sqlite::installed(connection, owner).await?,
        _ => postgres::installed(connection, owner).await?,
    };
    triggers.sort();
    Ok(triggers)
}

/// The triggers that the declarations ask for on the current tables of this database, by name.
pub async fn expected_triggers<C: ConnectionTrait>(
    connection: &C,
    declarations: &Declarations,
) -> Result<Vec<InstalledTrigger>, DbErr> {
    let mut triggers = match connection.get_database_backend() {
        DbBackend::Sqlite => sqlite::expected(connection, declarations).await?,
        _ => postgres::expected(connection, declarations).await?,
    };
    triggers.sort();
    Ok(triggers)
}

/// A table and the keys its rows belong to.
struct WatchedTable {
    name: &'static str,
    keys: Vec<WatchedKey>,
}

struct WatchedKey {
    cache_type: &'static str,
    columns: &'static [&'static str],
}

/// The declarations grouped by table, in the order of their first mention.
fn by_table(declarations: &Declarations) -> Vec<WatchedTable> {
    let mut tables: Vec<WatchedTable> = Vec::new();
    for declaration in declarations.types.iter() {
        for dependency in declaration.tables {
            let key = WatchedKey { cache_type: declaration.cache_type, columns: dependency.key_columns };
            match tables.iter_mut().find(|table| table.name == dependency.table) {
                Some(table) => table.keys.push(key),
                None => tables.push(WatchedTable { name: dependency.table, keys: vec![key] }),
            }
        }
    }
    tables
}
