//! `credit_notes`: a credit note of a user and what remains of it.
//!
//! Invariant: the columns are those of the contract, and may be NULL as the platform's models allow.
//! Read by the loaders, written in write transactions.

use sea_orm::entity::prelude::*;

use crate::money::Money;
use crate::time::UtcTime;

/// A row of `credit_notes`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credit_notes")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key)]
    pub id: i32,
    /// The owner of the credit.
    pub user_id: Option<i32>,
    /// The amount at issue.
    pub amount: Option<Money>,
    /// What is not applied yet.
    pub remaining_amount: Option<Money>,
    /// Up to 255 characters.
    pub reason: Option<String>,
    /// The invoice it was issued for.
    pub reference_invoice_id: Option<i32>,
    /// A word of [`super::CreditNoteStatus`], or one this code does not know.
    pub status: Option<String>,
    /// UTC.
    pub created_at: Option<UtcTime>,
    /// When it was used up, UTC.
    pub applied_at: Option<UtcTime>,
}

/// No relations: loaders select many rows of one table by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
