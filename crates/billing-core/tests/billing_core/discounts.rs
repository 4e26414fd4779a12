//! The rules of discounts, and of taxes that are computed on what they leave.

use billing_core::service::{BillingError, Entity, Refusal, TaxingRates};

use crate::backends::execute;
use crate::commands::{amount_off, code, done, money, payment, percentage, rate, refused};
use crate::world::for_each_world;

const NEVER: &str = "2098-01-01 00:00:00";

#[tokio::test]
async fn a_percentage_is_rounded_half_away_from_zero() {
    for_each_world(async |world| {
        let process = world.process().await;
        for (amount, percent, off) in [
            ("100", "10", "10.00"),
            ("0.05", "10", "0.01"),
            ("0.10", "25", "0.03"),
            ("33.33", "7.5", "2.50"),
            ("10.01", "50", "5.01"),
            ("99999999.99", "100", "99999999.99"),
            ("19.99", "33.33", "6.66"),
        ] {
            let invoice = done(process.create_invoice(crate::commands::invoice(1, amount)).await);
            let discount = done(process.create_discount(percentage("p", percent)).await);
            let details = done(process.apply_discount_to_invoice(invoice.id, discount.id).await);
            assert_eq!(details.total_discount, money(off), "{percent} % of {amount}");
            assert_eq!(details.balance_due, money(amount) - money(off));
            assert_eq!((details.amount, details.subtotal), (money(amount), money(amount)));
        }
    })
    .await;
}

#[tokio::test]
async fn discounts_add_up_to_the_subtotal_at_most() {
    for_each_world(async |world| {
        let process = world.process().await;
        let first = done(process.apply_discount_to_invoice(1, 1).await);
        assert_eq!((first.total_discount, first.status.as_deref()), (money("10"), Some("unpaid")));
        let second = done(process.apply_discount_to_invoice(1, 2).await);
        assert_eq!((second.total_discount, second.balance_due), (money("15"), money("85")));
        let all = done(process.apply_discount_to_invoice(1, 6).await);
        assert_eq!((all.total_discount, all.balance_due), (money("100"), money("0")));
        assert_eq!((all.status.as_deref(), all.paid_at.is_some()), (Some("paid"), true));
        let names: Vec<_> =
            all.discounts.iter().map(|line| (line.id.unwrap(), line.name.as_deref().unwrap())).collect();
        assert_eq!(names, [(1, "Ten percent"), (2, "Five off"), (6, "Huge")]);
    })
    .await;
}

#[tokio::test]
async fn a_discount_that_may_not_be_applied_is_refused() {
    for_each_world(async |world| {
        execute(
            &world.database,
            &format!(
                "INSERT INTO discounts (name, discount_type, value, is_percentage, valid_from, valid_to) VALUES
                    ('Too much', 'x', 150, TRUE, '2020-01-01 00:00:00', '{NEVER}'),
                    ('Nothing', 'x', 0, TRUE, '2020-01-01 00:00:00', '{NEVER}')"
            ),
        )
        .await;
        let process = world.process().await;
        for discount_id in [3, 4, 5, 7] {
            let refusal = refused(process.apply_discount_to_invoice(1, discount_id).await);
            assert_eq!(refusal, Refusal::DiscountNotValid { discount_id });
        }
        let nothing = refused(process.apply_discount_to_invoice(1, 8).await);
        assert_eq!(nothing, Refusal::NothingToDiscount { discount_id: 8, invoice_id: 1 });
        for (invoice, discount, missing) in [(1, 99, Entity::Discount), (99, 1, Entity::Invoice)] {
            let error = process.apply_discount_to_invoice(invoice, discount).await.unwrap_err();
            assert!(matches!(error, BillingError::NotFound { entity, id: 99 } if entity == missing), "{error}");
        }
        for closed in [3, 4] {
            let refusal = refused(process.apply_discount_to_invoice(closed, 1).await);
            let is_closed = matches!(refusal, Refusal::InvoiceClosed { .. } | Refusal::PaidButDue { .. });
            assert!(is_closed, "{refusal}");
        }
        done(process.apply_discount_to_invoice(1, 1).await);
        assert_eq!(code(&process.apply_discount_to_invoice(1, 1).await), "conflict");
        assert_eq!(world.count("invoice_discounts").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_discount_that_would_leave_the_invoice_overpaid_is_refused() {
    for_each_world(async |world| {
        let process = world.process().await;
        done(process.process_payment(payment(1, "95", "t")).await);
        let refusal = refused(process.apply_discount_to_invoice(1, 1).await);
        assert_eq!(refusal, Refusal::Overpaid { invoice_id: 1, by: money("5") });
        let exact = done(process.apply_discount_to_invoice(1, 2).await);
        assert_eq!((exact.balance_due, exact.status.as_deref()), (money("0"), Some("paid")));
    })
    .await;
}

#[tokio::test]
async fn taxing_an_invoice_twice_is_taxing_it_once() {
    for_each_world(async |world| {
        let process = world.process().await;
        done(process.apply_discount_to_invoice(1, 1).await);
        let once = done(process.calculate_invoice_taxes(1, None, TaxingRates::Copied).await);
        assert_eq!((once.amount, once.total_tax, once.total), (money("100"), money("18"), money("108")));
        let twice = done(process.calculate_invoice_taxes(1, None, TaxingRates::Copied).await);
        assert_eq!(twice, once);
        let [line] = twice.taxes.as_slice() else { panic!("{twice:?}") };
        assert_eq!((line.id, line.name.as_deref(), line.rate), (Some(1), Some("VAT"), "20".parse().ok()));
        assert_eq!(world.column("SELECT CAST(amount AS TEXT) FROM invoices WHERE amount = 100").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_discount_after_the_tax_lowers_the_tax_by_the_rate_on_the_invoice() {
    for_each_world(async |world| {
        let process = world.process().await;
        done(process.calculate_invoice_taxes(1, None, TaxingRates::Copied).await);
        done(process.update_tax_rate(1, rate("GB", None, "25")).await);
        let details = done(process.apply_discount_to_invoice(1, 2).await);
        assert_eq!((details.total_tax, details.total), (money("19"), money("114")));
        let again = done(process.calculate_invoice_taxes(1, None, TaxingRates::Copied).await);
        assert_eq!(again, details);
        let current = done(process.calculate_invoice_taxes(1, None, TaxingRates::Current).await);
        assert_eq!((current.total_tax, current.total), (money("23.75"), money("118.75")));
    })
    .await;
}

#[tokio::test]
async fn taxes_follow_the_region_and_vanish_where_none_apply() {
    for_each_world(async |world| {
        execute(&world.database, "UPDATE invoices SET billing_country = 'US' WHERE id = 1").await;
        let process = world.process().await;
        let taxed = done(process.calculate_invoice_taxes(1, Some("CA"), TaxingRates::Copied).await);
        assert_eq!((taxed.total_tax, taxed.billing_country.as_deref()), (money("7.25"), Some("US")));
        let untaxed = done(process.calculate_invoice_taxes(1, Some("NV"), TaxingRates::Copied).await);
        assert_eq!((untaxed.taxes.len(), untaxed.total), (0, money("100")));
        assert_eq!(code(&process.calculate_invoice_taxes(1, Some("a:b"), TaxingRates::Copied).await), "invalid");
        assert_eq!(code(&process.calculate_invoice_taxes(99, None, TaxingRates::Copied).await), "not_found");
        for closed in [3, 4] {
            assert_eq!(code(&process.calculate_invoice_taxes(closed, None, TaxingRates::Copied).await), "refused");
        }
    })
    .await;
}

#[tokio::test]
async fn renaming_a_discount_or_changing_a_rate_changes_no_invoice() {
    for_each_world(async |world| {
        let process = world.process().await;
        done(process.apply_discount_to_invoice(1, 1).await);
        let before = done(process.calculate_invoice_taxes(1, None, TaxingRates::Copied).await);
        done(process.update_discount(1, amount_off("Renamed", "99")).await);
        done(process.update_tax_rate(1, rate("GB", None, "5")).await);
        let _: () = world.redis.command(&["FLUSHALL"]).unwrap();
        assert_eq!(*process.invoice_details(1).await.unwrap().value.unwrap(), before);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_cannot_be_changed() {
    for_each_world(async |world| {
        let process = world.process().await;
        assert_eq!(code(&process.update_discount(99, amount_off("x", "1")).await), "not_found");
        assert_eq!(code(&process.deactivate_discount(99).await), "not_found");
        done(process.deactivate_discount(1).await);
        assert_eq!(
            refused(process.apply_discount_to_invoice(1, 1).await),
            Refusal::DiscountNotValid { discount_id: 1 }
        );
    })
    .await;
}
