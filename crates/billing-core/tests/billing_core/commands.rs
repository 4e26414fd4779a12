//! Commands as tests write them, and what tests ask of the answers.

use std::fmt::Debug;

use billing_core::money::{Money, Percent};
use billing_core::service::{
    BillingError, DiscountInput, NewCreditNote, NewInvoice, NewPayment, Refusal, TaxRateInput,
};
use billing_core::time::from_isoformat;
use billing_outbox::outbox::{Pending, Written};

pub(crate) type Wrote<T> = Result<Written<T>, BillingError>;

pub(crate) fn money(text: &str) -> Money {
    text.parse().unwrap()
}

pub(crate) fn percent(text: &str) -> Percent {
    text.parse().unwrap()
}

pub(crate) fn payment(invoice_id: i32, amount: &str, transaction_id: &str) -> NewPayment {
    NewPayment {
        invoice_id,
        amount: money(amount),
        payment_method: "card".to_owned(),
        transaction_id: transaction_id.to_owned(),
    }
}

pub(crate) fn invoice(user_id: i32, amount: &str) -> NewInvoice {
    NewInvoice {
        user_id,
        amount: money(amount),
        due_date: from_isoformat("2099-06-01T12:00:00").unwrap(),
        billing_country: "GB".to_owned(),
    }
}

pub(crate) fn credit_note(user_id: i32, amount: &str) -> NewCreditNote {
    NewCreditNote { user_id, amount: money(amount), reason: "outage".to_owned(), reference_invoice_id: None }
}

pub(crate) fn percentage(name: &str, value: &str) -> DiscountInput {
    DiscountInput {
        name: name.to_owned(),
        description: None,
        discount_type: "loyalty".to_owned(),
        value: money(value),
        is_percentage: true,
        is_active: true,
        valid_from: from_isoformat("2020-01-01T00:00:00").unwrap(),
        valid_to: None,
        applicable_plans: None,
    }
}

pub(crate) fn amount_off(name: &str, value: &str) -> DiscountInput {
    DiscountInput { is_percentage: false, ..percentage(name, value) }
}

/// A default rate.
pub(crate) fn rate(country: &str, region: Option<&str>, rate: &str) -> TaxRateInput {
    TaxRateInput {
        name: "VAT".to_owned(),
        description: None,
        rate: percent(rate),
        country: country.to_owned(),
        region: region.map(str::to_owned),
        is_default: true,
    }
}

/// What was written by a write that Redis was told of.
pub(crate) fn done<T: Debug>(wrote: Wrote<T>) -> T {
    let written = wrote.unwrap();
    assert_eq!(written.pending, Pending::Nothing, "{written:?}");
    written.value
}

/// The rule that forbade it.
pub(crate) fn refused<T: Debug>(wrote: Wrote<T>) -> Refusal {
    match wrote {
        Err(BillingError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

pub(crate) fn code<T>(wrote: &Wrote<T>) -> &'static str {
    wrote.as_ref().map_or_else(BillingError::code, |_| "written")
}

/// The field that was invalid.
pub(crate) fn invalid_field<T: Debug>(result: Result<T, BillingError>) -> &'static str {
    match result {
        Err(BillingError::Invalid { field, .. }) => field,
        other => panic!("not invalid: {other:?}"),
    }
}
