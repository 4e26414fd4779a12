//! `tax_rates`: a tax rate of a country, or of a region of it.
//!
//! Invariant: the columns are those of the contract, and may be NULL as the platform's models allow.
//! Read by the loaders, written in write transactions.

use sea_orm::entity::prelude::*;

use crate::money::Percent;
use crate::time::UtcTime;

/// A row of `tax_rates`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tax_rates")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key)]
    pub id: i32,
    /// Shown on invoices.
    pub name: Option<String>,
    /// Longer text.
    pub description: Option<String>,
    /// Percent of the taxable amount.
    pub rate: Option<Percent>,
    /// Two upper-case letters.
    pub country: Option<String>,
    /// Null or empty means the whole country.
    pub region: Option<String>,
    /// Whether it is the rate that applies.
    pub is_default: Option<bool>,
    /// UTC.
    pub created_at: Option<UtcTime>,
    /// UTC.
    pub updated_at: Option<UtcTime>,
}

/// No relations: loaders select many rows of one table by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
