//! Writes that failed for a reason that is over by now are begun once more.
//!
//! Invariant: only what has certainly written nothing is tried again, from its BEGIN; a commit whose outcome is unknown
//! is not. Every write of the service goes through here.

use super::{BillingError, BillingService};
use crate::database::{DatabaseError, is_transient};

impl BillingService {
    /// Runs a write, and once more where another transaction was in the way, the connection broke before the commit, or
    /// the columns of a table were changed under a prepared plan.
    pub(super) async fn once_more<T, W>(&self, write: impl Fn() -> W) -> Result<T, BillingError>
    where
        W: Future<Output = Result<T, BillingError>>,
    {
        match write().await {
            Err(error) if self.is_worth_another_try(&error) => write().await,
            outcome => outcome,
        }
    }

    fn is_worth_another_try(&self, error: &BillingError) -> bool {
        let BillingError::Database(DatabaseError::Statement(error)) = error else { return false };
        is_transient(error) || self.cache().source().renews_plans_after(error)
    }
}
