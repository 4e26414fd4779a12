//! The shapes of an invoice: the row, and the details under `invoice:{invoice_id}`.
//!
//! Invariant: field order is the contract's key order; `subtotal` equals `amount`, and the totals are those of the
//! lines. The row is made by `invoice::Model::to_dict`, the details by the loader of invoices from one snapshot.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

use crate::entities::invoice;
use crate::money::{Money, Percent};
use crate::time::isoformat;

/// An invoice's own row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the columns of entities::invoice")]
pub struct Invoice {
    pub id: i32,
    pub user_id: i32,
    pub amount: Money,
    pub status: String,
    #[serde(with = "isoformat")]
    pub due_date: NaiveDateTime,
    #[serde(with = "isoformat")]
    pub created_at: NaiveDateTime,
    #[serde(with = "isoformat::option")]
    pub paid_at: Option<NaiveDateTime>,
    pub billing_country: String,
}

/// An invoice with everything that changes what is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceDetails {
    /// The invoice's id.
    pub id: i32,
    /// Whose invoice.
    pub user_id: i32,
    /// The subtotal, as the column holds it.
    pub amount: Money,
    /// The status word of the row.
    pub status: String,
    /// Equals `amount`.
    pub subtotal: Money,
    /// Discounts applied.
    pub discounts: Vec<DiscountLine>,
    /// Sum of the discounts.
    pub total_discount: Money,
    /// Taxes applied.
    pub taxes: Vec<TaxLine>,
    /// Sum of the taxes.
    pub total_tax: Money,
    /// Credit notes applied.
    pub credit_notes: Vec<CreditNoteLine>,
    /// Sum of the credit notes' parts.
    pub total_credit: Money,
    /// Payments of every status.
    pub payments: Vec<PaymentLine>,
    /// Sum of the completed payments.
    pub total_paid: Money,
    /// `subtotal - total_discount + total_tax`.
    pub total: Money,
    /// `total - total_credit - total_paid`; negative after an overpayment.
    pub balance_due: Money,
    /// When it is due, UTC.
    #[serde(with = "isoformat")]
    pub due_date: NaiveDateTime,
    /// When it was made, UTC.
    #[serde(with = "isoformat")]
    pub created_at: NaiveDateTime,
    /// When it became paid, UTC.
    #[serde(with = "isoformat::option")]
    pub paid_at: Option<NaiveDateTime>,
    /// Two letters.
    pub billing_country: String,
}

/// A discount on an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscountLine {
    /// The discount's id.
    pub id: i32,
    /// Its name when it was applied.
    pub name: String,
    /// What it took off.
    pub amount: Money,
}

/// A tax on an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxLine {
    /// The tax rate's id.
    pub id: i32,
    /// Its name when it was applied.
    pub name: String,
    /// Its percentage when it was applied.
    pub rate: Percent,
    /// The tax.
    pub amount: Money,
}

/// A part of a credit note on an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditNoteLine {
    /// The credit note's id.
    pub id: i32,
    /// What was applied.
    pub amount: Money,
    /// When, UTC.
    #[serde(with = "isoformat")]
    pub applied_at: NaiveDateTime,
}

/// A payment of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentLine {
    /// The payment's id.
    pub id: i32,
    /// What was paid.
    pub amount: Money,
    /// The platform's word for how.
    pub payment_method: String,
    /// The status word of the row; only completed ones count.
    pub status: String,
    /// When, UTC.
    #[serde(with = "isoformat")]
    pub created_at: NaiveDateTime,
}

impl invoice::Model {
    /// The cached shape of this row.
    #[must_use]
    pub fn to_dict(&self) -> Invoice {
        Invoice {
            id: self.id,
            user_id: self.user_id,
            amount: self.amount,
            status: self.status.clone(),
            due_date: self.due_date,
            created_at: self.created_at,
            paid_at: self.paid_at,
            billing_country: self.country_code().to_owned(),
        }
    }

    /// The country without the blanks PostgreSQL pads a `char(2)` with.
    #[must_use]
    pub fn country_code(&self) -> &str {
        self.billing_country.trim_end()
    }
}
