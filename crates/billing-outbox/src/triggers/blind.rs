//! Finds blind tables: those whose changes go unnoticed, because an event has no enabled trigger of ours.
//!
//! Invariant: a trigger of another version counts, since it writes the outbox too. A trigger does not count if it is
//! disabled, if a schema tool dropped it with its table, or if its table is partitioned or inherited from.
//!
//! Used by the check of running services (`outbox/trigger_check.rs`).

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use crate::declaration::{Declarations, Owner, TypeDependencies};

/// Events on rows, each with PostgreSQL's bit for it in `tgtype`.
const EVENTS: [(&str, i32); 3] = [("INSERT", 4), ("DELETE", 8), ("UPDATE", 16)];
/// An event that only PostgreSQL has.
const TRUNCATE: (&str, i32) = ("TRUNCATE", 32);

/// The events of each table for which a trigger of ours is enabled.
type Seen = BTreeMap<String, BTreeSet<&'static str>>;

/// The types whose tables lack triggers, each with the changes that go unnoticed: `payments (INSERT)`.
pub(crate) async fn blind_types<C: ConnectionTrait>(
    connection: &C,
    declarations: &Declarations,
) -> Result<BTreeMap<&'static str, Vec<String>>, DbErr> {
    let owner = &declarations.owner;
    let (seen, events) = match connection.get_database_backend() {
        DbBackend::Sqlite => (seen_on_sqlite(connection, owner).await?, EVENTS.to_vec()),
        _ => (seen_on_postgres(connection, owner).await?, EVENTS.into_iter().chain([TRUNCATE]).collect()),
    };
    let unseen = |table: &str| {
        let is_seen = |event: &str| seen.get(table).is_some_and(|events| events.contains(event));
        let missing: Vec<&str> = events.iter().map(|(event, _)| *event).filter(|event| !is_seen(event)).collect();
        (!missing.is_empty()).then(|| format!("{table} ({})", missing.join(", ")))
    };
    let of_type = |declared: &TypeDependencies| -> Vec<String> {
        declared.tables.iter().filter_map(|dependency| unseen(dependency.table)).collect()
    };
    let types = declarations.types.iter().map(|declared| (declared.cache_type, of_type(declared)));
    Ok(types.filter(|(_, unseen)| !unseen.is_empty()).collect())
}

async fn seen_on_sqlite<C: ConnectionTrait>(connection: &C, owner: &Owner) -> Result<Seen, DbErr> {
    let prefix = owner.prefix();
    let sql = format!("SELECT tbl_name, sql FROM sqlite_master WHERE type = 'trigger' AND name GLOB '{prefix}*'");
    let mut seen = Seen::new();
    for row in connection.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql)).await? {
        let (table, sql): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let sees = |event: &str| sql.contains(&format!(" AFTER {event} ON "));
        let events = EVENTS.iter().map(|(event, _)| *event).filter(|event| sees(event));
        seen.entry(table).or_default().extend(events);
    }
    Ok(seen)
}

/// `O` fires for all but replication, `A` for replication too. A write to a partition by its own name, or to a table
/// that inherits, fires only the triggers of that table.
async fn seen_on_postgres<C: ConnectionTrait>(connection: &C, owner: &Owner) -> Result<Seen, DbErr> {
    let prefix = owner.prefix();
    let sql = format!(
        "SELECT c.relname::text, t.tgtype::int FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid \
         WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND starts_with(t.tgname::text, '{prefix}') \
           AND pg_table_is_visible(t.tgrelid) \
           AND NOT EXISTS (SELECT FROM pg_inherits WHERE t.tgrelid IN (inhparent, inhrelid))"
    );
    let mut seen = Seen::new();
    for row in connection.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await? {
        let (table, bits): (String, i32) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let events = EVENTS.into_iter().chain([TRUNCATE]).filter(|(_, bit)| bits & bit != 0);
        seen.entry(table).or_default().extend(events.map(|(event, _)| event));
    }
    Ok(seen)
}
