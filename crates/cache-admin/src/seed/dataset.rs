//! The plan of the demonstration data, and the resulting rows.

use billing_core::time::UtcTime;

use super::rows::{
    CreditNote, CreditNoteApplication, Discount, Invoice, InvoiceDiscount, InvoiceTax, Payment, TaxRate, User,
};

/// What to generate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) users: i32,
    pub(crate) invoices: i32,
    pub(crate) seed: u64,
    /// Everything happened before this time, except that some discounts start or end soon after it.
    pub(crate) now: UtcTime,
}

/// The rows of every table, with ids from 1 in the order of creation.
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

/// The id of the next row of a table.
pub(super) fn next_id<R>(rows: &[R]) -> i32 {
    i32::try_from(rows.len() + 1).expect("the command line bounds the number of rows")
}
