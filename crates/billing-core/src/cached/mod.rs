//! The cached types of the billing module, each declared once in its own file, and the one list of them.
//!
//! Everything that handles "every type" iterates [`CACHED_TYPES`]: the cache, the command line, stats, clear, warm-up,
//! the monitor and the triggers. A further type is one file here and two lines in this one.

mod active_discounts;
mod invoices;
mod registry;
mod tax_rates;
mod user_credit_notes;

use billing_cache::{Cache, CachedType};

pub use active_discounts::ActiveDiscounts;
pub(crate) use invoices::read_details;
pub use invoices::{InvoiceId, Invoices};
pub(crate) use registry::builder;
pub use registry::{
    KeyOfColumns, Probe, Registered, RegisteredType, Which, declarations, find, open_cache, open_cache_alone,
};
pub(crate) use tax_rates::applicable;
pub use tax_rates::{TaxRateKey, TaxRates};
pub use user_credit_notes::{UserCreditNotes, UserId};

use crate::database::Database;
use crate::migration::TableDependency;

/// The cache over the billing database.
pub type BillingCache = Cache<Database>;

/// The cached types, in the order in which tools show them.
pub static CACHED_TYPES: &[&dyn RegisteredType] = &[
    &Registered::<TaxRates>::new(),
    &Registered::<ActiveDiscounts>::new(),
    &Registered::<Invoices>::new(),
    &Registered::<UserCreditNotes>::new(),
];

/// A cached type of the billing module: name, key, TTL, loader, and the columns it depends on.
pub trait BillingType: CachedType<Source = Database> {
    /// The tables whose changes make its values wrong, and the columns that identify the key.
    const DEPENDENCIES: &'static [TableDependency];

    /// The key that the values of these columns identify; `None` if no value can be cached for them.
    fn key_of_columns(columns: &[Option<String>]) -> Option<Self::Key>;
}

/// The single integer key of an outbox row, such as an invoice id. The databases accept `42.0` for the same id.
fn id_of_columns(columns: &[Option<String>]) -> Option<i32> {
    let [Some(id)] = columns else { return None };
    let whole = id
        .split_once('.')
        .map_or(Some(id.as_str()), |(whole, rest)| rest.bytes().all(|digit| digit == b'0').then_some(whole));
    whole?.parse().ok()
}
