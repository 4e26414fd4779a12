//! Demonstration data: the customers of an internet provider and what they were billed.
//!
//! Invariants: the same plan makes the same rows, on every database; the rows obey the billing rules, so that the service
//! could have made them (sums, statuses, validity of discounts). Made in memory by [`generate`], written by [`insert`].

mod catalogue;
mod credit;
mod customers;
pub(crate) mod insert;
mod invoices;
mod payments;
pub(crate) mod rows;

use billing_core::time::UtcTime;
use rand::SeedableRng;
use rand::rngs::StdRng;

use self::rows::{
    CreditNote, CreditNoteApplication, Discount, Invoice, InvoiceDiscount, InvoiceTax, Payment, TaxRate, User,
};

/// What to make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) users: i32,
    pub(crate) invoices: i32,
    pub(crate) seed: u64,
    /// Everything happened before this moment; some discounts start and end soon after it.
    pub(crate) now: UtcTime,
}

/// The rows of every table, with ids from 1 on in the order of their creation.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Dataset {
    pub(crate) users: Vec<User>,
    pub(crate) tax_rates: Vec<TaxRate>,
    pub(crate) discounts: Vec<Discount>,
    pub(crate) invoices: Vec<Invoice>,
    pub(crate) invoice_discounts: Vec<InvoiceDiscount>,
    pub(crate) invoice_taxes: Vec<InvoiceTax>,
    pub(crate) credit_notes: Vec<CreditNote>,
    pub(crate) credit_note_applications: Vec<CreditNoteApplication>,
    pub(crate) payments: Vec<Payment>,
}

/// Makes the rows.
pub(crate) fn generate(plan: &Plan) -> Dataset {
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let mut data = Dataset {
        tax_rates: catalogue::tax_rates(plan.now),
        discounts: catalogue::discounts(&mut rng, plan.now),
        ..Dataset::default()
    };
    let customers = customers::generate(&mut rng, plan, &data.tax_rates);
    let mut drafts = invoices::generate(&mut rng, plan, &customers, &mut data);
    credit::generate(&mut rng, plan, &mut drafts, &mut data);
    payments::settle(&mut rng, plan, drafts, &mut data);
    data.users = customers.into_iter().map(|customer| customer.user).collect();
    data
}

/// The id of the next row of a table.
fn next_id<R>(rows: &[R]) -> i32 {
    i32::try_from(rows.len() + 1).expect("the command line bounds the number of rows")
}

#[cfg(test)]
mod tests;
