//! The outbox rows of every table and event, whoever writes.

use billing_core::time::now;
use billing_outbox::database::Database;
use billing_outbox::outbox::entity as cache_invalidation;
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, TransactionTrait};

use crate::backends::{execute, for_each_migrated, texts};

pub(crate) const ROWS: &str = "
INSERT INTO users (id, username, email, hashed_password) VALUES (1, 'ann', 'a@x', 'x'), (2, 'bob', 'b@x', 'x');
INSERT INTO invoices (id, user_id, amount, due_date)
    VALUES (1, 1, 100, '2026-12-22 19:04:00'), (2, 2, 50, '2026-12-22 19:04:00');
INSERT INTO discounts (id, name, discount_type, value) VALUES (1, 'Ten', 'seasonal', 10);
INSERT INTO tax_rates (id, name, rate, country, region) VALUES (1, 'VAT', 20, 'GB', NULL);
INSERT INTO credit_notes (id, user_id, amount, remaining_amount, reason) VALUES (1, 1, 30, 30, 'outage');
DELETE FROM cache_invalidations;
";

/// Type, key and table of the outbox rows, each once, in order; and empties it.
async fn take_outbox(database: &Database) -> Vec<String> {
    let mut rows = texts(
        database,
        "SELECT cache_type || ' ' || coalesce(key_parts, 'all') || ' ' || table_name FROM cache_invalidations",
        1,
    )
    .await;
    execute(database, "DELETE FROM cache_invalidations").await;
    rows.sort();
    rows.dedup();
    rows.into_iter().map(|mut row| row.remove(0).unwrap()).collect()
}

async fn assert_written(database: &Database, sql: &str, expected: &[&str]) {
    execute(database, sql).await;
    assert_eq!(take_outbox(database).await, expected, "{sql}");
}

/// A statement and the outbox rows it leaves, in the order of their text.
const CASES: &[(&str, &[&str])] = &[
    (
        "INSERT INTO invoices (id, user_id, amount, due_date) VALUES (3, 1, 1, '2026-12-22 19:04:00')",
        &["invoices [3] invoices"],
    ),
    ("UPDATE invoices SET status = 'overdue' WHERE user_id = 1", &["invoices [1] invoices", "invoices [3] invoices"]),
    ("UPDATE invoices SET id = 4 WHERE id = 3", &["invoices [3] invoices", "invoices [4] invoices"]),
    ("DELETE FROM invoices WHERE id = 4", &["invoices [4] invoices"]),
    (
        "INSERT INTO payments (id, invoice_id, amount, payment_method, transaction_id) VALUES (1, 1, 5, 'card', 't1')",
        &["invoices [1] payments"],
    ),
    ("UPDATE payments SET status = 'completed' WHERE id = 1", &["invoices [1] payments"]),
    ("UPDATE payments SET invoice_id = 2 WHERE id = 1", &["invoices [1] payments", "invoices [2] payments"]),
    ("DELETE FROM payments", &["invoices [2] payments"]),
    (
        "INSERT INTO invoice_discounts (id, invoice_id, discount_id, amount) VALUES (1, 1, 1, 10)",
        &["active_discounts [] invoice_discounts", "invoices [1] invoice_discounts"],
    ),
    (
        "UPDATE invoice_discounts SET invoice_id = 2",
        &["active_discounts [] invoice_discounts", "invoices [1] invoice_discounts", "invoices [2] invoice_discounts"],
    ),
    ("DELETE FROM invoice_discounts", &["active_discounts [] invoice_discounts", "invoices [2] invoice_discounts"]),
    (
        "INSERT INTO invoice_taxes (id, invoice_id, tax_rate_id, taxable_amount, tax_amount) VALUES (1, 1, 1, 10, 2)",
        &["invoices [1] invoice_taxes"],
    ),
    ("UPDATE invoice_taxes SET tax_amount = 3", &["invoices [1] invoice_taxes"]),
    ("DELETE FROM invoice_taxes", &["invoices [1] invoice_taxes"]),
    (
        "INSERT INTO credit_note_applications (id, credit_note_id, invoice_id, amount) VALUES (1, 1, 1, 10)",
        &["invoices [1] credit_note_applications"],
    ),
    ("UPDATE credit_note_applications SET amount = 9", &["invoices [1] credit_note_applications"]),
    ("DELETE FROM credit_note_applications", &["invoices [1] credit_note_applications"]),
    (
        "INSERT INTO discounts (id, name, discount_type, value, applicable_plans) VALUES (2, 'Two', 'x', 2, '[1]')",
        &["active_discounts [] discounts"],
    ),
    ("UPDATE discounts SET applicable_plans = '{\"a\":1}' WHERE id = 2", &["active_discounts [] discounts"]),
    ("DELETE FROM discounts WHERE id = 2", &["active_discounts [] discounts"]),
    (
        "INSERT INTO credit_notes (id, user_id, amount, remaining_amount, reason) VALUES (2, 2, 5, 5, 'x')",
        &["user_credit_notes [2] credit_notes"],
    ),
    ("UPDATE credit_notes SET remaining_amount = 1 WHERE id = 2", &["user_credit_notes [2] credit_notes"]),
    (
        "UPDATE credit_notes SET user_id = 1 WHERE id = 2",
        &["user_credit_notes [1] credit_notes", "user_credit_notes [2] credit_notes"],
    ),
    ("DELETE FROM credit_notes WHERE id = 2", &["user_credit_notes [1] credit_notes"]),
    (
        "INSERT INTO tax_rates (id, name, rate, country, region) VALUES (2, 'Sales', 7.25, 'US', 'O\"Brien, ü')",
        &[r#"tax_rates ["US","O\"Brien, ü"] tax_rates"#],
    ),
    (
        "UPDATE tax_rates SET region = NULL WHERE id = 2",
        &[r#"tax_rates ["US","O\"Brien, ü"] tax_rates"#, r#"tax_rates ["US",null] tax_rates"#],
    ),
    (
        "UPDATE tax_rates SET region = 'CA' WHERE id = 2",
        &[r#"tax_rates ["US","CA"] tax_rates"#, r#"tax_rates ["US",null] tax_rates"#],
    ),
    ("UPDATE tax_rates SET rate = 8 WHERE id = 1", &[r#"tax_rates ["GB",null] tax_rates"#]),
    ("DELETE FROM tax_rates WHERE id = 2", &[r#"tax_rates ["US","CA"] tax_rates"#]),
    ("UPDATE users SET role = 'admin'", &[]),
    ("UPDATE invoices SET status = 'paid' WHERE id = 999", &[]),
];

#[tokio::test]
async fn every_table_and_event_names_the_keys_it_made_wrong() {
    for_each_migrated(async |database| {
        execute(database, ROWS).await;
        for (sql, expected) in CASES {
            let mut expected = expected.to_vec();
            expected.sort_unstable();
            assert_written(database, sql, &expected).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_row_of_the_outbox_says_when_and_is_pending() {
    for_each_migrated(async |database| {
        let before = now().naive();
        execute(database, ROWS).await;
        execute(database, "UPDATE invoices SET status = 'paid' WHERE id = 1").await;
        let rows = cache_invalidation::Entity::find().all(database.connection()).await.unwrap();
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!((row.relayed_at, row.redis_history.as_deref()), (None, None));
        assert_eq!(row.txid.is_some(), database.backend() == DbBackend::Postgres);
        // SQLite's clock has milliseconds; the server's is this machine's.
        let early = before - chrono::TimeDelta::milliseconds(2);
        assert!(early <= row.created_at && row.created_at <= now().naive(), "{row:?}");
    })
    .await;
}

#[tokio::test]
async fn a_transaction_that_rolls_back_leaves_no_rows() {
    for_each_migrated(async |database| {
        execute(database, ROWS).await;
        let transaction = database.connection().begin().await.unwrap();
        transaction.execute_unprepared("UPDATE invoices SET status = 'paid'").await.unwrap();
        transaction.rollback().await.unwrap();
        assert!(take_outbox(database).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn truncating_a_table_names_whole_types() {
    for_each_migrated(async |database| {
        if database.backend() == DbBackend::Sqlite {
            return; // It has no TRUNCATE; DELETE fires the triggers, also without WHERE.
        }
        execute(database, ROWS).await;
        assert_written(
            database,
            "TRUNCATE invoice_discounts",
            &["active_discounts all invoice_discounts", "invoices all invoice_discounts"],
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_writer_with_another_search_path_is_seen_too() {
    for_each_migrated(async |database| {
        if database.backend() == DbBackend::Sqlite {
            return; // It has no search path.
        }
        execute(database, ROWS).await;
        let transaction = database.connection().begin().await.unwrap();
        for sql in [
            "SET LOCAL search_path = pg_catalog",
            "UPDATE public.invoices SET status = 'paid' WHERE id = 2",
            "INSERT INTO public.invoice_discounts (invoice_id, discount_id, amount) VALUES (2, 1, 1)",
        ] {
            transaction.execute_unprepared(sql).await.unwrap();
        }
        transaction.commit().await.unwrap();
        let expected =
            ["active_discounts [] invoice_discounts", "invoices [2] invoice_discounts", "invoices [2] invoices"];
        assert_eq!(take_outbox(database).await, expected);
    })
    .await;
}
