//! `invoice_taxes`: a tax on an invoice, with copies of its rate's name and percentage at that time.
//!
//! Invariant: the columns are those of the contract, and may be NULL as the platform's models allow.
//! Read by the loaders, written in write transactions; triggers fill the copies for writers that do not know them.

use sea_orm::entity::prelude::*;

use crate::money::{Money, Percent};
use crate::time::UtcTime;

/// A row of `invoice_taxes`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invoice_taxes")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key)]
    pub id: i32,
    /// The invoice.
    pub invoice_id: Option<i32>,
    /// The tax rate.
    pub tax_rate_id: Option<i32>,
    /// What was taxed.
    pub taxable_amount: Option<Money>,
    /// The tax.
    pub tax_amount: Option<Money>,
    /// UTC.
    pub created_at: Option<UtcTime>,
    /// The rate's name when it was applied (our column).
    pub name: Option<String>,
    /// The percentage when it was applied (our column).
    pub rate: Option<Percent>,
}

/// No relations: loaders ask for many rows of one table by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
