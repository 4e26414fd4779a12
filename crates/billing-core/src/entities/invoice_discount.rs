//! `invoice_discounts`: a discount applied to an invoice, with a copy of its name at that time.
//!
//! Invariant: the columns are those of the contract, and may be NULL as the platform's models allow.
//! Read by the loaders, written in write transactions; triggers fill the copy for writers that do not know it.

use sea_orm::entity::prelude::*;

use crate::money::Money;
use crate::time::UtcTime;

/// A row of `invoice_discounts`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invoice_discounts")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key)]
    pub id: i32,
    /// The invoice.
    pub invoice_id: Option<i32>,
    /// The discount.
    pub discount_id: Option<i32>,
    /// The amount taken off.
    pub amount: Option<Money>,
    /// UTC.
    pub created_at: Option<UtcTime>,
    /// The discount's name when it was applied (our column).
    pub name: Option<String>,
}

/// No relations: loaders select many rows of one table by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
