//! What every side is asked to do.

use anyhow::{Result, bail};
use billing_core::money::Money;

/// A cache, used as its documentation says. Clones are one cache.
pub(crate) trait Side: Clone + Send + Sync + 'static {
    /// What it cannot do, by the name of the work, and why.
    fn lacks(work: &str) -> Option<&'static str>;

    /// Its name and version.
    fn describe() -> String;

    /// The tax rate of a country, which is in the process's own memory after the first call.
    fn hot(&self) -> impl Future<Output = Result<()>> + Send;

    /// An invoice, from the cache or else from the database through it.
    fn read(&self, id: i32) -> impl Future<Output = Result<()>> + Send;

    /// Many invoices at once.
    fn read_many(&self, ids: &[i32]) -> impl Future<Output = Result<()>> + Send;

    /// What is due of an invoice, as a reader of the cache sees it.
    fn balance(&self, id: i32) -> impl Future<Output = Result<Money>> + Send;

    /// A payment, after which the invoice is not served as it was before.
    fn write(&self, id: i32) -> impl Future<Output = Result<()>> + Send;

    /// What is due according to the database.
    fn true_balance(&self, id: i32) -> impl Future<Output = Result<Money>> + Send;

    /// Holds so many invoices in the memory of the process, the first of them and what follows.
    fn hold(&self, _count: i32) -> impl Future<Output = Result<()>> + Send {
        async { bail!("it keeps no invoices in the process") }
    }

    /// Puts so many invoices into Redis that hits can be spread over; only the limit is asked to.
    fn populate(&self, _keys: i32) -> impl Future<Output = Result<()>> + Send {
        async { bail!("it fills Redis by loads alone") }
    }

    /// Empties the cache.
    fn clear(&self) -> impl Future<Output = Result<()>> + Send;

    /// How often the database was asked since the process started.
    fn loads(&self) -> u64;
}
