//! `invoices`: an invoice. `amount` is its subtotal and is never overwritten by a total.
//!
//! Invariant: the columns are those of the contract, so a row of the platform always reads.
//! Read by the loaders, written in write transactions.

use sea_orm::entity::prelude::*;

use crate::money::Money;

/// A row of `invoices`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invoices")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key)]
    pub id: i32,
    /// Whose invoice.
    pub user_id: i32,
    /// The subtotal.
    pub amount: Money,
    /// A word of [`super::InvoiceStatus`], or one this code does not know.
    pub status: String,
    /// UTC.
    pub due_date: DateTime,
    /// UTC.
    pub created_at: DateTime,
    /// When it became paid, UTC.
    pub paid_at: Option<DateTime>,
    /// Two letters; PostgreSQL pads a shorter text with blanks.
    pub billing_country: String,
}

/// No relations: loaders ask for many rows of one table by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
