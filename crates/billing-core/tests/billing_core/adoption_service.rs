//! The service on the platform's own database: every read and every write, with the rows of its older versions.

use billing_core::cached::declarations;
use billing_core::migration::migrate;
use billing_core::service::{BillingService, NewCreditNote, NewInvoice, TaxingRates};
use serde::Serialize;
use serde_json::{Value, json};
use test_support::RedisServer;

use crate::adoption::for_each_platform;
use crate::backends::connect;
use crate::commands::{amount_off, code, credit_note, done, invoice, payment, percentage, rate};
use crate::world::World;

/// Runs the test over an adopted database and a process on it.
async fn for_each_adopted(test: impl AsyncFn(&World, &BillingService)) {
    for_each_platform(async |database, owned| {
        migrate(database, &declarations()).await.unwrap();
        let (database, redis) = (connect(owned).await, RedisServer::start().unwrap());
        let world = World { database, redis, url: owned.url().to_owned() };
        test(&world, &world.process().await).await;
        world.database.close().await.unwrap();
    })
    .await;
}

fn json_of(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

async fn details(process: &BillingService, invoice: i32) -> Value {
    json_of(&*process.invoice_details(invoice).await.unwrap().value.unwrap())
}

#[tokio::test]
async fn what_older_versions_left_out_is_null() {
    for_each_adopted(async |_, process| {
        let older = details(process, 3).await;
        assert_eq!((&older["status"], &older["created_at"]), (&Value::Null, &Value::Null), "{older:#}");
        let payment =
            json!({"id": 3, "amount": "10.00", "payment_method": null, "status": "completed", "created_at": null});
        assert_eq!(older["payments"], json!([payment]), "{older:#}");
        assert_eq!(older["credit_notes"], json!([{"id": 2, "amount": "1.00", "applied_at": null}]), "{older:#}");
        let lines = (&older["discounts"][0], &older["taxes"][0]);
        assert_eq!((&lines.0["id"], &lines.0["amount"]), (&Value::Null, &json!("1.00")), "{older:#}");
        assert_eq!((&lines.1["id"], &lines.1["amount"]), (&Value::Null, &json!("2.00")), "{older:#}");
        assert_eq!((&older["total_paid"], &older["balance_due"]), (&json!("10.00"), &json!("40.00")), "{older:#}");
        assert_eq!(details(process, 4).await["user_id"], Value::Null);
        assert_eq!(details(process, 8).await["payments"][1]["status"], Value::Null);

        let notes = json_of(&*process.user_credit_notes(2).await.unwrap().value.unwrap());
        assert_eq!((&notes[0]["status"], &notes[0]["created_at"]), (&Value::Null, &Value::Null), "{notes:#}");
        let discounts = json_of(&*process.active_discounts().await.unwrap().value.unwrap());
        let names: Vec<&Value> = discounts.as_array().unwrap().iter().map(|discount| &discount["name"]).collect();
        assert_eq!(names, ["Ten off", "Plans", "Older"], "one that may be active or not is not");
        assert_eq!((&discounts[1]["created_at"], &discounts[2]["is_percentage"]), (&Value::Null, &Value::Null));
    })
    .await;
}

#[tokio::test]
async fn every_invoice_user_and_place_is_read() {
    for_each_adopted(async |world, process| {
        let ids: Vec<i32> = (1..=8).collect();
        let invoices = process.invoices_details(&ids).await.unwrap();
        assert!(invoices.iter().all(|invoice| invoice.as_ref().unwrap().value.is_some()));
        assert_eq!(invoices.len() as u64, world.count("invoices").await);
        let notes = process.users_credit_notes(&[1, 2, 3]).await.unwrap();
        assert!(notes.iter().all(Result::is_ok));
        let rate = async |country, region| process.applicable_tax_rate(country, region).await.unwrap().value;
        assert!(rate("GB", None).await.is_some() && rate("US", Some("CA")).await.is_some());
        assert!(rate("DE", None).await.is_none(), "a rate that may be the default or not is not");
    })
    .await;
}

#[tokio::test]
async fn payments_are_taken_on_its_invoices() {
    for_each_adopted(async |_, process| {
        done(process.process_payment(payment(1, "5", "p-1")).await);
        assert_eq!(details(process, 1).await["balance_due"], "85.34");
        // 60 of 100 are pending there, and nothing may be paid twice.
        assert_eq!(code(&process.process_payment(payment(2, "40.01", "p-2")).await), "refused");
        done(process.process_payment(payment(2, "40", "p-2")).await);
        done(process.process_payment(payment(3, "40", "p-3")).await);
        let paid = details(process, 3).await;
        assert_eq!((&paid["status"], &paid["balance_due"]), (&json!("paid"), &json!("0.00")), "{paid:#}");
        for closed in [5, 6, 7] {
            let answer = process.process_payment(payment(closed, "1", "p-4")).await;
            assert_eq!(code(&answer), "refused", "invoice {closed}");
        }
    })
    .await;
}

#[tokio::test]
async fn discounts_taxes_and_credit_are_applied_to_its_invoices() {
    for_each_adopted(async |_, process| {
        done(process.apply_discount_to_invoice(8, 1).await);
        // Its tax line names no rate, and more than one gives its tax.
        assert_eq!(code(&process.apply_discount_to_invoice(3, 1).await), "refused");
        done(process.calculate_invoice_taxes(1, None, TaxingRates::default()).await);
        done(process.apply_credit_note_to_invoice(2, 3, None).await);
        for unclear in [3, 4] {
            let answer = process.apply_discount_to_invoice(1, unclear).await;
            assert_eq!(code(&answer), "refused", "discount {unclear}");
        }
        let nowhere = process.calculate_invoice_taxes(2, None, TaxingRates::default()).await;
        assert!(["refused", "invalid"].contains(&code(&nowhere)), "UK is no country: {nowhere:?}");
        assert_eq!(code(&process.apply_credit_note_to_invoice(3, 1, None).await), "refused", "no word of the contract");
    })
    .await;
}

#[tokio::test]
async fn rows_are_made_and_changed_beside_its_own() {
    for_each_adopted(async |world, process| {
        done(process.create_invoice(NewInvoice { billing_country: "DE".to_owned(), ..invoice(2, "10") }).await);
        done(process.create_credit_note(NewCreditNote { reference_invoice_id: None, ..credit_note(3, "5") }).await);
        let made = done(process.create_discount(percentage("Ours", "5")).await);
        done(process.update_discount(made.id, amount_off("Ours", "6")).await);
        done(process.update_discount(3, amount_off("Older", "3")).await);
        done(process.deactivate_discount(4).await);
        let made = done(process.create_tax_rate(rate("FR", None, "20")).await);
        done(process.update_tax_rate(made.id, rate("FR", Some("Corse"), "10")).await);
        done(process.update_tax_rate(4, rate("DE", None, "19")).await);
        done(process.delete_tax_rate(made.id).await);
        done(process.mark_overdue_invoices().await);
        world.wait_until_relayed().await;
    })
    .await;
}
