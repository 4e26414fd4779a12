//! `discounts`: a discount that can be applied to invoices while it is valid.
//!
//! Invariant: the columns are those of the contract, and may be NULL as the platform's models allow.
//! Read by the loaders, written in write transactions.

use sea_orm::entity::prelude::*;

use crate::money::Money;
use crate::time::UtcTime;

/// A row of `discounts`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "discounts")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key)]
    pub id: i32,
    /// Shown to customers.
    pub name: Option<String>,
    /// Longer text.
    pub description: Option<String>,
    /// The platform's word for its kind.
    pub discount_type: Option<String>,
    /// An amount, or a percentage if `is_percentage`.
    pub value: Option<Money>,
    /// How to read `value`.
    pub is_percentage: Option<bool>,
    /// Whether it is switched on.
    pub is_active: Option<bool>,
    /// First moment of validity, UTC.
    pub valid_from: Option<UtcTime>,
    /// First moment at which it is no longer valid, UTC; `None` means no end.
    pub valid_to: Option<UtcTime>,
    /// Any JSON; null means every plan.
    pub applicable_plans: Option<Json>,
    /// UTC.
    pub created_at: Option<UtcTime>,
    /// UTC.
    pub updated_at: Option<UtcTime>,
}

/// No relations: loaders select many rows of one table by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
