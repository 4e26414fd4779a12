//! Columns whose types are changed under open connections of PostgreSQL: our triggers fail no write of anybody, keep no
//! column from being changed, and still write down what became wrong.

use billing_core::migration::migrate;
use billing_core::settings::Settings;
use billing_outbox::database::{Database, DatabaseSettings};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement, TransactionTrait};
use test_support::TestDatabase;

use crate::backends::{DECLARATIONS, connect, execute, texts};
use crate::triggers::ROWS;

/// Gives a migrated database with rows to the test, and a pool over it that never has more than one connection.
async fn with_one_connection(test: impl AsyncFn(&Database, &Database)) {
    let owned = TestDatabase::postgres().await.unwrap();
    let database = connect(&owned).await;
    migrate(&database, DECLARATIONS).await.unwrap();
    execute(&database, ROWS).await;
    let settings = DatabaseSettings { max_connections: 1, ..Settings::database_at(owned.url()) };
    let one = Database::connect(&settings).await.unwrap();
    test(&database, &one).await;
    one.close().await.unwrap();
    database.close().await.unwrap();
    owned.drop_database().await.unwrap();
}

/// Rows of every table that has triggers: inserted, changed, moved to other keys and deleted.
const WRITES: &[&str] = &[
    "INSERT INTO invoices (id, user_id, amount, due_date) VALUES (9, 1, 5, '2026-12-22 19:04:00')",
    "UPDATE invoices SET amount = amount + 1 WHERE id = 9",
    "INSERT INTO payments (id, invoice_id, amount, payment_method, transaction_id) VALUES (9, 9, 5, 'card', 'nine')",
    "UPDATE payments SET invoice_id = 1 WHERE id = 9",
    "INSERT INTO discounts (id, name, discount_type, value) VALUES (9, 'Nine', 'seasonal', 9)",
    "UPDATE discounts SET value = 8 WHERE id = 9",
    "INSERT INTO tax_rates (id, name, rate, country, region) VALUES (9, 'Nine', 9, 'FR', NULL)",
    "UPDATE tax_rates SET region = 'IDF' WHERE id = 9",
    "INSERT INTO invoice_discounts (id, invoice_id, discount_id, amount) VALUES (9, 9, 1, 1)",
    "UPDATE invoice_discounts SET discount_id = 9, invoice_id = 1 WHERE id = 9",
    "INSERT INTO invoice_taxes (id, invoice_id, tax_rate_id, taxable_amount, tax_amount) VALUES (9, 9, 1, 10, 2)",
    "UPDATE invoice_taxes SET tax_rate_id = 9, invoice_id = 1 WHERE id = 9",
    "INSERT INTO credit_notes (id, user_id, amount, remaining_amount, reason) VALUES (9, 1, 5, 5, 'outage')",
    "UPDATE credit_notes SET user_id = 2 WHERE id = 9",
    "INSERT INTO credit_note_applications (id, credit_note_id, invoice_id, amount) VALUES (9, 9, 9, 5)",
    "UPDATE credit_note_applications SET invoice_id = 1 WHERE id = 9",
];
const DELETES: &[&str] = &[
    "DELETE FROM credit_note_applications WHERE id = 9",
    "DELETE FROM credit_notes WHERE id = 9",
    "DELETE FROM invoice_taxes WHERE id = 9",
    "DELETE FROM invoice_discounts WHERE id = 9",
    "DELETE FROM tax_rates WHERE id = 9",
    "DELETE FROM discounts WHERE id = 9",
    "DELETE FROM payments WHERE id = 9",
    "DELETE FROM invoices WHERE id = 9",
];

/// Every column that a trigger of ours names, and some that none names.
const CHANGES: &[&str] = &[
    "ALTER TABLE invoices ALTER COLUMN status TYPE varchar(64), ALTER COLUMN amount TYPE numeric(14, 3)",
    "ALTER TABLE invoices ALTER COLUMN id TYPE bigint",
    "ALTER TABLE payments ALTER COLUMN invoice_id TYPE bigint, ALTER COLUMN payment_method TYPE text",
    "ALTER TABLE discounts ALTER COLUMN id TYPE bigint, ALTER COLUMN name TYPE text, ALTER COLUMN value TYPE numeric",
    "ALTER TABLE tax_rates ALTER COLUMN id TYPE bigint, ALTER COLUMN name TYPE text, ALTER COLUMN rate TYPE numeric(7, 4)",
    "ALTER TABLE tax_rates ALTER COLUMN country TYPE text, ALTER COLUMN region TYPE text",
    "ALTER TABLE invoice_discounts ALTER COLUMN invoice_id TYPE bigint, ALTER COLUMN discount_id TYPE bigint",
    "ALTER TABLE invoice_discounts ALTER COLUMN name TYPE text",
    "ALTER TABLE invoice_taxes ALTER COLUMN invoice_id TYPE bigint, ALTER COLUMN tax_rate_id TYPE bigint",
    "ALTER TABLE invoice_taxes ALTER COLUMN name TYPE text, ALTER COLUMN rate TYPE numeric(7, 4)",
    "ALTER TABLE credit_notes ALTER COLUMN user_id TYPE bigint, ALTER COLUMN reason TYPE text",
    "ALTER TABLE credit_note_applications ALTER COLUMN invoice_id TYPE bigint",
];

/// All that the writes leave in the outbox, and on the lines of an invoice.
async fn write_all(database: &Database) -> Vec<String> {
    let transaction = database.connection().begin().await.unwrap();
    run(&transaction, WRITES).await;
    let lines = "SELECT 'copied ' || name || ' ' || trim_scale(rate) FROM invoice_taxes WHERE id = 9
        UNION ALL SELECT 'copied ' || name FROM invoice_discounts WHERE id = 9";
    let mut left = read(&transaction, lines).await;
    run(&transaction, DELETES).await;
    let keys =
        "SELECT DISTINCT cache_type || ' ' || key_parts || ' ' || table_name FROM cache_invalidations ORDER BY 1";
    left.extend(read(&transaction, keys).await);
    transaction.rollback().await.unwrap();
    left
}

async fn run(transaction: &DatabaseTransaction, statements: &[&str]) {
    for sql in statements {
        if let Err(error) = transaction.execute_unprepared(sql).await {
            panic!("{error}: {sql}");
        }
    }
}

async fn read(transaction: &DatabaseTransaction, sql: &str) -> Vec<String> {
    let rows = transaction.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

#[tokio::test]
async fn a_connection_that_has_fired_every_trigger_goes_on_after_any_column_has_changed() {
    with_one_connection(async |database, one| {
        let before = write_all(one).await;
        for expected in ["copied Nine 9", "copied Nine", r#"tax_rates ["FR",null] tax_rates"#, "invoices [9] payments"]
        {
            assert!(before.contains(&expected.to_owned()), "{expected}: {before:?}");
        }
        for change in CHANGES {
            execute(database, change).await;
            assert_eq!(write_all(one).await, before, "{change}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_bulk_change_leaves_each_key_once() {
    with_one_connection(async |database, _| {
        let payments = "INSERT INTO payments (invoice_id, amount, payment_method, transaction_id)
            SELECT 1 + n % 2, 1, 'card', 'bulk-' || n FROM generate_series(1, 1000) n";
        execute(database, payments).await;
        let keys = "SELECT key_parts FROM cache_invalidations ORDER BY 1";
        assert_eq!(texts(database, keys, 1).await, ["[1]", "[2]"].map(|key| [Some(key.to_owned())]));
    })
    .await;
}

#[tokio::test]
async fn rows_that_go_with_those_they_refer_to_are_seen() {
    with_one_connection(async |database, _| {
        let cascade = "ALTER TABLE payments DROP CONSTRAINT payments_invoice_id_fkey;
            ALTER TABLE payments ADD FOREIGN KEY (invoice_id) REFERENCES invoices ON DELETE CASCADE;
            INSERT INTO payments (invoice_id, amount, payment_method, transaction_id)
            VALUES (1, 1, 'card', 'a'), (2, 1, 'card', 'b'); DELETE FROM cache_invalidations; DELETE FROM invoices";
        execute(database, cascade).await;
        let keys = "SELECT key_parts || ' ' || table_name FROM cache_invalidations ORDER BY 1";
        let expected = ["[1] invoices", "[1] payments", "[2] invoices", "[2] payments"];
        assert_eq!(texts(database, keys, 1).await, expected.map(|row| [Some(row.to_owned())]));
    })
    .await;
}
