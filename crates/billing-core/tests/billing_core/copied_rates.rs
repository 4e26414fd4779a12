//! The rate on a tax line: what was copied stays, what was not copied is told by the amounts, and nothing is made up.

use billing_core::dict::InvoiceDetails;
use billing_core::service::{Refusal, TaxingRates};
use sea_orm::DbBackend;

use crate::backends::execute;
use crate::commands::{code, done, money, percent, rate, refused};
use crate::world::{World, for_each_world};

/// The rates of the lines, as they are shown.
fn rates(details: &InvoiceDetails) -> Vec<Option<String>> {
    details.taxes.iter().map(|line| line.rate.map(|rate| rate.to_string())).collect()
}

fn shown(rate: &str) -> Vec<Option<String>> {
    vec![Some(rate.to_owned())]
}

/// A line of tax rate 1 on invoice 1 whose copy nobody made.
async fn line_without_rate(world: &World, taxable: &str, tax: &str) {
    let line = format!(
        "UPDATE invoices SET amount = {taxable} WHERE id = 1;
         INSERT INTO invoice_taxes (invoice_id, tax_rate_id, taxable_amount, tax_amount) VALUES (1, 1, {taxable}, {tax});
         UPDATE invoice_taxes SET rate = NULL, name = NULL"
    );
    execute(&world.database, &line).await;
}

/// Deletes tax rate 1 past the constraint of the lines that refer to it.
async fn lose_rate(world: &World) {
    let sql = match world.database.backend() {
        DbBackend::Sqlite => "PRAGMA foreign_keys = OFF; DELETE FROM tax_rates WHERE id = 1; PRAGMA foreign_keys = ON",
        _ => {
            "ALTER TABLE tax_rates DISABLE TRIGGER ALL; DELETE FROM tax_rates WHERE id = 1;
             ALTER TABLE tax_rates ENABLE TRIGGER ALL"
        }
    };
    execute(&world.database, sql).await;
}

#[tokio::test]
async fn a_line_without_a_rate_is_repriced_by_the_only_one_that_makes_its_tax() {
    for_each_world(async |world| {
        line_without_rate(world, "100", "20").await;
        execute(&world.database, "UPDATE tax_rates SET rate = 25 WHERE id = 1").await;
        let process = world.process().await;
        let before = process.invoice_details(1).await.unwrap().value.unwrap();
        assert_eq!((rates(&before), before.total_tax), (shown("20.00"), money("20")));
        let details = done(process.apply_discount_to_invoice(1, 1).await);
        assert_eq!((rates(&details), details.total_tax, details.total), (shown("20.00"), money("18"), money("108")));
        assert_eq!(world.count("invoice_taxes WHERE rate = 20 AND name = 'VAT'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_line_whose_rate_is_gone_altogether_still_tells_it() {
    for_each_world(async |world| {
        line_without_rate(world, "100", "20").await;
        lose_rate(world).await;
        let details = done(world.process().await.apply_discount_to_invoice(1, 1).await);
        assert_eq!((rates(&details), details.total_tax), (shown("20.00"), money("18")));
    })
    .await;
}

#[tokio::test]
async fn of_several_rates_that_make_the_tax_that_of_the_table_counts() {
    for_each_world(async |world| {
        line_without_rate(world, "10", "2").await;
        let process = world.process().await;
        // A read never asks the table: nobody invalidates invoices when it changes.
        assert_eq!(rates(&process.invoice_details(1).await.unwrap().value.unwrap()), [None]);
        let details = done(process.apply_discount_to_invoice(1, 2).await);
        assert_eq!((rates(&details), details.total_tax), (shown("20.00"), money("1")));
    })
    .await;
}

#[tokio::test]
async fn what_would_reprice_a_line_of_an_unknown_rate_is_refused_and_the_rest_goes_on() {
    for_each_world(async |world| {
        line_without_rate(world, "10", "2").await;
        execute(&world.database, "UPDATE tax_rates SET rate = 25 WHERE id = 1").await;
        let process = world.process().await;
        let unknown = Refusal::UnknownRate { invoice_id: 1, line_id: 1 };
        assert_eq!(refused(process.apply_discount_to_invoice(1, 2).await), unknown);
        assert_eq!(refused(process.calculate_invoice_taxes(1, None, TaxingRates::Copied).await), unknown);
        assert!(unknown.to_string().contains(r#""rates": "current""#), "{unknown}");
        let details = process.invoice_details(1).await.unwrap().value.unwrap();
        assert_eq!((rates(&details), details.total_tax, details.total_discount), (vec![None], money("2"), money("0")));
        let current = done(process.calculate_invoice_taxes(1, None, TaxingRates::Current).await);
        assert_eq!((rates(&current), current.total_tax), (shown("25.00"), money("2.5")));
    })
    .await;
}

#[tokio::test]
async fn taxing_again_keeps_the_rate_and_the_name_of_the_place() {
    for_each_world(async |world| {
        let process = world.process().await;
        let before = done(process.calculate_invoice_taxes(1, None, TaxingRates::Copied).await);
        execute(&world.database, "UPDATE tax_rates SET rate = 24, name = 'New VAT' WHERE id = 1").await;
        for _ in 0..2 {
            let again = done(process.calculate_invoice_taxes(1, None, TaxingRates::Copied).await);
            assert_eq!(again, before);
        }
        execute(&world.database, "UPDATE invoices SET amount = 200 WHERE id = 1").await;
        let repriced = done(process.calculate_invoice_taxes(1, None, TaxingRates::Copied).await);
        assert_eq!((rates(&repriced), repriced.total_tax), (shown("20.00"), money("40")));
        for _ in 0..2 {
            let current = done(process.calculate_invoice_taxes(1, None, TaxingRates::Current).await);
            assert_eq!((rates(&current), current.total_tax), (shown("24.00"), money("48")));
            assert_eq!(current.taxes[0].name.as_deref(), Some("New VAT"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_rate_that_another_one_of_its_place_has_followed_is_kept_too() {
    for_each_world(async |world| {
        let process = world.process().await;
        done(process.calculate_invoice_taxes(1, None, TaxingRates::Copied).await);
        let handed_over = "UPDATE tax_rates SET is_default = FALSE WHERE id = 1;
            UPDATE tax_rates SET is_default = TRUE WHERE id = 3";
        execute(&world.database, handed_over).await;
        let kept = done(process.calculate_invoice_taxes(1, None, TaxingRates::Copied).await);
        assert_eq!((rates(&kept), kept.taxes[0].id), (shown("20.00"), Some(1)));
        let current = done(process.calculate_invoice_taxes(1, None, TaxingRates::Current).await);
        assert_eq!((rates(&current), current.taxes[0].id), (shown("5.00"), Some(3)));
    })
    .await;
}

#[tokio::test]
async fn a_line_of_another_place_or_of_a_lost_rate_is_replaced_by_the_rate_of_now() {
    for_each_world(async |world| {
        let process = world.process().await;
        done(process.create_tax_rate(rate("US", None, "3")).await);
        done(process.calculate_invoice_taxes(1, None, TaxingRates::Copied).await);
        execute(&world.database, "UPDATE invoices SET billing_country = 'US' WHERE id = 1").await;
        for (region, expected) in [(Some("CA"), "7.25"), (Some("NV"), "3.00"), (None, "3.00"), (Some("CA"), "7.25")] {
            let taxed = done(process.calculate_invoice_taxes(1, region, TaxingRates::Copied).await);
            assert_eq!(rates(&taxed), shown(expected), "{region:?}");
        }
        done(process.calculate_invoice_taxes(2, None, TaxingRates::Copied).await);
        lose_rate(world).await;
        let untaxed = done(process.calculate_invoice_taxes(2, None, TaxingRates::Copied).await);
        assert_eq!((rates(&untaxed), untaxed.total), (vec![], money("50")));
    })
    .await;
}

#[tokio::test]
async fn of_two_lines_of_one_place_one_stays() {
    for_each_world(async |world| {
        let lines = "INSERT INTO invoice_taxes (invoice_id, tax_rate_id, taxable_amount, tax_amount)
            VALUES (1, 1, 100, 20), (1, 1, 100, 20)";
        execute(&world.database, lines).await;
        let process = world.process().await;
        let once = done(process.calculate_invoice_taxes(1, None, TaxingRates::Copied).await);
        assert_eq!((rates(&once), once.total), (shown("20.00"), money("120")));
        assert_eq!(code(&process.calculate_invoice_taxes(99, None, TaxingRates::Current).await), "not_found");
    })
    .await;
}

#[tokio::test]
async fn a_copied_rate_that_no_tax_has_is_refused_where_it_would_be_repriced() {
    for_each_world(async |world| {
        let process = world.process().await;
        for stored in ["-20", "250", "100.01"] {
            done(process.calculate_invoice_taxes(1, None, TaxingRates::Current).await);
            execute(&world.database, &format!("UPDATE invoice_taxes SET rate = {stored}")).await;
            for refusal in [
                refused(process.apply_discount_to_invoice(1, 1).await),
                refused(process.calculate_invoice_taxes(1, None, TaxingRates::Copied).await),
            ] {
                let Refusal::CopiedRateOutOfRange { invoice_id, rate, .. } = refusal else { panic!("{refusal}") };
                assert_eq!((invoice_id, rate), (1, percent(stored)));
            }
        }
        // What is asked for is the way out.
        done(process.calculate_invoice_taxes(1, None, TaxingRates::Current).await);
        done(process.apply_discount_to_invoice(1, 1).await);
    })
    .await;
}
