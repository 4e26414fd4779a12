//! The rows of the demonstration data, with all columns of the platform's tables.
//!
//! Invariant: no column is NULL that a newly installed platform would fill. The entities allow NULL, because they read
//! rows that older programs wrote. Written by [`super::insert`].

#![expect(clippy::needless_update, reason = "the derive ends every row with `..Default::default()`")]

use billing_core::entities::{
    credit_note, credit_note_application, discount, invoice, invoice_discount, invoice_tax, payment, tax_rate, user,
};
use billing_core::money::{Money, Percent};
use billing_core::time::UtcTime;
use sea_orm::DeriveIntoActiveModel;
use serde_json::Value;

#[derive(Clone, Debug, PartialEq, DeriveIntoActiveModel)]
#[sea_orm(active_model = "user::ActiveModel")]
pub(crate) struct User {
    pub(crate) id: i32,
    pub(crate) username: String,
    pub(crate) email: String,
    pub(crate) hashed_password: String,
    pub(crate) role: String,
    pub(crate) is_active: bool,
    pub(crate) created_at: UtcTime,
    pub(crate) updated_at: UtcTime,
}

#[derive(Clone, Debug, PartialEq, DeriveIntoActiveModel)]
#[sea_orm(active_model = "tax_rate::ActiveModel")]
pub(crate) struct TaxRate {
    pub(crate) id: i32,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) rate: Percent,
    pub(crate) country: String,
    pub(crate) region: Option<String>,
    pub(crate) is_default: bool,
    pub(crate) created_at: UtcTime,
    pub(crate) updated_at: UtcTime,
}

#[derive(Clone, Debug, PartialEq, DeriveIntoActiveModel)]
#[sea_orm(active_model = "discount::ActiveModel")]
pub(crate) struct Discount {
    pub(crate) id: i32,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) discount_type: String,
    pub(crate) value: Money,
    pub(crate) is_percentage: bool,
    pub(crate) is_active: bool,
    pub(crate) valid_from: UtcTime,
    pub(crate) valid_to: Option<UtcTime>,
    pub(crate) applicable_plans: Option<Value>,
    pub(crate) created_at: UtcTime,
    pub(crate) updated_at: UtcTime,
}

#[derive(Clone, Debug, PartialEq, DeriveIntoActiveModel)]
#[sea_orm(active_model = "invoice::ActiveModel")]
pub(crate) struct Invoice {
    pub(crate) id: i32,
    pub(crate) user_id: i32,
    pub(crate) amount: Money,
    pub(crate) status: String,
    pub(crate) due_date: UtcTime,
    pub(crate) created_at: UtcTime,
    pub(crate) paid_at: Option<UtcTime>,
    pub(crate) billing_country: String,
}

#[derive(Clone, Debug, PartialEq, DeriveIntoActiveModel)]
#[sea_orm(active_model = "invoice_discount::ActiveModel")]
pub(crate) struct InvoiceDiscount {
    pub(crate) id: i32,
    pub(crate) invoice_id: i32,
    pub(crate) discount_id: i32,
    pub(crate) amount: Money,
    pub(crate) created_at: UtcTime,
    pub(crate) name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, DeriveIntoActiveModel)]
#[sea_orm(active_model = "invoice_tax::ActiveModel")]
pub(crate) struct InvoiceTax {
    pub(crate) id: i32,
    pub(crate) invoice_id: i32,
    pub(crate) tax_rate_id: i32,
    pub(crate) taxable_amount: Money,
    pub(crate) tax_amount: Money,
    pub(crate) created_at: UtcTime,
    pub(crate) name: Option<String>,
    pub(crate) rate: Option<Percent>,
}

#[derive(Clone, Debug, PartialEq, DeriveIntoActiveModel)]
#[sea_orm(active_model = "credit_note::ActiveModel")]
pub(crate) struct CreditNote {
    pub(crate) id: i32,
    pub(crate) user_id: i32,
    pub(crate) amount: Money,
    pub(crate) remaining_amount: Money,
    pub(crate) reason: String,
    pub(crate) reference_invoice_id: Option<i32>,
    pub(crate) status: String,
    pub(crate) created_at: UtcTime,
    pub(crate) applied_at: Option<UtcTime>,
}

#[derive(Clone, Debug, PartialEq, DeriveIntoActiveModel)]
#[sea_orm(active_model = "credit_note_application::ActiveModel")]
pub(crate) struct CreditNoteApplication {
    pub(crate) id: i32,
    pub(crate) credit_note_id: i32,
    pub(crate) invoice_id: i32,
    pub(crate) amount: Money,
    pub(crate) applied_at: UtcTime,
}

#[derive(Clone, Debug, PartialEq, DeriveIntoActiveModel)]
#[sea_orm(active_model = "payment::ActiveModel")]
pub(crate) struct Payment {
    pub(crate) id: i32,
    pub(crate) invoice_id: i32,
    pub(crate) amount: Money,
    pub(crate) payment_method: String,
    pub(crate) transaction_id: String,
    pub(crate) status: String,
    pub(crate) created_at: UtcTime,
}
