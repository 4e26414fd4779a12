//! The JSON shapes of the contract, byte for byte.
//!
//! The files under `tests/golden/` were written by hand from the contract; no test writes them.

use std::path::Path;

use billing_core::dict::{
    CreditNote, CreditNoteLine, Discount, DiscountLine, Invoice, InvoiceDetails, PaymentLine, TaxLine, TaxRate,
};
use billing_core::entities::{credit_note, discount, invoice, tax_rate};
use billing_core::money::{Money, Percent};
use billing_core::time::{UtcTime, from_isoformat};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

fn time(text: &str) -> UtcTime {
    from_isoformat(text).unwrap()
}

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

fn percent(text: &str) -> Percent {
    text.parse().unwrap()
}

pub(crate) fn golden(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.strip_suffix('\n').expect("a golden file ends with one line end, which is not part of the value").to_owned()
}

/// Both ways: the value writes these bytes, and these bytes are this value.
fn assert_golden<T>(name: &str, value: &T)
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let expected = golden(name);
    assert_eq!(serde_json::to_string(value).unwrap(), expected, "{name}");
    assert_eq!(&serde_json::from_str::<T>(&expected).unwrap(), value, "{name}");
}

fn standard_rate() -> tax_rate::Model {
    tax_rate::Model {
        id: 3,
        name: Some("Mehrwertsteuer „normal“ – Österreich".to_owned()),
        description: Some("20 % since 1984".to_owned()),
        rate: Some(percent("20")),
        country: Some("AT".to_owned()),
        region: None,
        is_default: Some(true),
        created_at: Some(time("2026-01-01T00:00:00")),
        updated_at: Some(time("2026-11-22T19:04:00.000120")),
    }
}

fn black_friday() -> discount::Model {
    discount::Model {
        id: 7,
        name: Some("Black Friday".to_owned()),
        description: None,
        discount_type: Some("seasonal".to_owned()),
        value: Some(money("7.5")),
        is_percentage: Some(true),
        is_active: Some(true),
        valid_from: Some(time("2026-11-27T00:00:00")),
        valid_to: Some(time("2026-11-30T23:59:59.999999")),
        applicable_plans: Some(json!({"plans": ["fibre", "dsl"], "min_months": 12})),
        created_at: Some(time("2026-11-01T08:30:00")),
        updated_at: Some(time("2026-11-01T08:30:00")),
    }
}

fn issued_note() -> credit_note::Model {
    credit_note::Model {
        id: 11,
        user_id: Some(42),
        amount: Some(money("30")),
        remaining_amount: Some(money("12.5")),
        reason: Some("Ausfall am 3. Mai: 30 € gutgeschrieben".to_owned()),
        reference_invoice_id: Some(1001),
        status: Some("partial".to_owned()),
        created_at: Some(time("2026-05-04T10:00:00.123456")),
        applied_at: None,
    }
}

fn invoice_row() -> invoice::Model {
    invoice::Model {
        id: 1001,
        user_id: Some(42),
        amount: Some(money("100")),
        status: Some("partial".to_owned()),
        due_date: Some(time("2026-12-22T19:04:00")),
        created_at: Some(time("2026-11-22T19:04:00.500000")),
        paid_at: None,
        billing_country: Some("GB".to_owned()),
    }
}

#[test]
fn tax_rates() {
    assert_golden::<TaxRate>("tax_rate.json", &standard_rate().to_dict());
    let regional = tax_rate::Model {
        id: 4,
        name: Some("Sales tax".to_owned()),
        description: None,
        rate: Some(percent("7.25")),
        country: Some("US".to_owned()),
        region: Some("CA".to_owned()),
        is_default: Some(false),
        updated_at: Some(time("2026-01-01T00:00:00")),
        ..standard_rate()
    };
    assert_golden::<TaxRate>("tax_rate_regional.json", &regional.to_dict());
    assert_golden::<Option<TaxRate>>("tax_rate_absent.json", &None);
}

#[test]
fn discounts() {
    let endless = discount::Model {
        id: 8,
        name: Some("Treuerabatt ✓".to_owned()),
        value: Some(money("5")),
        is_percentage: Some(false),
        valid_to: None,
        applicable_plans: None,
        ..black_friday()
    };
    assert_golden("active_discounts.json", &vec![black_friday().to_dict(), endless.to_dict()]);
    assert_golden::<Vec<Discount>>("active_discounts_none.json", &vec![]);
}

#[test]
fn a_json_null_in_the_plans_is_absent_too() {
    let null = discount::Model { applicable_plans: Some(json!(null)), ..black_friday() };
    assert_eq!(null.to_dict().applicable_plans, None);
}

#[test]
fn credit_notes() {
    let applied = credit_note::Model {
        id: 12,
        remaining_amount: Some(Money::ZERO),
        reference_invoice_id: None,
        status: Some("applied".to_owned()),
        applied_at: Some(time("2026-06-01T00:00:00")),
        ..issued_note()
    };
    assert_golden("user_credit_notes.json", &vec![issued_note().to_dict(), applied.to_dict()]);
    assert_golden::<Vec<CreditNote>>("user_credit_notes_none.json", &vec![]);
}

#[test]
fn invoice_rows() {
    assert_golden::<Invoice>("invoice_row.json", &invoice_row().to_dict());
    let padded = invoice::Model {
        status: Some("paid".to_owned()),
        paid_at: Some(time("2026-11-23T00:00:00")),
        billing_country: Some("X ".to_owned()),
        ..invoice_row()
    };
    assert_golden::<Invoice>("invoice_row_paid.json", &padded.to_dict());
}

#[test]
fn invoice_details_with_every_kind_of_line() {
    assert_golden("invoice_details.json", &full_details());
}

#[test]
fn invoice_details_of_an_overpaid_invoice_without_lines() {
    let bare = InvoiceDetails {
        status: Some("paid".to_owned()),
        discounts: vec![],
        total_discount: Money::ZERO,
        taxes: vec![],
        total_tax: Money::ZERO,
        credit_notes: vec![],
        total_credit: Money::ZERO,
        payments: vec![],
        total_paid: money("120.5"),
        total: money("100"),
        balance_due: money("-20.5"),
        paid_at: Some(time("2026-11-23T07:00:00.000001")),
        ..full_details()
    };
    assert_golden("invoice_details_overpaid.json", &bare);
}

fn full_details() -> InvoiceDetails {
    InvoiceDetails {
        id: 1001,
        user_id: Some(42),
        amount: money("100"),
        status: Some("partial".to_owned()),
        subtotal: money("100"),
        discounts: vec![DiscountLine { id: Some(7), name: Some("Black Friday".to_owned()), amount: money("7.5") }],
        total_discount: money("7.5"),
        taxes: vec![TaxLine {
            id: Some(3),
            name: Some("MwSt. ü".to_owned()),
            rate: Some(percent("20")),
            amount: money("18.5"),
        }],
        total_tax: money("18.5"),
        credit_notes: vec![CreditNoteLine {
            id: Some(11),
            amount: money("17.5"),
            applied_at: Some(time("2026-11-22T20:00:00")),
        }],
        total_credit: money("17.5"),
        payments: vec![
            PaymentLine {
                id: 5,
                amount: Some(money("50")),
                payment_method: Some("card".to_owned()),
                status: Some("completed".to_owned()),
                created_at: Some(time("2026-11-22T21:00:00.000001")),
            },
            PaymentLine {
                id: 6,
                amount: Some(money("43.5")),
                payment_method: Some("bank_transfer".to_owned()),
                status: Some("failed".to_owned()),
                created_at: Some(time("2026-11-22T22:00:00")),
            },
        ],
        total_paid: money("50"),
        total: money("111"),
        balance_due: money("43.5"),
        due_date: Some(time("2026-12-22T19:04:00")),
        created_at: Some(time("2026-11-22T19:04:00.500000")),
        paid_at: None,
        billing_country: Some("GB".to_owned()),
    }
}

#[test]
fn fields_of_a_newer_or_older_process_are_ignored() {
    let json = golden("invoice_row.json").replacen('{', r#"{"currency":"GBP","lines":[1,{"a":null}],"#, 1);
    assert_eq!(serde_json::from_str::<Invoice>(&json).unwrap(), invoice_row().to_dict());
}

#[test]
fn an_amount_that_passed_through_a_float_does_not_decode() {
    let json = golden("invoice_row.json").replace("\"100.00\"", "100.0");
    assert!(serde_json::from_str::<Invoice>(&json).is_err());
}
