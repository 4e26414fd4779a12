//! What is found in rows that other programs wrote, on each database.

use std::time::Duration;

use billing_core::examination::{Check, Coverage, Depth, Finding, examine};
use billing_outbox::database::Database;
use sea_orm::DbBackend;
use test_support::eventually;

use crate::backends::execute;
use crate::example_service::ExampleService;
use crate::world::{DEADLINE, World, for_each_empty_world, for_each_world};

async fn findings(database: &Database) -> Vec<Finding> {
    let findings = examine(database, Depth::All, DEADLINE).await;
    assert!(findings.iter().all(|finding| matches!(finding.coverage, Coverage::Whole)), "{findings:#?}");
    findings
}

/// What a check found, as `value (rows)`.
fn of(findings: &[Finding], check: Check) -> Vec<String> {
    let finding = findings.iter().find(|finding| finding.check == check).unwrap();
    assert_eq!(finding.rows, finding.values.iter().map(|(_, rows)| rows).sum::<u64>());
    finding.values.iter().map(|(value, rows)| format!("{value} ({rows})")).collect()
}

/// Marks the invoices of the world as what they are, and credits them in full.
const SOUND: &str = "
    UPDATE invoices SET status = 'unpaid' WHERE id = 3;
    UPDATE credit_notes SET reference_invoice_id = 1 WHERE user_id = 1;
    INSERT INTO credit_notes (user_id, amount, remaining_amount, reason, reference_invoice_id, status)
        VALUES (1, 60, 60, 'x', 1, 'issued'), (1, 5000, 5000, 'goodwill', NULL, 'issued');";

#[tokio::test]
async fn rows_of_the_contract_are_sound() {
    for_each_world(async |world| {
        execute(&world.database, SOUND).await;
        for finding in findings(&world.database).await {
            assert_eq!((finding.rows, finding.values.len()), (0, 0), "{finding:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn words_of_no_contract_are_counted_by_table() {
    for_each_world(async |world| {
        execute(
            &world.database,
            "INSERT INTO invoices (user_id, amount, status, due_date) SELECT 1, 1, 'void', due_date FROM invoices;
             UPDATE invoices SET status = 'Paid' WHERE id IN (5, 6);
             UPDATE invoices SET status = 'paid ' WHERE id = 7;
             INSERT INTO payments (invoice_id, amount, payment_method, transaction_id, status)
                VALUES (1, 1, 'card', 'a', 'authorised'), (1, 1, 'card', 'b', 'completed'), (1, 1, 'card', 'c', 'pending');
             UPDATE credit_notes SET status = 'active' WHERE id = 1",
        )
        .await;
        let found = findings(&world.database).await;
        assert_eq!(of(&found, Check::InvoiceWords), ["Paid (2)", "paid  (1)", "void (1)"]);
        assert_eq!(of(&found, Check::PaymentWords), ["authorised (1)"]);
        assert_eq!(of(&found, Check::CreditWords), ["active (1)"]);
    })
    .await;
}

#[tokio::test]
async fn a_paid_invoice_beside_an_amount_due_is_told_by_whether_pending_payments_cover_it() {
    for_each_world(async |world| {
        // Sums that no float holds: 0.1 + 0.2, and 80 times 1.
        let cents: Vec<String> = (0..80).map(|number| format!("(3, 1, 'card', 'c{number}', 'completed')")).collect();
        execute(
            &world.database,
            &format!(
                "INSERT INTO invoices (user_id, amount, status, due_date) SELECT 1, amount, 'paid', due_date FROM invoices;
                 INSERT INTO invoices (user_id, amount, status, due_date) SELECT 1, 0.3, 'paid', due_date FROM invoices
                    WHERE id <= 2;
                 INSERT INTO payments (invoice_id, amount, payment_method, transaction_id, status) VALUES {cents},
                    (5, 60, 'card', 'a', 'completed'), (5, 40, 'card', 'b', 'pending'),
                    (6, 49.99, 'card', 'd', 'completed'), (6, -5, 'card', 'e', 'pending'),
                    (7, 80, 'card', 'f', 'failed'), (7, 79, 'card', 'g', 'pending'),
                    (8, 70, 'card', 'h', 'completed'),
                    (9, 0.1, 'card', 'i', 'completed'), (9, 0.2, 'card', 'j', 'completed'),
                    (10, 0.1, 'card', 'k', 'completed'), (10, 0.19, 'card', 'l', 'completed')",
                cents = cents.join(", ")
            ),
        )
        .await;
        let found = findings(&world.database).await;
        assert_eq!(of(&found, Check::PaidCovered), ["covered (1)"]);
        assert_eq!(of(&found, Check::PaidDue), ["due (3)"]);
        let due = found.iter().find(|finding| finding.check == Check::PaidDue).unwrap();
        assert_eq!(due.sentence(), "3 paid invoices have an amount due that nothing covers, such as number 10");
    })
    .await;
}

#[tokio::test]
async fn discounts_taxes_and_credits_count_in_what_is_due() {
    for_each_world(async |world| {
        execute(
            &world.database,
            "INSERT INTO invoice_discounts (invoice_id, discount_id, amount) VALUES (3, 1, 8);
             INSERT INTO invoice_taxes (invoice_id, tax_rate_id, taxable_amount, tax_amount) VALUES (3, 1, 72, 14.4);
             INSERT INTO credit_note_applications (credit_note_id, invoice_id, amount) VALUES (1, 3, 6.4);
             INSERT INTO payments (invoice_id, amount, payment_method, transaction_id, status)
                VALUES (3, 80, 'card', 'a', 'completed')",
        )
        .await;
        assert_eq!(of(&findings(&world.database).await, Check::PaidDue), [""; 0]);
        execute(&world.database, "UPDATE invoice_taxes SET tax_amount = 14.41").await;
        assert_eq!(of(&findings(&world.database).await, Check::PaidDue), ["due (1)"]);
    })
    .await;
}

#[tokio::test]
async fn credit_beyond_an_invoice_is_counted_but_for_what_is_cancelled() {
    for_each_world(async |world| {
        execute(&world.database, SOUND).await;
        execute(&world.database, "UPDATE credit_notes SET reference_invoice_id = 2, amount = 50.01 WHERE id = 2").await;
        let found = findings(&world.database).await;
        let excess = found.iter().find(|finding| finding.check == Check::CreditTotals).unwrap();
        assert_eq!(excess.sentence(), "1 invoices have credit notes of more than their total, such as number 2");
        execute(&world.database, "UPDATE credit_notes SET status = 'cancelled' WHERE id = 2").await;
        assert_eq!(of(&findings(&world.database).await, Check::CreditTotals), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn rates_out_of_range_and_places_that_no_key_can_have_are_named() {
    for_each_world(async |world| {
        execute(
            &world.database,
            "INSERT INTO tax_rates (name, rate, country, region, is_default) VALUES
                ('a', -20, 'DE', NULL, TRUE), ('b', 250, 'FR', '', TRUE), ('c', 100, 'IT', NULL, TRUE),
                ('d', 1, 'UK', NULL, TRUE), ('e', 1, 'gb', NULL, TRUE), ('f', 1, 'United Kingdom', NULL, TRUE),
                ('g', 1, 'UK', 'Wales', TRUE), ('h', 1, 'US', 'a:b', TRUE), ('i', 999, 'uk', 'x:y', FALSE);
             UPDATE invoices SET billing_country = 'UK' WHERE id < 3;
             UPDATE invoices SET billing_country = 'gb' WHERE id = 3",
        )
        .await;
        let found = findings(&world.database).await;
        let rates = of(&found, Check::TaxRates);
        assert!(rates.len() == 2 && rates.iter().any(|rate| rate.starts_with("-20")), "{rates:?}");
        assert_eq!(of(&found, Check::TaxCountries), ["UK (2)", "United Kingdom (1)", "gb (1)"]);
        assert_eq!(of(&found, Check::TaxRegions), ["a:b (1)"]);
        assert_eq!(of(&found, Check::Countries), ["UK (2)", "gb (1)"]);
    })
    .await;
}

#[tokio::test]
async fn rows_that_cannot_be_read_keep_nothing_from_being_counted() {
    for_each_world(async |world| {
        if world.database.backend() != DbBackend::Sqlite {
            let odd = "UPDATE tax_rates SET rate = 'NaN' WHERE id = 1; UPDATE invoices SET amount = 'NaN' WHERE id = 3";
            execute(&world.database, odd).await;
            assert_eq!(of(&findings(&world.database).await, Check::TaxRates), ["NaN (1)"]);
            return;
        }
        execute(
            &world.database,
            "UPDATE invoices SET amount = '12,50' WHERE id = 1;
             UPDATE invoices SET amount = 9e999, due_date = 'soon' WHERE id = 3;
             UPDATE invoices SET status = CAST(x'43f474' AS TEXT) WHERE id = 2;
             UPDATE invoices SET status = x'00ff' WHERE id = 4;
             UPDATE tax_rates SET rate = '12,5' WHERE id = 1;
             UPDATE tax_rates SET country = CAST(x'ff' AS TEXT) WHERE id = 2",
        )
        .await;
        let found = findings(&world.database).await;
        assert_eq!(of(&found, Check::InvoiceWords), ["\0\u{fffd} (1)", "C\u{fffd}t (1)"]);
        assert_eq!(of(&found, Check::TaxRates), ["12,5 (1)"]);
        assert_eq!(of(&found, Check::TaxCountries), ["\u{fffd} (1)"]);
        assert_eq!(of(&found, Check::PaidDue), ["due (1)"]);
    })
    .await;
}

/// Many invoices of ann with one status.
async fn add_invoices(world: &World, count: u32) {
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         INSERT INTO invoices (user_id, amount, status, due_date) SELECT 1, 10, 'void', '2099-01-01 00:00:00' FROM n"
    );
    execute(&world.database, &sql).await;
}

#[tokio::test]
async fn a_table_is_looked_at_piece_by_piece_and_all_of_it() {
    for_each_world(async |world| {
        add_invoices(world, 25_000).await;
        execute(&world.database, "DELETE FROM invoices WHERE id BETWEEN 9000 AND 9010").await;
        assert_eq!(of(&findings(&world.database).await, Check::InvoiceWords), ["void (24989)"]);
    })
    .await;
}

#[tokio::test]
async fn without_time_nothing_is_called_sound() {
    for_each_world(async |world| {
        let findings = examine(&world.database, Depth::All, Duration::ZERO).await;
        assert_eq!(findings.len(), Check::ALL.len());
        assert!(findings.iter().all(|finding| matches!(finding.coverage, Coverage::Nothing)), "{findings:#?}");
    })
    .await;
}

#[tokio::test]
async fn a_table_that_is_not_there_fails_its_checks_alone() {
    for_each_empty_world(async |world| {
        execute(&world.database, "ALTER TABLE credit_notes RENAME TO gone").await;
        let findings = examine(&world.database, Depth::All, DEADLINE).await;
        let failed: Vec<Check> = findings
            .iter()
            .filter(|finding| matches!(finding.coverage, Coverage::Failed(_)))
            .map(|finding| finding.check)
            .collect();
        assert_eq!(failed, [Check::CreditWords, Check::CreditTotals]);
    })
    .await;
}

#[tokio::test]
async fn a_service_that_starts_says_what_is_wrong_with_the_tax_rates_once() {
    for_each_world(async |world| {
        execute(&world.database, "UPDATE tax_rates SET rate = 250 WHERE id = 1").await;
        let service = ExampleService::with(world, &[("RUST_LOG", "warn")]);
        let is_said = async || service.said().contains("1 default tax rates are not from 0 to 100");
        eventually(DEADLINE, is_said).await.unwrap();
        service.get("/tax-rates/applicable?country=GB").read(200, "loaded");
        assert_eq!(service.said().matches("default tax rates").count(), 1, "{}", service.said());
    })
    .await;
}
