//! The triggers for SQLite: for each table and event one trigger that sees the rows, and one that sees the rows that
//! they replace.
//!
//! Invariant: the text here is the text in `sqlite_master`, so that the two are compared as strings. An update that
//! changes nothing still writes its rows: comparing every column costs more than it saves.
//!
//! Used by the parent.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::installed::InstalledTrigger;
use super::unique::{self, Replacement};
use super::version;
use super::watched::{WatchedKey, WatchedTable, by_table};
use crate::declaration::{Copied, Declarations, Owner};

/// The triggers of the current tables; their indexes decide which rows can be replaced.
pub(super) async fn expected<C: ConnectionTrait>(
    connection: &C,
    declarations: &Declarations,
) -> Result<Vec<InstalledTrigger>, DbErr> {
    let owner = &declarations.owner;
    let copying = owner.copied().flat_map(|(prefix, copied)| copying(owner, prefix, copied));
    let mut triggers: Vec<InstalledTrigger> = copying.collect();
    for table in &by_table(declarations) {
        triggers.extend(seeing(owner, table));
        let replacement = Replacement::by(&unique::keys(connection, table.name).await?);
        triggers.extend(replacement.iter().flat_map(|replacement| seeing_replaced(owner, table, replacement)));
    }
    Ok(triggers)
}

pub(super) async fn installed<C: ConnectionTrait>(
    connection: &C,
    owner: &Owner,
) -> Result<Vec<InstalledTrigger>, DbErr> {
    let named: Vec<String> = owner.prefixes().iter().map(|prefix| format!("name GLOB '{prefix}*'")).collect();
    let named = named.join(" OR ");
    let sql = format!("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' AND ({named})");
    let rows = connection.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql)).await?;
    rows.iter()
        .map(|row| {
            Ok(InstalledTrigger {
                name: row.try_get_by_index(0)?,
                table: row.try_get_by_index(1)?,
                sql: row.try_get_by_index(2)?,
            })
        })
        .collect()
}

pub(super) async fn remove<C: ConnectionTrait>(connection: &C, installed: &[InstalledTrigger]) -> Result<(), DbErr> {
    for trigger in installed {
        connection.execute_unprepared(&format!("DROP TRIGGER {}", trigger.name)).await?;
    }
    Ok(())
}

pub(super) async fn create<C: ConnectionTrait>(connection: &C, declarations: &Declarations) -> Result<(), DbErr> {
    for trigger in expected(connection, declarations).await? {
        connection.execute_unprepared(&trigger.sql).await?;
    }
    Ok(())
}

fn trigger(owner: &Owner, name: String, table: &'static str, when: &str, body: &str) -> InstalledTrigger {
    let sql = format!("CREATE TRIGGER {name} {when}\nBEGIN\n{}{body}END", version::comment(owner));
    InstalledTrigger { name, table: table.to_owned(), sql }
}

fn seeing(owner: &Owner, table: &WatchedTable) -> [InstalledTrigger; 3] {
    let seeing = |event: &str, body: String| {
        let name = format!("{}{}_{}", owner.prefix(), table.name, event.to_lowercase());
        trigger(owner, name, table.name, &format!("AFTER {event} ON {}", table.name), &body)
    };
    [
        seeing("INSERT", inserts(table, "NEW")),
        seeing("UPDATE", inserts(table, "OLD") + &inserts_where_moved(table)),
        seeing("DELETE", inserts(table, "OLD")),
    ]
}

/// No DELETE trigger fires for a row that `OR REPLACE` deletes, unless `recursive_triggers` is on.
fn seeing_replaced(owner: &Owner, table: &WatchedTable, replacement: &Replacement) -> [InstalledTrigger; 2] {
    let seeing = |event: &str, condition: &str| {
        let name = format!("{}{}_replaced_{}", owner.prefix(), table.name, event.to_lowercase());
        let when = format!("BEFORE {event} ON {}{condition}", table.name);
        trigger(owner, name, table.name, &when, &inserts_of_replaced(table, replacement))
    };
    let moved = replacement.moved.as_ref().map(|moved| format!("\nWHEN {moved}"));
    [seeing("INSERT", ""), seeing("UPDATE", &moved.unwrap_or_default())]
}

fn inserts(table: &WatchedTable, row: &str) -> String {
    table.keys.iter().map(|key| format!("{};\n", insert(table, key, &key_parts(key, row)))).collect()
}

/// The new keys, for the rows that moved from one key to another.
fn inserts_where_moved(table: &WatchedTable) -> String {
    table
        .keys
        .iter()
        .filter(|key| !key.columns.is_empty())
        .map(|key| format!("{} WHERE {};\n", insert(table, key, &key_parts(key, "NEW")), moved(key)))
        .collect()
}

/// The whole type, if it cannot be determined which rows are replaced.
fn inserts_of_replaced(table: &WatchedTable, replacement: &Replacement) -> String {
    let insert = |key: &WatchedKey| match &replacement.matched {
        Some(matched) => {
            let keys = insert(table, key, &key_parts(key, "replaced"));
            format!("{keys}\n        FROM {} AS replaced WHERE {matched};\n", table.name)
        }
        None => format!("{};\n", insert(table, key, "NULL")),
    };
    table.keys.iter().map(insert).collect()
}

fn insert(table: &WatchedTable, key: &WatchedKey, key_parts: &str) -> String {
    format!(
        "    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT '{}', {key_parts}, '{}'",
        key.cache_type, table.name,
    )
}

fn key_parts(key: &WatchedKey, row: &str) -> String {
    let columns: Vec<_> = key.columns.iter().map(|column| part(&format!("{row}.{column}"))).collect();
    format!("json_array({})", columns.join(", "))
}

/// JSON takes no blob, and a trigger that fails makes its writer's statement fail. No key is made of a blob.
fn part(column: &str) -> String {
    format!("iif(typeof({column}) = 'blob', NULL, {column})")
}

fn moved(key: &WatchedKey) -> String {
    let columns: Vec<_> = key.columns.iter().map(|column| format!("OLD.{column} IS NOT NEW.{column}")).collect();
    columns.join(" OR ")
}

fn copying(owner: &Owner, prefix: &str, copied: &Copied) -> [InstalledTrigger; 2] {
    let Copied { table, reference, .. } = copied;
    let lacks = copied.each(" OR ", |column| format!("NEW.{column} IS NULL"));
    let inserted = format!("AFTER INSERT ON {table}\nWHEN {lacks}");
    let moved = format!("AFTER UPDATE OF {reference} ON {table}\nWHEN OLD.{reference} IS NOT NEW.{reference}");
    let copy = |column: &str| of_source(copied, column);
    let where_lacking = |column: &str| format!("{column} = coalesce(NEW.{column}, {})", copy(column));
    let unless_set = |column: &str| {
        let set = format!("NEW.{column} IS NOT NULL AND NEW.{column} IS NOT OLD.{column}");
        format!("{column} = CASE WHEN {set} THEN NEW.{column} ELSE {} END", copy(column))
    };
    let update = |columns: String| format!("    UPDATE {table} SET {columns} WHERE id = NEW.id;\n");
    [
        trigger(owner, format!("{prefix}{table}"), table, &inserted, &update(copied.each(", ", where_lacking))),
        trigger(owner, format!("{prefix}{table}_update"), table, &moved, &update(copied.each(", ", unless_set))),
    ]
}

fn of_source(Copied { source, reference, .. }: &Copied, column: &str) -> String {
    format!("(SELECT {column} FROM {source} WHERE id = NEW.{reference})")
}
