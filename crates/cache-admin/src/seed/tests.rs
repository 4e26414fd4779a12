//! Checks that the data obeys the billing rules, from the view of a reader of the tables.

use std::collections::{HashMap, HashSet};

use billing_core::country::{Country, Region};
use billing_core::entities::{CreditNoteStatus, InvoiceStatus, PaymentStatus};
use billing_core::money::{Money, Percent};
use billing_core::time::from_isoformat;
use chrono::TimeDelta;

use super::*;

fn plan(seed: u64) -> Plan {
    Plan { users: 60, invoices: 1_500, seed, now: from_isoformat("2026-11-22T19:04:00").unwrap() }
}

fn sums<R>(rows: &[R], key: impl Fn(&R) -> i32, amount: impl Fn(&R) -> Money) -> HashMap<i32, Money> {
    let mut sums = HashMap::new();
    for row in rows {
        *sums.entry(key(row)).or_default() += amount(row);
    }
    sums
}

#[test]
fn the_same_plan_makes_the_same_rows() {
    assert_eq!(generate(&plan(7)), generate(&plan(7)));
    assert_ne!(generate(&plan(7)).payments, generate(&plan(8)).payments);
}

#[test]
fn statuses_follow_from_the_sums() {
    for seed in 0..5 {
        let (plan, data) = (plan(seed), generate(&plan(seed)));
        let discounted = sums(&data.invoice_discounts, |row| row.invoice_id, |row| row.amount);
        let taxed = sums(&data.invoice_taxes, |row| row.invoice_id, |row| row.tax_amount);
        let credited = sums(&data.credit_note_applications, |row| row.invoice_id, |row| row.amount);
        let completed: Vec<_> =
            data.payments.iter().filter(|payment| payment.status == PaymentStatus::Completed).collect();
        let paid = sums(&completed, |row| row.invoice_id, |row| row.amount);
        let mut seen = HashSet::new();
        for invoice in &data.invoices {
            let sum = |sums: &HashMap<i32, Money>| sums.get(&invoice.id).copied().unwrap_or_default();
            let settled = sum(&credited) + sum(&paid);
            let due = invoice.amount - sum(&discounted) + sum(&taxed) - settled;
            let expected = if invoice.status == InvoiceStatus::Cancelled && settled.is_zero() {
                InvoiceStatus::Cancelled
            } else if due.is_zero() {
                InvoiceStatus::Paid
            } else if invoice.due_date < plan.now {
                InvoiceStatus::Overdue
            } else if settled.is_positive() {
                InvoiceStatus::Partial
            } else {
                InvoiceStatus::Unpaid
            };
            assert!(!due.is_negative() && invoice.status == expected, "seed {seed}, due {due}: {invoice:?}");
            assert_eq!(invoice.paid_at.is_some(), expected == InvoiceStatus::Paid, "seed {seed}: {invoice:?}");
            assert!(invoice.created_at < plan.now && invoice.paid_at.is_none_or(|at| at <= plan.now));
            seen.insert(expected);
        }
        assert_eq!(seen.len(), InvoiceStatus::ALL.len(), "seed {seed}: every status occurs");
    }
}

#[test]
fn taxes_and_discounts_are_exact_and_were_valid() {
    let data = generate(&plan(3));
    let off = sums(&data.invoice_discounts, |row| row.invoice_id, |row| row.amount);
    for tax in &data.invoice_taxes {
        let invoice = &data.invoices[usize::try_from(tax.invoice_id).unwrap() - 1];
        let rate = &data.tax_rates[usize::try_from(tax.tax_rate_id).unwrap() - 1];
        assert_eq!(tax.taxable_amount, invoice.amount - off.get(&invoice.id).copied().unwrap_or_default());
        assert_eq!(tax.tax_amount, tax.taxable_amount.portion(rate.rate));
        assert_eq!((&rate.country, rate.is_default), (&invoice.billing_country, true));
    }
    for applied in &data.invoice_discounts {
        let discount = &data.discounts[usize::try_from(applied.discount_id).unwrap() - 1];
        let invoice = &data.invoices[usize::try_from(applied.invoice_id).unwrap() - 1];
        let full = match discount.is_percentage {
            true => invoice.amount.portion(Percent::new(discount.value.to_decimal()).unwrap()),
            false => discount.value,
        };
        assert_eq!(applied.amount, full.min(invoice.amount));
        assert!(
            discount.valid_from <= applied.created_at && discount.valid_to.is_none_or(|end| applied.created_at < end)
        );
    }
}

#[test]
fn credit_notes_remain_what_was_not_applied() {
    for seed in 0..5 {
        let data = generate(&plan(seed));
        let applied = sums(&data.credit_note_applications, |row| row.credit_note_id, |row| row.amount);
        for note in &data.credit_notes {
            let used = applied.get(&note.id).copied().unwrap_or_default();
            assert_eq!(note.amount - used, note.remaining_amount, "seed {seed}: {note:?}");
            let expected = if note.status == CreditNoteStatus::Cancelled && used.is_zero() {
                CreditNoteStatus::Cancelled
            } else if used.is_zero() {
                CreditNoteStatus::Issued
            } else if note.remaining_amount.is_positive() {
                CreditNoteStatus::Partial
            } else {
                CreditNoteStatus::Applied
            };
            assert!(
                note.status == expected && note.applied_at.is_some() == used.is_positive(),
                "seed {seed}: {note:?}"
            );
        }
        for application in &data.credit_note_applications {
            let note = &data.credit_notes[usize::try_from(application.credit_note_id).unwrap() - 1];
            let invoice = &data.invoices[usize::try_from(application.invoice_id).unwrap() - 1];
            assert_eq!(note.user_id, invoice.user_id);
            assert!(application.amount.is_positive() && application.applied_at >= note.created_at);
        }
    }
}

#[test]
fn what_must_be_unique_is_and_fits_its_column() {
    let data = generate(&plan(1));
    let names: HashSet<_> = data.users.iter().map(|user| &user.username).collect();
    let emails: HashSet<_> = data.users.iter().map(|user| &user.email).collect();
    let transactions: HashSet<_> = data.payments.iter().map(|payment| &payment.transaction_id).collect();
    assert_eq!(
        (names.len(), emails.len(), transactions.len()),
        (data.users.len(), data.users.len(), data.payments.len())
    );
    assert!(names.iter().all(|name| name.len() <= 64), "{names:?}");
    let places: HashSet<_> =
        data.tax_rates.iter().filter(|rate| rate.is_default).map(|rate| (&rate.country, &rate.region)).collect();
    assert_eq!(places.len(), data.tax_rates.iter().filter(|rate| rate.is_default).count());
    for rate in &data.tax_rates {
        rate.country.parse::<Country>().unwrap();
        Region::parse(rate.region.as_deref().unwrap_or_default()).unwrap();
    }
}

#[test]
fn some_discounts_start_and_end_within_the_hour() {
    let plan = plan(1);
    let soon = |at| (plan.now + TimeDelta::minutes(10)..=plan.now + TimeDelta::minutes(60)).contains(&at);
    let discounts = generate(&plan).discounts;
    assert_eq!(discounts.iter().filter(|discount| soon(discount.valid_from)).count(), 2);
    assert_eq!(discounts.iter().filter(|discount| discount.valid_to.is_some_and(soon)).count(), 2);
}
