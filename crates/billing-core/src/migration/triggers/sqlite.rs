//! The triggers in SQLite's words: one for each table and event.
//!
//! Invariant: the text in `sqlite_master` is the text made here, so that comparing them is comparing strings. An update
//! that changes nothing still writes its rows: comparing every column costs more than it saves. Called by the parent.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::{InstalledTrigger, PREFIX, WatchedKey, WatchedTable, version};

pub(super) fn expected(table: &WatchedTable) -> Vec<InstalledTrigger> {
    [
        trigger(table, "INSERT", inserts(table, "NEW")),
        trigger(table, "UPDATE", inserts(table, "OLD") + &inserts_where_moved(table)),
        trigger(table, "DELETE", inserts(table, "OLD")),
    ]
    .into()
}

pub(super) async fn installed<C: ConnectionTrait>(connection: &C) -> Result<Vec<InstalledTrigger>, DbErr> {
    let sql = format!("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' AND name GLOB '{PREFIX}*'");
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

pub(super) async fn replace<C: ConnectionTrait>(
    connection: &C,
    installed: &[InstalledTrigger],
    expected: &[InstalledTrigger],
) -> Result<(), DbErr> {
    for trigger in installed {
        connection.execute_unprepared(&format!("DROP TRIGGER {}", trigger.name)).await?;
    }
    for trigger in expected {
        connection.execute_unprepared(&trigger.sql).await?;
    }
    Ok(())
}

fn trigger(table: &WatchedTable, event: &str, body: String) -> InstalledTrigger {
    let name = format!("{PREFIX}{}_{}", table.name, event.to_lowercase());
    let version = version::comment();
    let sql = format!("CREATE TRIGGER {name} AFTER {event} ON {}\nBEGIN\n{version}{body}END", table.name);
    InstalledTrigger { name, table: table.name.to_owned(), sql }
}

fn inserts(table: &WatchedTable, row: &str) -> String {
    table.keys.iter().map(|key| format!("{};\n", insert(table, key, row))).collect()
}

/// The new keys, for the rows that moved from one key to another.
fn inserts_where_moved(table: &WatchedTable) -> String {
    table
        .keys
        .iter()
        .filter(|key| !key.columns.is_empty())
        .map(|key| format!("{} WHERE {};\n", insert(table, key, "NEW"), moved(key)))
        .collect()
}

fn insert(table: &WatchedTable, key: &WatchedKey, row: &str) -> String {
    format!(
        "    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT '{}', json_array({}), '{}'",
        key.cache_type,
        columns(key, row),
        table.name,
    )
}

fn columns(key: &WatchedKey, row: &str) -> String {
    let columns: Vec<_> = key.columns.iter().map(|column| format!("{row}.{column}")).collect();
    columns.join(", ")
}

fn moved(key: &WatchedKey) -> String {
    let columns: Vec<_> = key.columns.iter().map(|column| format!("OLD.{column} IS NOT NEW.{column}")).collect();
    columns.join(" OR ")
}
