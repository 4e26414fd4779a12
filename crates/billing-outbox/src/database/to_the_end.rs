//! Runs work that must not stop half-way in a task of its own: BEGIN, COMMIT and what follows it.
//!
//! Invariant: if a caller is dropped, it only stops waiting. A BEGIN that is dropped before its answer leaves a
//! transaction open on PostgreSQL, in which the next user of the connection would write.

use std::panic::resume_unwind;

use sea_orm::{DatabaseTransaction, DbErr};
use tracing::Instrument;

/// Runs the work to its end, also when the caller is dropped. A panic in it becomes a panic of the caller.
pub(crate) async fn to_the_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let task = tokio::spawn(work.in_current_span());
    task.await.unwrap_or_else(|error| resume_unwind(error.into_panic()))
}

/// Commits, also when the caller is dropped.
pub(crate) async fn commit(transaction: DatabaseTransaction) -> Result<(), DbErr> {
    to_the_end(transaction.commit()).await
}
