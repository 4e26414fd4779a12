//! The shapes of an invoice: the row, and the details under `invoice:{invoice_id}`.
//!
//! Invariants: field order is the contract's key order. `subtotal` equals `amount`, and the totals are those of the
//! lines. The row is made by `invoice::Model::to_dict`, the details by the loader of invoices from one snapshot.

use serde::{Deserialize, Serialize};

use super::nullable::nullable;
use crate::entities::invoice;
use crate::money::{Money, Percent};
use crate::time::UtcTime;

/// An invoice's own row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the columns of entities::invoice")]
pub struct Invoice {
    pub id: i32,
    #[serde(deserialize_with = "nullable")]
    pub user_id: Option<i32>,
    #[serde(deserialize_with = "nullable")]
    pub amount: Option<Money>,
    #[serde(deserialize_with = "nullable")]
    pub status: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub due_date: Option<UtcTime>,
    #[serde(deserialize_with = "nullable")]
    pub created_at: Option<UtcTime>,
    #[serde(deserialize_with = "nullable")]
    pub paid_at: Option<UtcTime>,
    #[serde(deserialize_with = "nullable")]
    pub billing_country: Option<String>,
}

/// An invoice with everything that affects what is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceDetails {
    /// The invoice's id.
    pub id: i32,
    /// Whose invoice.
    #[serde(deserialize_with = "nullable")]
    pub user_id: Option<i32>,
    /// The subtotal, as the column holds it.
    pub amount: Money,
    /// The status word of the row.
    #[serde(deserialize_with = "nullable")]
    pub status: Option<String>,
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
    /// Sum of the credit notes' applied amounts.
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
    #[serde(deserialize_with = "nullable")]
    pub due_date: Option<UtcTime>,
    /// When it was made, UTC.
    #[serde(deserialize_with = "nullable")]
    pub created_at: Option<UtcTime>,
    /// When it became paid, UTC.
    #[serde(deserialize_with = "nullable")]
    pub paid_at: Option<UtcTime>,
    /// Two letters.
    #[serde(deserialize_with = "nullable")]
    pub billing_country: Option<String>,
}

/// A discount on an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscountLine {
    /// The discount's id.
    #[serde(deserialize_with = "nullable")]
    pub id: Option<i32>,
    /// Its name when it was applied.
    #[serde(deserialize_with = "nullable")]
    pub name: Option<String>,
    /// What it took off.
    pub amount: Money,
}

/// A tax on an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxLine {
    /// The tax rate's id.
    #[serde(deserialize_with = "nullable")]
    pub id: Option<i32>,
    /// Its name when it was applied.
    #[serde(deserialize_with = "nullable")]
    pub name: Option<String>,
    /// Its percentage when it was applied; `None` if it was not stored and the amounts fit several.
    #[serde(deserialize_with = "nullable")]
    pub rate: Option<Percent>,
    /// The amount of the tax.
    pub amount: Money,
}

/// The part of a credit note that is applied to an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditNoteLine {
    /// The credit note's id.
    #[serde(deserialize_with = "nullable")]
    pub id: Option<i32>,
    /// The amount applied.
    pub amount: Money,
    /// When it was applied, UTC.
    #[serde(deserialize_with = "nullable")]
    pub applied_at: Option<UtcTime>,
}

/// A payment of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentLine {
    /// The payment's id.
    pub id: i32,
    /// What was paid.
    #[serde(deserialize_with = "nullable")]
    pub amount: Option<Money>,
    /// The payment method, in the platform's words.
    #[serde(deserialize_with = "nullable")]
    pub payment_method: Option<String>,
    /// The status word of the row; only completed payments count.
    #[serde(deserialize_with = "nullable")]
    pub status: Option<String>,
    /// When it was made, UTC.
    #[serde(deserialize_with = "nullable")]
    pub created_at: Option<UtcTime>,
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
            billing_country: self.country_code().map(str::to_owned),
        }
    }

    /// The country without the blanks with which PostgreSQL pads a `char(2)`.
    #[must_use]
    pub fn country_code(&self) -> Option<&str> {
        self.billing_country.as_deref().map(str::trim_end)
    }
}
