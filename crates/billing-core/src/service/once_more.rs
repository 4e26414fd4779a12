//! Repeats writes that failed for a passing reason, once.
//!
//! Invariant: only a write that has certainly written nothing is repeated, from its BEGIN. A commit with an unknown
//! outcome is not.
//!
//! Used by every write of the service.

use super::{BillingError, BillingService};
use billing_outbox::database::{DatabaseError, is_transient};

impl BillingService {
    /// Runs a write. Runs it once more if another transaction was in the way, the connection broke before the commit,
    /// or the columns of a table were changed under a prepared plan.
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
