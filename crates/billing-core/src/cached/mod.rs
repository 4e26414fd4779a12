//! The cached types of the billing module, each declared once in its own file, and the one list of them.
//!
//! Everything that handles "every type" iterates [`CACHED_TYPES`]: the cache, the command line, stats, clear, warm-up,
//! the monitor and the triggers. A further type is one file here and two lines in this one.

mod active_discounts;
mod invoices;
mod tax_rates;
mod user_credit_notes;

use billing_cache::{CacheSettings, RedisSettings, SetupError};

pub use active_discounts::ActiveDiscounts;
pub(crate) use invoices::read_details;
pub use invoices::{InvoiceId, Invoices};
pub(crate) use tax_rates::applicable;
pub use tax_rates::{TaxRateKey, TaxRates};
pub use user_credit_notes::{UserCreditNotes, UserId};

use crate::migration::OWNER;
use billing_outbox::application::{Application, DatabaseCache};
use billing_outbox::database::Database;
use billing_outbox::declaration::Declarations;
use billing_outbox::registry::{Registered, RegisteredType};

/// The cache over the billing database.
pub type BillingCache = DatabaseCache;

/// The cached types, in the order in which tools show them.
pub static CACHED_TYPES: &[&dyn RegisteredType] = &[
    &Registered::<TaxRates>::new(),
    &Registered::<ActiveDiscounts>::new(),
    &Registered::<Invoices>::new(),
    &Registered::<UserCreditNotes>::new(),
];

/// The billing module, as the relay and the tools know it.
pub static APPLICATION: Application = Application { owner: OWNER, types: CACHED_TYPES };

/// The type with this name or alias.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn RegisteredType> {
    APPLICATION.find(name)
}

/// The declarations from which the triggers are generated.
#[must_use]
pub fn declarations() -> Declarations {
    APPLICATION.declarations()
}

/// Opens the cache with every type of the list over this database.
///
/// # Errors
/// Settings that cannot work. A Redis that cannot be reached is no error.
pub async fn open_cache(
    database: Database,
    redis: &RedisSettings,
    settings: CacheSettings,
) -> Result<BillingCache, SetupError> {
    BillingCache::open(&APPLICATION, APPLICATION.builder(database, settings), redis).await
}

/// Opens the cache in a key space that only this process uses, and only for a while.
///
/// # Errors
/// Settings that cannot work. A Redis that cannot be reached is no error.
pub async fn open_cache_alone(
    database: Database,
    redis: &RedisSettings,
    settings: CacheSettings,
) -> Result<BillingCache, SetupError> {
    BillingCache::open(&APPLICATION, APPLICATION.builder(database, settings).alone(), redis).await
}
