//! Commands that are wrong in themselves, and commands as JSON.

use billing_core::service::{DiscountInput, NewCreditNote, NewInvoice, NewPayment, TaxRateInput};
use billing_core::time::from_isoformat;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::commands::{
    amount_off, credit_note, done, invalid_field, invoice, money, payment, percent, percentage, rate,
};
use crate::world::for_each_world;

fn long(length: usize) -> String {
    "x".repeat(length)
}

#[tokio::test]
async fn wrong_amounts_and_texts_are_refused_by_the_name_of_their_field() {
    for_each_world(async |world| {
        let process = world.process().await;
        for amount in ["0", "-0.01", "-100"] {
            assert_eq!(invalid_field(process.process_payment(payment(1, amount, "t")).await), "amount");
            assert_eq!(invalid_field(process.create_invoice(invoice(1, amount)).await), "amount");
            assert_eq!(invalid_field(process.create_credit_note(credit_note(1, amount)).await), "amount");
            assert_eq!(invalid_field(process.create_discount(amount_off("x", amount)).await), "value");
        }
        let (nul, line, blank) = ("a\0b".to_owned(), "a\nb".to_owned(), " \t ".to_owned());
        for wrong in [String::new(), blank, nul, line, "\u{7f}".to_owned(), "\u{85}".to_owned(), long(129)] {
            let command = payment(1, "1", &wrong);
            assert_eq!(invalid_field(process.process_payment(command).await), "transaction_id", "{wrong:?}");
            let command = NewPayment { payment_method: wrong.clone(), ..payment(1, "1", "t") };
            assert_eq!(invalid_field(process.process_payment(command).await), "payment_method", "{wrong:?}");
            let reason = if wrong.len() > 128 { long(256) } else { wrong.clone() };
            let command = NewCreditNote { reason, ..credit_note(1, "1") };
            assert_eq!(invalid_field(process.create_credit_note(command).await), "reason", "{wrong:?}");
            assert_eq!(invalid_field(process.create_discount(amount_off(&wrong, "1")).await), "name", "{wrong:?}");
            let input = DiscountInput { discount_type: wrong.clone(), ..amount_off("x", "1") };
            assert_eq!(invalid_field(process.create_discount(input).await), "discount_type", "{wrong:?}");
            let input = TaxRateInput { name: wrong.clone(), ..rate("FR", None, "1") };
            assert_eq!(invalid_field(process.create_tax_rate(input).await), "name", "{wrong:?}");
        }
        assert_eq!(world.count("cache_invalidations").await, 0);
    })
    .await;
}

#[tokio::test]
async fn the_longest_texts_and_largest_amounts_fit() {
    for_each_world(async |world| {
        let process = world.process().await;
        let text = |length| "ß".repeat(length);
        let created = done(process.create_invoice(invoice(1, "99999999.99")).await);
        let command = NewPayment { payment_method: text(32), ..payment(created.id, "99999999.99", &text(128)) };
        done(process.process_payment(command).await);
        done(process.create_credit_note(NewCreditNote { reason: text(255), ..credit_note(1, "99999999.99") }).await);
        let input = DiscountInput {
            discount_type: text(32),
            description: Some("two\nlines\tand a tab".to_owned()),
            ..amount_off(&text(128), "99999999.99")
        };
        let discount = done(process.create_discount(input).await);
        assert_eq!(discount.description.as_deref(), Some("two\nlines\tand a tab"));
        let region = text(128);
        done(process.create_tax_rate(TaxRateInput { name: text(128), ..rate("FR", Some(&region), "100") }).await);
        done(process.create_tax_rate(rate("DE", None, "0")).await);
    })
    .await;
}

#[tokio::test]
async fn percentages_are_from_nought_to_a_hundred() {
    for_each_world(async |world| {
        let process = world.process().await;
        done(process.create_discount(percentage("all", "100")).await);
        done(process.create_discount(percentage("least", "0.01")).await);
        assert_eq!(invalid_field(process.create_discount(percentage("x", "100.01")).await), "value");
        assert_eq!(invalid_field(process.update_discount(1, percentage("x", "0")).await), "value");
        for wrong in ["100.01", "-0.01", "999.99"] {
            let input = TaxRateInput { rate: percent(wrong), ..rate("FR", None, "1") };
            assert_eq!(invalid_field(process.create_tax_rate(input.clone()).await), "rate", "{wrong}");
            assert_eq!(invalid_field(process.update_tax_rate(1, input).await), "rate", "{wrong}");
        }
    })
    .await;
}

#[tokio::test]
async fn places_and_times_that_are_none_are_refused() {
    for_each_world(async |world| {
        let process = world.process().await;
        for country in ["", "gb", "UK", "GBR", "G\0"] {
            let command = NewInvoice { billing_country: country.to_owned(), ..invoice(1, "1") };
            assert_eq!(invalid_field(process.create_invoice(command).await), "billing_country", "{country:?}");
            assert_eq!(
                invalid_field(process.create_tax_rate(rate(country, None, "1")).await),
                "country",
                "{country:?}"
            );
        }
        for region in ["a:b", "*", "default", "a\0", "{a}"] {
            let wrong = rate("FR", Some(region), "1");
            assert_eq!(invalid_field(process.create_tax_rate(wrong.clone()).await), "region", "{region:?}");
            assert_eq!(invalid_field(process.update_tax_rate(1, wrong).await), "region", "{region:?}");
        }
        for end in ["2020-01-01T00:00:00", "2019-01-01T00:00:00"] {
            let input = DiscountInput { valid_to: Some(from_isoformat(end).unwrap()), ..amount_off("x", "1") };
            assert_eq!(invalid_field(process.create_discount(input).await), "valid_to", "{end}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_one_of_the_databases_cannot_store_is_refused_everywhere() {
    for_each_world(async |world| {
        let process = world.process().await;
        let input = DiscountInput { description: Some("a\0b".to_owned()), ..amount_off("x", "1") };
        assert_eq!(invalid_field(process.create_discount(input.clone()).await), "description");
        assert_eq!(invalid_field(process.update_discount(1, input).await), "description");
        let input = TaxRateInput { description: Some("a\0b".to_owned()), ..rate("FR", None, "1") };
        assert_eq!(invalid_field(process.create_tax_rate(input).await), "description");
        for plans in [json!("a\0b"), json!(["a\0"]), json!({"deep": [{"a": "\0"}]}), json!({"a\0": 1})] {
            let input = DiscountInput { applicable_plans: Some(plans.clone()), ..amount_off("x", "1") };
            assert_eq!(invalid_field(process.create_discount(input).await), "applicable_plans", "{plans}");
        }
        let number = DiscountInput { applicable_plans: Some(json!(7)), ..amount_off("x", "1") };
        assert_eq!(invalid_field(process.create_discount(number).await), "applicable_plans", "SQLite cannot");
    })
    .await;
}

#[tokio::test]
async fn plans_are_kept_whatever_json_they_are() {
    for_each_world(async |world| {
        let process = world.process().await;
        for plans in [
            json!({"plans": ["fibre", "dsl"], "min_months": 12, "a": null, "price": 1.5}),
            json!(["fibre"]),
            json!("\\u0000 \u{1} 'x' ß"),
            json!(true),
            json!({}),
        ] {
            let input = DiscountInput { applicable_plans: Some(plans.clone()), ..amount_off("x", "1") };
            assert_eq!(done(process.create_discount(input).await).applicable_plans.as_ref(), Some(&plans));
            let listed = process.active_discounts().await.unwrap().value.unwrap();
            assert_eq!(listed.last().unwrap().applicable_plans.as_ref(), Some(&plans));
        }
    })
    .await;
}

fn parse<T: DeserializeOwned>(json: &str) -> Result<T, serde_json::Error> {
    serde_json::from_slice(json.as_bytes())
}

#[test]
fn money_in_a_command_is_exact_or_refused() {
    let command = |amount: &str| {
        parse::<NewPayment>(&format!(
            r#"{{"invoice_id": 1, "amount": {amount}, "payment_method": "card", "transaction_id": "t"}}"#
        ))
    };
    for (amount, exact) in [
        ("100.10", "100.10"),
        (r#""100.10""#, "100.10"),
        ("1e2", "100.00"),
        ("0.1", "0.10"),
        ("99999999.99", "99999999.99"),
        ("-1", "-1.00"),
    ] {
        assert_eq!(command(amount).unwrap().amount, money(exact), "{amount}");
    }
    for amount in ["100.105", r#""100.105""#, "100000000", r#""1e2""#, r#""ten""#, "null", "true", "[1]", r#""""#] {
        assert!(command(amount).is_err(), "{amount} was accepted");
    }
}

#[test]
fn a_field_nobody_knows_is_an_error_and_defaults_are_filled_in() {
    let invoice = r#"{"user_id": 1, "amount": "5", "due_date": "2026-12-01T00:00:00"}"#;
    assert_eq!(parse::<NewInvoice>(invoice).unwrap().billing_country, "GB");
    let discount = r#"{"name": "x", "discount_type": "x", "value": 5, "is_percentage": false, "valid_from": "2026-01-01T00:00:00"}"#;
    let read: DiscountInput = parse(discount).unwrap();
    assert!(read.is_active && read.valid_to.is_none() && read.applicable_plans.is_none());
    let rate = r#"{"name": "x", "rate": 7.5, "country": "GB", "is_default": true}"#;
    assert_eq!(parse::<TaxRateInput>(rate).unwrap().rate, percent("7.5"));
    let note = r#"{"user_id": 1, "amount": 5, "reason": "x"}"#;
    assert_eq!(parse::<NewCreditNote>(note).unwrap().reference_invoice_id, None);

    let with_typo = |json: &str| json.replacen('{', r#"{"amuont": 1, "#, 1);
    assert!(parse::<NewInvoice>(&with_typo(invoice)).is_err());
    assert!(parse::<DiscountInput>(&with_typo(discount)).is_err());
    assert!(parse::<TaxRateInput>(&with_typo(rate)).is_err());
    assert!(parse::<NewCreditNote>(&with_typo(note)).is_err());
    for due_date in ["2026-12-01", "2026-12-01T00:00:00Z", "tomorrow", ""] {
        assert!(parse::<NewInvoice>(&invoice.replace("2026-12-01T00:00:00", due_date)).is_err(), "{due_date}");
    }
}
