//! Reads through the cache.

use billing_cache::{Cached, ReadError};

use super::commands::place;
use super::{BillingError, BillingService, ReadResult};
use crate::cached::{ActiveDiscounts, InvoiceId, Invoices, TaxRateKey, TaxRates, UserCreditNotes, UserId};
use crate::dict;
use billing_outbox::database::DatabaseError;

impl BillingService {
    /// An invoice with its lines and totals; no value if there is no such invoice.
    ///
    /// # Errors
    /// The value could not be loaded. Redis is never the cause of an error; this holds for every read.
    pub async fn invoice_details(&self, invoice_id: i32) -> ReadResult<dict::InvoiceDetails> {
        Ok(self.cache().get::<Invoices>(&InvoiceId(invoice_id)).await?)
    }

    /// Many invoices, in the order of the ids, each with its own result.
    ///
    /// # Errors
    /// The database failed. A row that cannot be read is an error of its invoice alone.
    pub async fn invoices_details(
        &self,
        invoice_ids: &[i32],
    ) -> Result<Vec<ReadResult<dict::InvoiceDetails>>, BillingError> {
        let keys: Vec<InvoiceId> = invoice_ids.iter().copied().map(InvoiceId).collect();
        Ok(each(self.cache().get_each::<Invoices>(&keys).await?))
    }

    /// The tax rate of a region, or else of its country; no value if neither has one. Both are read in one round trip.
    ///
    /// # Errors
    /// An invalid country or region, or the value could not be loaded.
    pub async fn applicable_tax_rate(&self, country: &str, region: Option<&str>) -> ReadResult<dict::TaxRate> {
        let (country, region) = place(country, region)?;
        let candidates = TaxRateKey::candidates(country, region);
        let mut rates = match candidates.as_slice() {
            [one] => vec![self.cache().get::<TaxRates>(one).await],
            many => self.cache().get_each::<TaxRates>(many).await?,
        };
        // An error is decisive too: if the region's own rate cannot be read, the country's does not apply.
        let is_decisive = |rate: &Result<Cached<_>, _>| rate.as_ref().map_or(true, |rate| rate.value.is_some());
        let decisive = rates.iter().position(is_decisive).unwrap_or(rates.len() - 1);
        Ok(rates.swap_remove(decisive)?)
    }

    /// The discounts that are valid now, by id.
    ///
    /// # Errors
    /// The value could not be loaded.
    pub async fn active_discounts(&self) -> ReadResult<Vec<dict::Discount>> {
        Ok(self.cache().get::<ActiveDiscounts>(&billing_cache::SingleKey).await?)
    }

    /// The credit notes of a user, by id; an empty list for a user who has none or does not exist.
    ///
    /// # Errors
    /// The value could not be loaded.
    pub async fn user_credit_notes(&self, user_id: i32) -> ReadResult<Vec<dict::CreditNote>> {
        Ok(self.cache().get::<UserCreditNotes>(&UserId(user_id)).await?)
    }

    /// The credit notes of many users, in the order of the ids, each with its own result.
    ///
    /// # Errors
    /// The database failed. A row that cannot be read is an error of its user alone.
    pub async fn users_credit_notes(
        &self,
        user_ids: &[i32],
    ) -> Result<Vec<ReadResult<Vec<dict::CreditNote>>>, BillingError> {
        let keys: Vec<UserId> = user_ids.iter().copied().map(UserId).collect();
        Ok(each(self.cache().get_each::<UserCreditNotes>(&keys).await?))
    }
}

fn each<V>(answers: Vec<Result<Cached<V>, ReadError<DatabaseError>>>) -> Vec<ReadResult<V>> {
    answers.into_iter().map(|answer| Ok(answer?)).collect()
}
