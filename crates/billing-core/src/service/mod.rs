//! The billing service: reads through the cache, writes that invalidate by themselves.
//!
//! Invariants: a decision about money is made on rows read and locked in the write transaction ([`locked`]), never on a
//! cached value; a write returns when no later read can see what was there before it, or says that this is pending.

mod commands;
mod credit_notes;
mod discounts;
mod error;
mod invoices;
mod locked;
mod payments;
mod reads;
mod tax_rates;

use billing_cache::Cached;

pub use commands::{DiscountInput, NewCreditNote, NewInvoice, NewPayment, TaxRateInput};
pub use error::{BillingError, Entity, Refusal};

use crate::cached::BillingCache;
use crate::outbox::{WriteTxn, Writer};

/// The billing operations over one database and one Redis. Cheap to clone.
#[derive(Clone, Debug)]
pub struct BillingService {
    writer: Writer,
}

/// What a read gives.
pub type ReadResult<V> = Result<Cached<V>, BillingError>;

impl BillingService {
    /// A service over this cache and its database.
    #[must_use]
    pub fn new(cache: BillingCache) -> Self {
        Self { writer: Writer::new(cache) }
    }

    /// The cache, for reads of other keys and for the tools.
    #[must_use]
    pub fn cache(&self) -> &BillingCache {
        self.writer.cache()
    }

    /// Begins a transaction for changes that have no operation here, such as a bulk import.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn begin_write(&self) -> Result<WriteTxn, BillingError> {
        Ok(self.writer.begin().await?)
    }

    /// Waits for what goes on in the background; call it before the process ends.
    pub async fn close(self) {
        self.cache().flush_counters().await;
        self.writer.close().await;
    }
}
