//! The billing service: reads go through the cache, writes invalidate by themselves.
//!
//! Invariants: a decision about money is made on rows read and locked in the write transaction (`locked.rs`), never on
//! a cached value. A write returns when no later read can see the values from before it, or reports that this is
//! pending.
//!
//! Used by services, and by tools that write.

mod commands;
mod credit_notes;
mod discounts;
mod error;
mod invoices;
mod locked;
mod once_more;
mod payments;
mod pending;
mod reads;
mod starting;
mod tax_rates;
mod taxes;

use std::sync::Arc;
use std::time::Duration;

use billing_cache::Cached;
use billing_cache::SetupError;
use tokio::task::JoinSet;

pub use commands::{DiscountInput, NewCreditNote, NewInvoice, NewPayment, TaxRateInput, TaxingRates};
pub use error::{BillingError, Entity, Refusal};
pub use locked::{LockedCreditNote, LockedInvoice};
pub use pending::PendingPayments;

use crate::cached::{APPLICATION, BillingCache};
use crate::settings::Settings;
use billing_outbox::database::Database;
use billing_outbox::outbox::{Relay, WriteTxn, Writer};
use tracing::warn;

/// The billing operations over one database and one Redis. Cheap to clone.
#[derive(Clone, Debug)]
pub struct BillingService {
    writer: Writer,
    relay: Option<Arc<Relay>>,
    /// Ends with the last clone.
    _examining: Option<Arc<JoinSet<()>>>,
}

/// The result of a read.
pub type ReadResult<V> = Result<Cached<V>, BillingError>;

impl BillingService {
    /// The service of a long-running process. It opens the cache over this database, and relays what other writers,
    /// crashes and outages leave in the outbox. Reads use Redis once recent invalidations have been applied to it
    /// again. This call waits for that, but not longer than for a connection.
    ///
    /// # Errors
    /// Settings that cannot work. A Redis that cannot be reached is no error.
    pub async fn open(database: Database, settings: &Settings) -> Result<Self, SetupError> {
        let mark = database.identity().await;
        let mut builder = APPLICATION.builder(database, settings.cache.clone()).admit_after_replay().announce();
        match mark {
            Ok(mark) => builder = builder.marked(mark),
            Err(error) => {
                warn!(%error, "the database does not say which one it is, so another on this Redis is not noticed");
            }
        }
        let cache = BillingCache::open(&APPLICATION, builder, &settings.redis).await?;
        let relay = Relay::start(cache.clone(), settings.relay.clone());
        let patience = Duration::from_millis(settings.redis.connect_timeout_ms);
        // Redis may be away; reads then go to the database until it is back.
        let _ = tokio::time::timeout(patience, relay.caught_up()).await;
        let writer = Writer::new(cache).strict(Duration::from_millis(settings.relay.strict_wait_ms));
        let examining = starting::log_findings(writer.cache().source().clone());
        Ok(Self { writer, relay: Some(Arc::new(relay)), _examining: Some(Arc::new(examining)) })
    }

    /// The service of a short-lived tool over a cache that is already open. It invalidates its own writes, and leaves
    /// the outbox to the processes that relay.
    #[must_use]
    pub fn without_relay(cache: BillingCache) -> Self {
        Self { writer: Writer::new(cache), relay: None, _examining: None }
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

    /// Waits for the work in the background; call it before the process ends.
    pub async fn close(self) {
        if let Some(relay) = self.relay.and_then(Arc::into_inner) {
            relay.close().await;
        }
        let cache = self.writer.cache().clone();
        // Closed first, so that the last commits are counted too.
        self.writer.close().await;
        cache.flush_counters().await;
    }
}
