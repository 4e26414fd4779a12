//! The tax lines of an invoice: recomputes them, and puts the tax of the invoice's place onto it.
//!
//! Invariants: a line keeps the rate that was copied onto it. Without a copy, a rate counts only if it yields the tax
//! on the line: today's rate of its row, or else the only possible one. If that leaves the rate open, nothing is
//! computed. Every caller holds the lock of the invoice.

use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};

use super::locked::LockedInvoice;
use super::{BillingError, Entity, Refusal, TaxingRates};
use crate::cached::{TaxRateKey, applicable};
use crate::country::{Country, Region};
use crate::entities::{invoice_tax, tax_rate};
use crate::time::now;
use billing_outbox::database::{RawRow, insert, row, rows};
use billing_outbox::outbox::WriteTxn;

impl LockedInvoice<'_> {
    /// Recomputes the taxes on the invoice by the rates copied onto it, after its discounts have changed.
    pub(super) async fn reprice_taxes(&mut self) -> Result<(), BillingError> {
        self.read_again().await?;
        for line in self.tax_lines().await? {
            let rate = if line.rate.is_none() { rate_of_today(self.transaction(), &line).await? } else { None };
            self.reprice(line, rate).await?;
        }
        Ok(())
    }

    /// Puts the tax of its country, and of the region if there is one, onto the invoice, once. A line of the same place
    /// stays, with its name and rate, unless today's rates are asked for; the others are removed.
    pub(super) async fn tax(&self, region: Option<Region>, rates: TaxingRates) -> Result<(), BillingError> {
        let place = TaxRateKey { country: self.country()?, region };
        let current = applicable(&**self.transaction(), place.country, place.region.clone()).await?;
        let here = Here { current: current.as_ref().and_then(TaxRateKey::of_rate), asked: place };
        let mut taxed = false;
        for line in self.tax_lines().await? {
            let rate = match rates {
                TaxingRates::Copied if !taxed => rate_of_today(self.transaction(), &line).await?,
                _ => None,
            };
            if here.is_of(rate.as_ref()) {
                self.reprice(line, rate).await?;
                taxed = true;
            } else {
                line.into_active_model().delete(&**self.transaction()).await?;
            }
        }
        match current {
            Some(rate) if !taxed => self.add_tax(rate).await,
            _ => Ok(()),
        }
    }

    fn country(&self) -> Result<Country, BillingError> {
        let missing = Refusal::Incomplete { entity: Entity::Invoice, id: self.row().id, column: "billing_country" };
        let country = self.row().country_code().ok_or(missing)?;
        country.parse().map_err(|error| BillingError::invalid("billing_country", error))
    }

    async fn tax_lines(&self) -> Result<Vec<invoice_tax::Model>, BillingError> {
        let lines = invoice_tax::Entity::find().filter(invoice_tax::Column::InvoiceId.eq(self.row().id));
        let lines = rows(&**self.transaction(), lines.order_by_asc(invoice_tax::Column::Id)).await?;
        Ok(lines.iter().map(RawRow::model).collect::<Result<_, _>>()?)
    }

    /// Recomputes the amounts of a line, and stores its name and its rate if they are missing.
    async fn reprice(&self, line: invoice_tax::Model, today: Option<tax_rate::Model>) -> Result<(), BillingError> {
        let unknown = Refusal::UnknownRate { invoice_id: self.row().id, line_id: line.id };
        let rate = line.rate_beside(today.as_ref().and_then(|today| today.rate)).ok_or(unknown)?;
        if !rate.is_within_0_to_100() {
            return Err(Refusal::CopiedRateOutOfRange { invoice_id: self.row().id, line_id: line.id, rate }.into());
        }
        let name = line.name.clone().or_else(|| today?.name);
        let taxable = self.taxable();
        let mut line = line.into_active_model();
        line.taxable_amount = Set(Some(taxable));
        line.tax_amount = Set(Some(taxable.portion(rate)));
        line.name = Set(name);
        line.rate = Set(Some(rate));
        line.update(&**self.transaction()).await?;
        Ok(())
    }

    async fn add_tax(&self, rate: tax_rate::Model) -> Result<(), BillingError> {
        let missing = Refusal::Incomplete { entity: Entity::TaxRate, id: rate.id, column: "rate" };
        let percent = rate.rate.ok_or(missing)?;
        if !percent.is_within_0_to_100() {
            return Err(Refusal::TaxRateOutOfRange { tax_rate_id: rate.id, rate: percent }.into());
        }
        let line = invoice_tax::ActiveModel {
            invoice_id: Set(Some(self.row().id)),
            tax_rate_id: Set(Some(rate.id)),
            taxable_amount: Set(Some(self.taxable())),
            tax_amount: Set(Some(self.taxable().portion(percent))),
            created_at: Set(Some(now())),
            name: Set(rate.name),
            rate: Set(Some(percent)),
            ..Default::default()
        };
        insert(&**self.transaction(), line).await?;
        Ok(())
    }
}

/// The place that an invoice is taxed for: the one that was requested, and the one of the rate that applies there
/// today, which may be the whole country.
struct Here {
    asked: TaxRateKey,
    current: Option<TaxRateKey>,
}

impl Here {
    /// Whether a line with this rate is of this place.
    fn is_of(&self, rate: Option<&tax_rate::Model>) -> bool {
        let place = rate.and_then(TaxRateKey::of_rate);
        place.is_some_and(|place| place == self.asked || Some(&place) == self.current.as_ref())
    }
}

/// The rate that a line refers to, as it is now; it may be missing in a table that was filled past its constraints.
async fn rate_of_today(
    transaction: &WriteTxn,
    line: &invoice_tax::Model,
) -> Result<Option<tax_rate::Model>, BillingError> {
    match line.tax_rate_id {
        Some(id) => Ok(row(&**transaction, tax_rate::Entity::find_by_id(id)).await?),
        None => Ok(None),
    }
}
