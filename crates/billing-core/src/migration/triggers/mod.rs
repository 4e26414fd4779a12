//! Our triggers. Some write the outbox, whichever program changes a table; others copy names and rates onto lines.
//!
//! Invariant: every change of a row puts the keys it made wrong into `cache_invalidations`, in the same transaction:
//! the new key on insert, the old one on delete, both on an update that moved the row, and on SQLite the key of each
//! row that is replaced. These triggers are generated from the declarations of the cached types, those that copy from
//! one list (`copied.rs`). Any other trigger whose name begins with [`PREFIX`] or [`COPY_PREFIX`] is removed.
//!
//! Used by [`super::migrate`]; `cache-admin doctor` calls [`check_triggers`].

mod blind;
pub(super) mod copied;
mod postgres;
mod sqlite;
mod unique;
mod version;

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, DbBackend, DbErr};

pub(crate) use blind::blind_types;
pub use copied::COPY_PREFIX;
pub use version::{VERSION, newer_than_this_build};

/// Prefix of the names of all invalidation triggers and their functions.
pub const PREFIX: &str = "billing_cache_";

/// The channel on which PostgreSQL announces new outbox rows.
pub const NOTIFY_CHANNEL: &str = "cache_invalidations";

/// A table whose changes make keys of a cached type wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableDependency {
    /// The table.
    pub table: &'static str,
    /// The columns whose values are the parts of the key, in order; empty for a type with one key.
    pub key_columns: &'static [&'static str],
}

/// Everything a cached type depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeDependencies {
    /// The CLI name of the cached type.
    pub cache_type: &'static str,
    /// Its tables.
    pub tables: &'static [TableDependency],
}

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
    declarations: &[TypeDependencies],
) -> Result<Vec<TriggerDifference>, DbErr> {
    let expected = expected_triggers(connection, declarations).await?;
    Ok(differences(&installed_triggers(connection).await?, &expected))
}

fn differences(installed: &[InstalledTrigger], expected: &[InstalledTrigger]) -> Vec<TriggerDifference> {
    fn by_name(triggers: &[InstalledTrigger]) -> BTreeMap<(&str, &str), &InstalledTrigger> {
        triggers.iter().map(|trigger| ((trigger.name.as_str(), trigger.table.as_str()), trigger)).collect()
    }
    let (installed, expected) = (by_name(installed), by_name(expected));
    let names: BTreeSet<&(&str, &str)> = installed.keys().chain(expected.keys()).collect();
    let difference = |name: &(&str, &str)| {
        let fault = fault(installed.get(name).copied(), expected.get(name).copied())?;
        Some(TriggerDifference { name: name.0.to_owned(), table: name.1.to_owned(), fault })
    };
    names.into_iter().filter_map(difference).collect()
}

fn fault(installed: Option<&InstalledTrigger>, expected: Option<&InstalledTrigger>) -> Option<TriggerFault> {
    match (installed, expected) {
        (None, _) => Some(TriggerFault::Missing),
        (Some(is), _) if version::is_newer(is) => Some(TriggerFault::Newer),
        (Some(_), None) => Some(TriggerFault::Unexpected),
        (Some(is), Some(should_be)) => (is != should_be).then_some(TriggerFault::Differs),
    }
}

/// Makes the installed triggers those of the declarations. Run it in a transaction: in between, changes go unnoticed.
pub async fn install_triggers<C: ConnectionTrait>(
    connection: &C,
    declarations: &[TypeDependencies],
) -> Result<TriggerChange, DbErr> {
    if check_triggers(connection, declarations).await?.is_empty() {
        return Ok(TriggerChange::Unchanged);
    }
    remove_triggers(connection).await?;
    create_triggers(connection, declarations).await
}

/// Removes all triggers of ours.
pub(super) async fn remove_triggers<C: ConnectionTrait>(connection: &C) -> Result<(), DbErr> {
    let installed = installed_triggers(connection).await?;
    match connection.get_database_backend() {
        DbBackend::Sqlite => sqlite::remove(connection, &installed).await,
        _ => postgres::remove(connection, &installed).await,
    }
}

/// Creates the triggers of the declarations; none of them may exist.
pub(super) async fn create_triggers<C: ConnectionTrait>(
    connection: &C,
    declarations: &[TypeDependencies],
) -> Result<TriggerChange, DbErr> {
    let tables = by_table(declarations);
    match connection.get_database_backend() {
        DbBackend::Sqlite => sqlite::create(connection, &tables).await?,
        _ => postgres::create(connection, &tables).await?,
    }
    Ok(TriggerChange::Replaced { count: expected_triggers(connection, declarations).await?.len() })
}

/// Our triggers in the database, by name.
pub async fn installed_triggers<C: ConnectionTrait>(connection: &C) -> Result<Vec<InstalledTrigger>, DbErr> {
    let mut triggers = match connection.get_database_backend() {
        DbBackend::Sqlite => sqlite::installed(connection).await?,
        _ => postgres::installed(connection).await?,
    };
    triggers.sort();
    Ok(triggers)
}

/// The triggers that the declarations ask for on the current tables of this database, by name.
pub async fn expected_triggers<C: ConnectionTrait>(
    connection: &C,
    declarations: &[TypeDependencies],
) -> Result<Vec<InstalledTrigger>, DbErr> {
    let tables = by_table(declarations);
    let mut triggers = match connection.get_database_backend() {
        DbBackend::Sqlite => sqlite::expected(connection, &tables).await?,
        _ => postgres::expected(connection, &tables).await?,
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
fn by_table(declarations: &[TypeDependencies]) -> Vec<WatchedTable> {
    let mut tables: Vec<WatchedTable> = Vec::new();
    for declaration in declarations {
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
