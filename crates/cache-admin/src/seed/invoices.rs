//! Invoices with their discounts and taxes, as they were when they were created, before any payment.

use billing_core::entities::InvoiceStatus;
use billing_core::money::{Money, Percent};
use billing_core::time::UtcTime;
use chrono::TimeDelta;
use rand::rngs::StdRng;
use rand::{RngExt, seq::IndexedRandom};

use super::customers::Customer;
use super::dataset::{Dataset, Plan, next_id};
use super::rows::{Discount, Invoice, InvoiceDiscount, InvoiceTax};

/// Monthly prices in minor units.
const PRICES: [i32; 7] = [1_999, 2_499, 2_999, 3_999, 5_499, 7_999, 14_900];
const SETUP_FEE: i32 = 4_900;
/// Maximum age of an invoice, in minutes.
const SPAN: i64 = 540 * 24 * 60;

/// An invoice without its final status.
pub(super) struct Draft {
    pub(super) invoice: Invoice,
    pub(super) total: Money,
    /// The sum of applied credit notes, and the time of the last one.
    pub(super) credited: Money,
    pub(super) last_credit_at: Option<UtcTime>,
}

impl Draft {
    pub(super) fn due(&self) -> Money {
        self.total - self.credited
    }
}

pub(super) fn generate(rng: &mut StdRng, plan: &Plan, customers: &[Customer], data: &mut Dataset) -> Vec<Draft> {
    let mut ages: Vec<i64> = (0..plan.invoices).map(|_| rng.random_range(1..SPAN)).collect();
    // The oldest first, so that the newest invoice has the highest id.
    ages.sort_unstable_by(|left, right| right.cmp(left));
    let made = (1..).zip(ages).filter_map(|(id, age)| {
        let customer = customers.choose(rng)?;
        let second = TimeDelta::seconds(rng.random_range(0..60));
        Some(draft(rng, id, plan.now - TimeDelta::minutes(age) - second, customer, data))
    });
    made.collect()
}

fn draft(rng: &mut StdRng, id: i32, created_at: UtcTime, customer: &Customer, data: &mut Dataset) -> Draft {
    let subtotal = subtotal(rng);
    let discounted = subtotal - discount_of(rng, id, subtotal, created_at, data);
    let tax = tax_of(id, discounted, created_at, customer, data);
    let term = if rng.random_ratio(3, 4) { 14 } else { 30 };
    let invoice = Invoice {
        id,
        user_id: customer.user.id,
        amount: subtotal,
        status: InvoiceStatus::Unpaid.into(),
        due_date: created_at + TimeDelta::days(term),
        created_at,
        paid_at: None,
        billing_country: customer.country.clone(),
    };
    Draft { invoice, total: discounted + tax, credited: Money::ZERO, last_credit_at: None }
}

fn subtotal(rng: &mut StdRng) -> Money {
    let price = PRICES.choose(rng).copied().expect("there are prices");
    let usage = if rng.random_ratio(1, 3) { rng.random_range(1..=1_500) } else { 0 };
    let setup = if rng.random_ratio(1, 20) { SETUP_FEE } else { 0 };
    Money::from_minor(price + usage + setup)
}

/// Applies a discount that was valid at the time to some invoices.
fn discount_of(rng: &mut StdRng, invoice_id: i32, subtotal: Money, at: UtcTime, data: &mut Dataset) -> Money {
    if !rng.random_ratio(1, 4) {
        return Money::ZERO;
    }
    let valid: Vec<&Discount> = data.discounts.iter().filter(|discount| was_valid_at(discount, at)).collect();
    let Some(discount) = valid.choose(rng) else { return Money::ZERO };
    let amount = amount_off(discount, subtotal);
    let row = InvoiceDiscount {
        id: next_id(&data.invoice_discounts),
        invoice_id,
        discount_id: discount.id,
        amount,
        created_at: at,
        name: Some(discount.name.clone()),
    };
    data.invoice_discounts.push(row);
    amount
}

/// Whether the discount could be applied at the time. A discount that is switched off now was on then.
fn was_valid_at(discount: &Discount, at: UtcTime) -> bool {
    discount.valid_from <= at && discount.valid_to.is_none_or(|end| at < end)
}

fn amount_off(discount: &Discount, subtotal: Money) -> Money {
    if discount.is_percentage {
        subtotal.portion(Percent::new(discount.value.to_decimal()).expect("the catalogue holds percentages below 100"))
    } else {
        discount.value.min(subtotal)
    }
}

/// Adds taxes on the amount after discounts.
fn tax_of(invoice_id: i32, taxable: Money, at: UtcTime, customer: &Customer, data: &mut Dataset) -> Money {
    let Some(rate) = &customer.tax_rate else { return Money::ZERO };
    let tax_amount = taxable.portion(rate.rate);
    data.invoice_taxes.push(InvoiceTax {
        id: next_id(&data.invoice_taxes),
        invoice_id,
        tax_rate_id: rate.id,
        taxable_amount: taxable,
        tax_amount,
        created_at: at,
        name: Some(rate.name.clone()),
        rate: Some(rate.rate),
    });
    tax_amount
}
