//! Repairs triggers and copies, and invalidates what may have been cached wrong meanwhile.
//!
//! Invariant: in a database that was in use, each type whose changes a trigger may have missed gets an outbox row that
//! clears it, in the same transaction in which the trigger is made.
//!
//! Used by [`super::migrate`].

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DbErr, Statement};

use super::copies;
use crate::declaration::{Declarations, Owner, TypeDependencies};
use crate::triggers::{
    TriggerChange, TriggerDifference, TriggerFault, check_triggers, create_triggers, remove_triggers,
};

/// The state of the database before the repair.
#[derive(Clone, Copy)]
pub(super) struct Found {
    /// It had no trigger and no outbox, so nothing was cached from it.
    pub(super) is_new: bool,
    /// The outbox was missing, and with it the pending rows.
    pub(super) lost_outbox: bool,
}

/// The result of the repair.
pub(super) struct Repaired {
    pub(super) triggers: TriggerChange,
    pub(super) faults: Vec<TriggerDifference>,
    pub(super) cleared: BTreeSet<&'static str>,
    pub(super) filled: u64,
}

pub(super) async fn triggers_and_copies<C: ConnectionTrait>(
    connection: &C,
    declarations: &Declarations,
    found: Found,
) -> Result<Repaired, DbErr> {
    let mut faults = check_triggers(connection, declarations).await?;
    if faults.is_empty() {
        let filled = copies::fill(connection).await?;
        let cleared = clear(connection, &unseen(declarations, &faults, 0, found)).await?;
        return Ok(Repaired { triggers: TriggerChange::Unchanged, faults, cleared, filled });
    }
    // A broken trigger must not prevent the copies from being filled.
    remove_triggers(connection, &declarations.owner).await?;
    let filled = copies::fill(connection).await?;
    let triggers = create_triggers(connection, declarations).await?;
    let cleared = clear(connection, &unseen(declarations, &faults, filled, found)).await?;
    if found.is_new {
        faults.clear();
    }
    Ok(Repaired { triggers, faults, cleared, filled })
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
