//! A database the platform made and filled is taken over without touching what is the platform's.

use std::collections::BTreeSet;

use billing_core::cached::declarations;
use billing_core::migration::migrate;
use billing_outbox::database::Database;
use sea_orm::DbBackend;
use test_support::TestDatabase;
use test_support::platform::{self, Origin};

use crate::backends::{connect, execute, texts};

/// Runs the test over the platform's database, as each way of making it leaves it on each backend.
pub(crate) async fn for_each_platform(test: impl AsyncFn(&Database, &TestDatabase)) {
    for origin in Origin::of(DbBackend::Postgres) {
        for owned in [TestDatabase::sqlite().unwrap(), TestDatabase::postgres().await.unwrap()] {
            let database = connect(&owned).await;
            if Origin::of(database.backend()).contains(origin) {
                println!("made by {origin:?} on {}", owned.backend_name());
                execute(&database, &platform::tables(database.backend(), *origin)).await;
                execute(&database, platform::ROWS).await;
                test(&database, &owned).await;
            }
            database.close().await.unwrap();
            owned.drop_database().await.unwrap();
        }
    }
}

/// Every table and its columns.
async fn columns(database: &Database) -> Vec<(String, Vec<String>)> {
    let sql = match database.backend() {
        DbBackend::Sqlite => {
            "SELECT t.name, group_concat(c.name) FROM sqlite_schema t, pragma_table_info(t.name) c
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' GROUP BY t.name ORDER BY t.name"
        }
        _ => {
            "SELECT table_name::text, string_agg(column_name, ',' ORDER BY ordinal_position)
             FROM information_schema.columns WHERE table_schema = 'public' GROUP BY table_name ORDER BY table_name"
        }
    };
    let owned = |columns: Option<String>| columns.unwrap().split(',').map(str::to_owned).collect();
    let tables = texts(database, sql, 2).await.into_iter();
    tables.map(|mut row| (row.remove(0).unwrap(), owned(row.remove(0)))).collect()
}

/// These columns of every row, as text.
async fn dump(database: &Database, columns: &[(String, Vec<String>)]) -> Vec<Vec<Option<String>>> {
    let mut rows = Vec::new();
    for (table, columns) in columns {
        let columns: Vec<_> = columns.iter().map(|column| format!("CAST({column} AS TEXT)")).collect();
        let sql = format!("SELECT {} FROM {table} ORDER BY id", columns.join(", "));
        rows.extend(texts(database, &sql, columns.len()).await);
    }
    rows
}

#[tokio::test]
async fn nothing_of_the_platform_changes() {
    for_each_platform(async |database, _| {
        let columns = columns(database).await;
        let before = dump(database, &columns).await;
        assert_eq!(columns.len(), platform::INSERTS.len());
        assert!(before.len() > 3 * columns.len());
        let report = migrate(database, &declarations()).await.unwrap();
        assert_eq!(report.columns, []);
        assert_eq!(dump(database, &columns).await, before);
        assert!(texts(database, "SELECT cache_type FROM cache_invalidations", 1).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn old_rows_and_rows_of_python_processes_get_copies_of_name_and_rate() {
    for_each_platform(async |database, _| {
        migrate(database, &declarations()).await.unwrap();
        execute(
            database,
            "INSERT INTO invoice_discounts (invoice_id, discount_id, amount, created_at)
                VALUES (1, 1, 5, '2026-01-02 03:04:05.000000');
             INSERT INTO invoice_taxes (invoice_id, tax_rate_id, taxable_amount, tax_amount, created_at)
                VALUES (1, 1, 10, 2, '2026-01-02 03:04:05.000000');
             INSERT INTO invoice_taxes (invoice_id, tax_rate_id, taxable_amount, tax_amount, created_at, name)
                VALUES (1, 1, 10, 2, '2026-01-02 03:04:05.000000', 'VAT as agreed');",
        )
        .await;
        execute(database, "UPDATE discounts SET name = 'Twelve off'; UPDATE tax_rates SET name = 'MwSt', rate = 21")
            .await;

        // Foreign keys that are NULL belong to nobody.
        let copies = "SELECT name FROM invoice_discounts WHERE invoice_id = 1 AND discount_id = 1";
        let names = texts(database, copies, 1).await;
        assert_eq!(names, vec![vec![Some("Ten off".to_owned())]; 2]);
        let copies = "SELECT name, CAST(CAST(rate AS INTEGER) AS TEXT) FROM invoice_taxes
            WHERE invoice_id = 1 AND tax_rate_id = 1 ORDER BY id";
        let taxes = texts(database, copies, 2).await;
        let named = |name: &str| vec![Some(name.to_owned()), Some("20".to_owned())];
        assert_eq!(taxes, [named("VAT"), named("VAT"), named("VAT as agreed")]);
    })
    .await;
}

/// The column that says when a row was written.
fn written_at(table: &str) -> &'static str {
    if table == "credit_note_applications" { "applied_at" } else { "created_at" }
}

/// The types that have a row of the outbox after `last`.
async fn told(database: &Database, table: &str, last: i64) -> BTreeSet<String> {
    let sql = format!("SELECT cache_type FROM cache_invalidations WHERE table_name = '{table}' AND id > {last}");
    texts(database, &sql, 1).await.into_iter().flatten().flatten().collect()
}

async fn last_row(database: &Database) -> i64 {
    let sql = "SELECT CAST(coalesce(max(id), 0) AS TEXT) FROM cache_invalidations";
    texts(database, sql, 1).await[0][0].as_ref().unwrap().parse().unwrap()
}

#[tokio::test]
async fn every_write_of_python_processes_reaches_the_outbox() {
    for_each_platform(async |database, _| {
        migrate(database, &declarations()).await.unwrap();
        for (table, insert) in platform::INSERTS {
            let watched = |cached: &&billing_outbox::declaration::TypeDependencies| {
                cached.tables.iter().any(|dependency| dependency.table == table)
            };
            let types: BTreeSet<String> =
                declarations().types.iter().filter(watched).map(|cached| cached.cache_type.to_owned()).collect();
            let newest = format!("id = (SELECT max(id) FROM {table})");
            for statement in [
                insert.to_owned(),
                format!("UPDATE {table} SET {} = '2026-01-03 00:00:00.000000' WHERE {newest}", written_at(table)),
                format!("DELETE FROM {table} WHERE {newest}"),
            ] {
                let last = last_row(database).await;
                execute(database, &statement).await;
                assert_eq!(told(database, table, last).await, types, "{statement}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_payment_of_a_python_process_names_its_invoice() {
    for_each_platform(async |database, _| {
        migrate(database, &declarations()).await.unwrap();
        let (_, insert) = platform::INSERTS.iter().find(|(table, _)| *table == "payments").unwrap();
        execute(database, insert).await;
        let rows = texts(database, "SELECT cache_type, key_parts, table_name FROM cache_invalidations", 3).await;
        assert_eq!(rows, [["invoices", "[1]", "payments"].map(|text| Some(text.to_owned()))]);
    })
    .await;
}
