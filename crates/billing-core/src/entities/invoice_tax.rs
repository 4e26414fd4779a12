//! `invoice_taxes`: a tax on an invoice, with copies of its rate's name and percentage at that time.
//!
//! Invariant: the columns are those of the contract, and may be NULL as the platform's models allow.
//! Read by the loaders, written in write transactions; triggers fill the copies for writers that do not know them.

use sea_orm::entity::prelude::*;

use crate::money::{Money, Percent, PossibleRates};
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
    /// The taxed amount.
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

impl Model {
    /// The rate, as far as the row alone determines it: the copy, or else the only rate that yields this tax for the
    /// taxed amount.
    #[must_use]
    pub fn own_rate(&self) -> Option<Percent> {
        self.rate.or_else(|| self.possible_rates()?.only())
    }

    /// The rate, if the current percentage in `tax_rates` may be used too: that one counts if there is no copy and it
    /// yields this tax for the taxed amount.
    #[must_use]
    pub fn rate_beside(&self, of_today: Option<Percent>) -> Option<Percent> {
        self.rate.or_else(|| self.possible_rates()?.choose(of_today))
    }

    fn possible_rates(&self) -> Option<PossibleRates> {
        Some(PossibleRates::that_give(self.tax_amount?, self.taxable_amount?))
    }
}

/// No relations: loaders select many rows of one table by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
