//! `payments`: a payment of an invoice; `transaction_id` makes it idempotent.
//!
//! Invariant: the columns are those of the contract, and may be NULL as the platform's models allow.
//! Read by the loaders, written in write transactions.

use sea_orm::entity::prelude::*;

use crate::money::Money;
use crate::time::UtcTime;

/// A row of `payments`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payments")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key)]
    pub id: i32,
    /// The invoice it pays.
    pub invoice_id: Option<i32>,
    /// The amount paid.
    pub amount: Option<Money>,
    /// The payment method in the platform's words: card, transfer and so on.
    pub payment_method: Option<String>,
    /// Unique id of the payment provider.
    pub transaction_id: Option<String>,
    /// A word of [`super::PaymentStatus`], or one this code does not know.
    pub status: Option<String>,
    /// UTC.
    pub created_at: Option<UtcTime>,
}

/// No relations: loaders select many rows of one table by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
