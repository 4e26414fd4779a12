//! `invoices`: an invoice. `amount` is its subtotal and is never overwritten by a total.
//!
//! Invariant: the columns are those of the contract, and may be NULL as the platform's models allow.
//! Read by the loaders, written in write transactions.

use sea_orm::entity::prelude::*;

use crate::money::Money;
use crate::time::UtcTime;

/// A row of `invoices`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invoices")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key)]
    pub id: i32,
    /// Whose invoice.
    pub user_id: Option<i32>,
    /// The subtotal.
    pub amount: Option<Money>,
    /// A word of [`super::InvoiceStatus`], or one this code does not know.
    pub status: Option<String>,
    /// UTC.
    pub due_date: Option<UtcTime>,
    /// UTC.
    pub created_at: Option<UtcTime>,
    /// When it became paid, UTC.
    pub paid_at: Option<UtcTime>,
    /// Two letters; PostgreSQL pads a shorter text with blanks.
    pub billing_country: Option<String>,
}

/// No relations: loaders select many rows of one table by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
