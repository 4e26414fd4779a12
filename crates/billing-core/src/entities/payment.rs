//! `payments`: a payment of an invoice; `transaction_id` makes it idempotent.
//!
//! Invariant: the columns are those of the contract, so a row of the platform always reads.
//! Read by the loaders, written in write transactions.

use sea_orm::entity::prelude::*;

use crate::money::Money;

/// A row of `payments`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payments")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key)]
    pub id: i32,
    /// What it pays.
    pub invoice_id: i32,
    /// What was paid.
    pub amount: Money,
    /// Card, transfer and so on; the platform's words.
    pub payment_method: String,
    /// Unique id of the payment provider.
    pub transaction_id: String,
    /// A word of [`super::PaymentStatus`], or one this code does not know.
    pub status: String,
    /// UTC.
    pub created_at: DateTime,
}

/// No relations: loaders ask for many rows of one table by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
