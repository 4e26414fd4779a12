//! Payments, and the invoice statuses that follow from them.

use billing_core::entities::{InvoiceStatus, PaymentStatus};
use billing_core::money::{Money, Percent};
use billing_core::time::UtcTime;
use chrono::TimeDelta;
use rand::rngs::StdRng;
use rand::{RngExt, seq::IndexedRandom};

use super::dataset::{Dataset, Plan, next_id};
use super::invoices::Draft;
use super::rows::{Invoice, Payment};

const METHODS: [&str; 4] = ["card", "direct_debit", "bank_transfer", "paypal"];

/// How the customer behaves.
enum Behaviour {
    PaysAll,
    PaysPart,
    PaysNothing,
    /// The invoice was cancelled.
    Withdrawn,
}

/// Pays the invoices or leaves them unpaid, and sets their statuses.
pub(super) fn settle(rng: &mut StdRng, plan: &Plan, drafts: Vec<Draft>, data: &mut Dataset) {
    for draft in drafts {
        let invoice = settle_one(rng, plan, draft, data);
        data.invoices.push(invoice);
    }
}

fn settle_one(rng: &mut StdRng, plan: &Plan, draft: Draft, data: &mut Dataset) -> Invoice {
    let due = draft.due();
    let behaviour = behaviour(rng, plan, &draft);
    let paid_at = match behaviour {
        // Credit notes have paid all of it.
        _ if due.is_zero() => draft.last_credit_at,
        Behaviour::PaysAll => Some(pay_all(rng, plan, &draft, data)),
        Behaviour::PaysPart => pay_part(rng, plan, &draft, data),
        Behaviour::PaysNothing => leave_open(rng, plan, &draft, data),
        Behaviour::Withdrawn => None,
    };
    let paid_something = draft.credited.is_positive() || matches!(behaviour, Behaviour::PaysPart);
    let status = match (paid_at, behaviour) {
        (Some(_), _) => InvoiceStatus::Paid,
        (None, Behaviour::Withdrawn) => InvoiceStatus::Cancelled,
        _ if draft.invoice.due_date < plan.now => InvoiceStatus::Overdue,
        _ if paid_something => InvoiceStatus::Partial,
        _ => InvoiceStatus::Unpaid,
    };
    Invoice { status: status.into(), paid_at, ..draft.invoice }
}

/// Most invoices past their due date are paid. An invoice with applied credit is not cancelled.
fn behaviour(rng: &mut StdRng, plan: &Plan, draft: &Draft) -> Behaviour {
    let past_due = draft.invoice.due_date < plan.now;
    let [all, part, nothing] = if past_due { [86, 5, 6] } else { [40, 15, 42] };
    match rng.random_range(0..100) {
        at if at < all => Behaviour::PaysAll,
        at if at < all + part => Behaviour::PaysPart,
        at if at < all + part + nothing || draft.credited.is_positive() => Behaviour::PaysNothing,
        _ => Behaviour::Withdrawn,
    }
}

/// Pays the whole amount at once or in two parts, sometimes after a failed attempt; returns the time of the last
/// payment.
fn pay_all(rng: &mut StdRng, plan: &Plan, draft: &Draft, data: &mut Dataset) -> UtcTime {
    let due = draft.due();
    let at = moment_after(rng, plan, draft.invoice.created_at);
    if rng.random_ratio(1, 12) {
        push(rng, data, draft, Try { amount: due, status: PaymentStatus::Failed, at });
    }
    let first = part_of(rng, due);
    if rng.random_ratio(1, 8) && first.is_positive() && first < due {
        push(rng, data, draft, Try { amount: first, status: PaymentStatus::Completed, at });
        let at = moment_after(rng, plan, at);
        push(rng, data, draft, Try { amount: due - first, status: PaymentStatus::Completed, at });
        return at;
    }
    push(rng, data, draft, Try { amount: due, status: PaymentStatus::Completed, at });
    at
}

/// Pays a part of the amount. If no part is possible, pays all of it and returns the time.
fn pay_part(rng: &mut StdRng, plan: &Plan, draft: &Draft, data: &mut Dataset) -> Option<UtcTime> {
    let due = draft.due();
    let amount = part_of(rng, due);
    let at = moment_after(rng, plan, draft.invoice.created_at);
    if amount.is_zero() || amount == due {
        push(rng, data, draft, Try { amount: due, status: PaymentStatus::Completed, at });
        return Some(at);
    }
    push(rng, data, draft, Try { amount, status: PaymentStatus::Completed, at });
    None
}

/// Pays nothing; there may be a pending or failed payment.
fn leave_open(rng: &mut StdRng, plan: &Plan, draft: &Draft, data: &mut Dataset) -> Option<UtcTime> {
    let at = moment_after(rng, plan, draft.invoice.created_at);
    let status = match rng.random_range(0..6) {
        0 => PaymentStatus::Pending,
        1 => PaymentStatus::Failed,
        _ => return None,
    };
    push(rng, data, draft, Try { amount: draft.due(), status, at });
    None
}

fn part_of(rng: &mut StdRng, due: Money) -> Money {
    const PARTS: [&str; 4] = ["25", "40", "50", "75"];
    let part: Percent = PARTS.choose(rng).and_then(|part| part.parse().ok()).expect("the parts are percentages");
    due.portion(part)
}

/// A time within two weeks after `moment`, and not in the future.
fn moment_after(rng: &mut StdRng, plan: &Plan, moment: UtcTime) -> UtcTime {
    let most = (plan.now - moment).num_seconds().clamp(0, 14 * 86_400);
    moment + TimeDelta::seconds(rng.random_range(0..=most))
}

struct Try {
    amount: Money,
    status: PaymentStatus,
    at: UtcTime,
}

fn push(rng: &mut StdRng, data: &mut Dataset, draft: &Draft, attempt: Try) {
    let id = next_id(&data.payments);
    data.payments.push(Payment {
        id,
        invoice_id: draft.invoice.id,
        amount: attempt.amount,
        payment_method: (*METHODS.choose(rng).expect("there are methods")).to_owned(),
        // The number makes it unique.
        transaction_id: format!("txn_{:012x}_{id}", rng.random::<u64>() >> 16),
        status: attempt.status.into(),
        created_at: attempt.at,
    });
}
