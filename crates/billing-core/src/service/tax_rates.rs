//! Tax rates: creating, changing and deleting them.
//!
//! Invariant: this code creates at most one default rate for a place, so that the applicable rate is never ambiguous.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect,
};

use super::{BillingError, BillingService, Entity, Refusal, TaxRateInput};
use crate::country::{Country, Region};
use crate::entities::{invoice_tax, tax_rate};
use crate::time::now;
use billing_outbox::database::{insert, raw_row, rows, update};
use billing_outbox::outbox::{WriteTxn, Written};

impl BillingService {
    /// Creates a tax rate.
    ///
    /// # Errors
    /// Invalid input, or a second default for the same place (conflict).
    pub async fn create_tax_rate(&self, input: TaxRateInput) -> Result<Written<tax_rate::Model>, BillingError> {
        self.once_more(|| self.try_create_tax_rate(input.clone())).await
    }

    async fn try_create_tax_rate(&self, input: TaxRateInput) -> Result<Written<tax_rate::Model>, BillingError> {
        let place = input.check()?;
        let transaction = self.begin_write().await?;
        lock_table(&transaction).await?;
        require_only_default(&transaction, &input, &place, None).await?;
        let row = tax_rate::ActiveModel { created_at: Set(Some(now())), ..content_of(input, place) };
        let row = insert(&*transaction, row).await?;
        Ok(transaction.commit(row).await?)
    }

    /// Replaces the content of a tax rate. Invoices it was applied to keep their amounts.
    ///
    /// # Errors
    /// No such rate, invalid input, or a second default for the same place (conflict).
    pub async fn update_tax_rate(
        &self,
        id: i32,
        input: TaxRateInput,
    ) -> Result<Written<tax_rate::Model>, BillingError> {
        self.once_more(|| self.try_update_tax_rate(id, input.clone())).await
    }

    async fn try_update_tax_rate(
        &self,
        id: i32,
        input: TaxRateInput,
    ) -> Result<Written<tax_rate::Model>, BillingError> {
        let place = input.check()?;
        let transaction = self.begin_write().await?;
        lock_table(&transaction).await?;
        require(&transaction, id).await?;
        require_only_default(&transaction, &input, &place, Some(id)).await?;
        let row = tax_rate::ActiveModel { id: Set(id), ..content_of(input, place) };
        let row = update(&*transaction, row).await?;
        Ok(transaction.commit(row).await?)
    }

    /// Deletes a tax rate that no invoice uses.
    ///
    /// # Errors
    /// No such rate, or one that invoices use (refused).
    pub async fn delete_tax_rate(&self, id: i32) -> Result<Written<()>, BillingError> {
        self.once_more(|| self.try_delete_tax_rate(id)).await
    }

    async fn try_delete_tax_rate(&self, id: i32) -> Result<Written<()>, BillingError> {
        let transaction = self.begin_write().await?;
        lock_table(&transaction).await?;
        require(&transaction, id).await?;
        let on_invoices = invoice_tax::Entity::find().filter(invoice_tax::Column::TaxRateId.eq(id));
        match on_invoices.count(&*transaction).await? {
            0 => {}
            invoices => return Err(Refusal::TaxRateInUse { tax_rate_id: id, invoices }.into()),
        }
        tax_rate::Entity::delete_by_id(id).exec(&*transaction).await?;
        Ok(transaction.commit(()).await?)
    }
}

/// Waits for invoices that are being taxed by the rate: afterwards they are visible and can be counted.
async fn require(transaction: &WriteTxn, id: i32) -> Result<(), BillingError> {
    let row = raw_row(&**transaction, tax_rate::Entity::find_by_id(id).lock_exclusive()).await?;
    row.map(drop).ok_or(BillingError::not_found(Entity::TaxRate, id))
}

/// Refuses a default if another row is the default already.
async fn require_only_default(
    transaction: &WriteTxn,
    input: &TaxRateInput,
    (country, region): &(Country, Option<Region>),
    own_id: Option<i32>,
) -> Result<(), BillingError> {
    if !input.is_default {
        return Ok(());
    }
    let defaults = tax_rate::Entity::find()
        .filter(tax_rate::Column::IsDefault.eq(true))
        .filter(tax_rate::Column::Country.eq(country.as_str()));
    let region = region.as_ref().map_or("", Region::as_str);
    for rate in rows(&**transaction, defaults).await? {
        let (id, place) = (rate.key(tax_rate::Column::Id)?, rate.column::<String>(tax_rate::Column::Region)?);
        if place.as_deref().unwrap_or_default() == region && Some(id) != own_id {
            return Err(BillingError::Conflict(format!("tax rate {id} is the default for this place already")));
        }
    }
    Ok(())
}

/// Keeps other writers from changing tax rates until the transaction ends; they change rarely. On SQLite the
/// transaction does this by itself.
async fn lock_table(transaction: &WriteTxn) -> Result<(), BillingError> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        transaction.execute_unprepared("LOCK TABLE tax_rates IN SHARE ROW EXCLUSIVE MODE").await?;
    }
    Ok(())
}

fn content_of(input: TaxRateInput, (country, region): (Country, Option<Region>)) -> tax_rate::ActiveModel {
    tax_rate::ActiveModel {
        name: Set(Some(input.name)),
        description: Set(input.description),
        rate: Set(Some(input.rate)),
        country: Set(Some(country.to_string())),
        region: Set(region.map(|region| region.to_string())),
        is_default: Set(Some(input.is_default)),
        updated_at: Set(Some(now())),
        ..Default::default()
    }
}
