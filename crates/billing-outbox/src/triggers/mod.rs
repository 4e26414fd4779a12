//! Our triggers. Some write the outbox, whichever program changes a table; others copy names and rates onto lines.
//!
//! Invariant: every change of a row puts the keys it made wrong into `cache_invalidations`, in the same transaction:
//! the new key on insert, the old one on delete, both on an update that moved the row, and on SQLite the key of each
//! row that is replaced. All triggers are generated from the declarations of an application. Any other trigger whose
//! name begins with a prefix of its owner is removed; those of other owners are left alone.
//!
//! Used by the migration; `cache-admin doctor` calls [`check_triggers`].

mod blind;
mod installed;
mod last_look;
mod postgres;
mod sqlite;
mod unique;
mod version;
mod watched;

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, DbBackend, DbErr};

pub(crate) use blind::blind_types;
pub use installed::{InstalledTrigger, TriggerChange, TriggerDifference, TriggerFault};
pub(crate) use last_look::LastLook;
pub use version::newer_than_this_build;
pub use watched::NOTIFY_CHANNEL;

use crate::declaration::{Declarations, Owner};

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
