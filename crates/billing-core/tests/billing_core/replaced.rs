//! SQLite: rows that `OR REPLACE` deletes, for which no DELETE trigger fires, are invalidated too.

use billing_core::migration::migrate;
use billing_outbox::database::Database;
use billing_outbox::triggers::{TriggerFault, check_triggers};
use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};

use crate::backends::{DECLARATIONS, execute, for_each_migrated};
use crate::triggers::ROWS;

const PAYMENTS: &str = "
INSERT INTO payments (id, invoice_id, amount, payment_method, transaction_id) VALUES
    (1, 1, 5, 'card', 't1'), (2, 2, 5, 'card', 't2');
INSERT INTO tax_rates (id, name, rate, country, region) VALUES (2, 'VAT', 20, 'DE', NULL);
INSERT INTO credit_notes (id, user_id, amount, remaining_amount, reason) VALUES (2, 2, 30, 30, 'outage');";

async fn for_sqlite(test: impl AsyncFn(&Database)) {
    for_each_migrated(async |database| {
        if database.backend() == DbBackend::Sqlite {
            execute(database, ROWS).await;
            execute(database, PAYMENTS).await;
            execute(database, "DELETE FROM cache_invalidations").await;
            test(database).await;
        }
    })
    .await;
}

/// The keys that a statement names in the outbox, each once; nothing of it stays.
async fn assert_names(database: &Database, sql: &str, keys: &[&str]) {
    let outbox = "SELECT DISTINCT cache_type || coalesce(key_parts, ' all') FROM cache_invalidations ORDER BY 1";
    let transaction = database.connection().begin().await.unwrap();
    transaction.execute_unprepared(sql).await.unwrap();
    let rows = transaction.query_all_raw(Statement::from_string(DbBackend::Sqlite, outbox)).await.unwrap();
    let named: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    transaction.rollback().await.unwrap();
    assert_eq!(named, keys, "{sql}");
}

#[tokio::test]
async fn the_key_of_each_replaced_row_is_invalidated() {
    const PAYMENT: &str = "INTO payments (id, invoice_id, amount, payment_method, transaction_id) VALUES";
    for_sqlite(async |database| {
        for (sql, keys) in [
            (format!("INSERT OR REPLACE {PAYMENT} (2, 1, 9, 'card', 't9')"), &["invoices[1]", "invoices[2]"][..]),
            (format!("REPLACE {PAYMENT} (9, 1, 9, 'card', 't2')"), &["invoices[1]", "invoices[2]"]),
            (
                "REPLACE INTO payments (invoice_id, amount, payment_method, transaction_id) VALUES (1, 1, 'card', 't2')"
                    .to_owned(),
                &["invoices[1]", "invoices[2]"],
            ),
            ("UPDATE OR REPLACE payments SET transaction_id = 't2' WHERE id = 1".to_owned(), &["invoices[1]", "invoices[2]"]),
            ("UPDATE OR REPLACE payments SET rowid = 2 WHERE id = 1".to_owned(), &["invoices[1]", "invoices[2]"]),
            ("UPDATE payments SET amount = 6 WHERE id = 1".to_owned(), &["invoices[1]"]),
            (format!("INSERT {PAYMENT} (9, 1, 9, 'card', 't9')"), &["invoices[1]"]),
            (
                "REPLACE INTO tax_rates (id, name, rate, country) VALUES (2, 'VAT', 19, 'FR')".to_owned(),
                &["tax_rates[\"DE\",null]", "tax_rates[\"FR\",null]"],
            ),
            (
                "REPLACE INTO credit_notes (id, user_id, amount, remaining_amount, reason) VALUES (2, 1, 3, 3, 'x')".to_owned(),
                &["user_credit_notes[1]", "user_credit_notes[2]"],
            ),
        ] {
            assert_names(database, &sql, keys).await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_index_that_was_added_counts_from_the_next_migrate_on() {
    for_sqlite(async |database| {
        for (index, sql, keys) in [
            (
                "CREATE UNIQUE INDEX one_0 ON payments (payment_method, amount COLLATE NOCASE)",
                "REPLACE INTO payments (invoice_id, amount, payment_method, transaction_id) VALUES (1, 5, 'card', 't9')",
                &["invoices[1]", "invoices[2]"][..],
            ),
            (
                "CREATE UNIQUE INDEX one_1 ON payments (transaction_id COLLATE NOCASE)",
                "REPLACE INTO payments (invoice_id, amount, payment_method, transaction_id) VALUES (1, 5, 'card', 'T2')",
                &["invoices[1]", "invoices[2]"],
            ),
            (
                "CREATE UNIQUE INDEX one_2 ON payments (amount) WHERE status = 'completed'",
                "UPDATE payments SET status = 'completed', amount = 7 WHERE id = 2; DELETE FROM cache_invalidations;
                 UPDATE payments SET amount = 7 WHERE id = 1; DELETE FROM cache_invalidations;
                 UPDATE OR REPLACE payments SET status = 'completed' WHERE id = 1",
                &["invoices[1]", "invoices[2]"],
            ),
            (
                "CREATE UNIQUE INDEX one_3 ON payments (lower(transaction_id))",
                "REPLACE INTO payments (invoice_id, amount, payment_method, transaction_id) VALUES (1, 5, 'card', 'T2')",
                &["invoices all", "invoices[1]"],
            ),
        ] {
            // Two payments of one amount and method are there already.
            execute(database, "UPDATE payments SET amount = 6 WHERE id = 1").await;
            execute(database, index).await;
            let differences = check_triggers(database.connection(), DECLARATIONS).await.unwrap();
            let names: Vec<_> = differences.iter().map(|found| (found.name.as_str(), found.fault)).collect();
            let (insert, update) = ("billing_cache_payments_replaced_insert", "billing_cache_payments_replaced_update");
            assert_eq!(names, [(insert, TriggerFault::Differs), (update, TriggerFault::Differs)], "{index}");
            migrate(database, DECLARATIONS).await.unwrap();
            execute(database, "DELETE FROM cache_invalidations").await;
            assert_names(database, sql, keys).await;
            execute(database, &format!("DROP INDEX {}", index.split(' ').nth(3).unwrap())).await;
            migrate(database, DECLARATIONS).await.unwrap();
        }
    })
    .await;
}
