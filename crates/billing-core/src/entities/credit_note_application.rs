//! `credit_note_applications`: a part of a credit note, applied to an invoice.
//!
//! Invariant: the columns are those of the contract, and may be NULL as the platform's models allow.
//! Read by the loaders, written in write transactions.

use sea_orm::entity::prelude::*;

use crate::money::Money;
use crate::time::UtcTime;

/// A row of `credit_note_applications`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credit_note_applications")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key)]
    pub id: i32,
    /// The credit note.
    pub credit_note_id: Option<i32>,
    /// The invoice.
    pub invoice_id: Option<i32>,
    /// The amount applied.
    pub amount: Option<Money>,
    /// UTC.
    pub applied_at: Option<UtcTime>,
}

/// No relations: loaders select many rows of one table by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
