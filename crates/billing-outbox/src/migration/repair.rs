//! Repairs triggers, and invalidates what may have been cached wrong meanwhile.
//!
//! Invariant: in a database that was in use, each type whose changes a trigger may have missed gets an outbox row that
//! clears it, in the same transaction in which the trigger is made.
//!
//! Used by the parent.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DbErr, Statement};

use crate::declaration::{Declarations, Owner, TypeDependencies};
use crate::triggers::{
    TriggerChange, TriggerDifference, TriggerFault, check_triggers, create_triggers, remove_triggers,
};

/// The state of the database before a migration.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// It had no trigger and no outbox, so nothing was cached from it.
    pub is_new: bool,
    /// The outbox was missing, and with it the pending rows.
    pub lost_outbox: bool,
}

/// What a migration did to the triggers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// Whether the triggers were replaced.
    pub triggers: TriggerChange,
    /// Triggers that were missing or different in a database that had been migrated before.
    pub faults: Vec<TriggerDifference>,
    /// Cached types whose changes may have gone unnoticed: relays clear them.
    pub cleared: BTreeSet<&'static str>,
}

/// Checks the triggers, and removes all if one is wrong, so that it cannot prevent what is done next. Returns what was
/// wrong.
pub(super) async fn remove_if_wrong<C: ConnectionTrait>(
    connection: &C,
    declarations: &Declarations,
) -> Result<Vec<TriggerDifference>, DbErr> {
    let faults = check_triggers(connection, declarations).await?;
    if !faults.is_empty() {
        remove_triggers(connection, &declarations.owner).await?;
    }
    Ok(faults)
}

/// Creates the triggers if they were removed. `filled` is the number of copies that were filled since.
pub(super) async fn finish<C: ConnectionTrait>(
    connection: &C,
    declarations: &Declarations,
    found: Found,
    faults: Vec<TriggerDifference>,
    filled: u64,
) -> Result<Repaired, DbErr> {
    let (triggers, filled_unseen) = match faults.is_empty() {
        true => (TriggerChange::Unchanged, 0),
        false => (create_triggers(connection, declarations).await?, filled),
    };
    let cleared = clear(connection, &unseen(declarations, &faults, filled_unseen, found)).await?;
    Ok(Repaired { triggers, faults: if found.is_new { Vec::new() } else { faults }, cleared })
}

/// The types, each with the tables whose changes may have gone unnoticed.
fn unseen(
    declarations: &Declarations,
    faults: &[TriggerDifference],
    filled_unseen: u64,
    found: Found,
) -> BTreeSet<(&'static str, &'static str)> {
    if found.is_new {
        return BTreeSet::new();
    }
    let owner = &declarations.owner;
    let is_unseen = |table: &str| {
        let by_fault = faults.iter().any(|fault| fault.table == table && let_changes_pass(owner, fault));
        let by_filling = filled_unseen > 0 && owner.copied().any(|(_, copied)| copied.table == table);
        found.lost_outbox || by_fault || by_filling
    };
    let of_type = |declaration: &TypeDependencies| {
        let tables = declaration.tables.iter().filter(|dependency| is_unseen(dependency.table));
        tables.map(|dependency| (declaration.cache_type, dependency.table)).collect::<Vec<_>>()
    };
    declarations.types.iter().flat_map(of_type).collect()
}

/// True also for a trigger that differs: this does not examine whether it is disabled or what it does.
fn let_changes_pass(owner: &Owner, fault: &TriggerDifference) -> bool {
    fault.name.starts_with(&owner.prefix()) && matches!(fault.fault, TriggerFault::Missing | TriggerFault::Differs)
}

async fn clear<C: ConnectionTrait>(
    connection: &C,
    unseen: &BTreeSet<(&'static str, &'static str)>,
) -> Result<BTreeSet<&'static str>, DbErr> {
    for (cache_type, table) in unseen {
        let sql = format!(
            "INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('{cache_type}', NULL, '{table}')"
        );
        connection.execute_raw(Statement::from_string(connection.get_database_backend(), sql)).await?;
    }
    Ok(unseen.iter().map(|(cache_type, _)| *cache_type).collect())
}
