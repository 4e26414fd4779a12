//! The write transaction: the only way in which this code base changes billing tables.
//!
//! Invariants (`protocol.md`, section 4): what the transaction's triggers put into the outbox is invalidated after the commit
//! and before the writer returns, also when the caller is cancelled or the outcome of the commit is unknown; rows that could
//! not be relayed stay pending.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use billing_cache::Invalidation;
use sea_orm::sqlx;
use sea_orm::{DatabaseTransaction, DbBackend, DbErr, RuntimeErr};
use tokio::task::JoinHandle;
use tracing::error;

use super::marker::{Marker, Relayed};
use super::rows::{self, OutboxRow, Target};
use crate::cached::BillingCache;
use crate::failpoint;

/// Opens write transactions over the database of a cache.
#[derive(Clone, Debug)]
pub struct Writer {
    cache: BillingCache,
    marker: Marker,
    marking: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// A transaction on the billing tables; a `ConnectionTrait` by `&*txn`. Dropping it rolls back.
#[derive(Debug)]
pub struct WriteTxn {
    transaction: DatabaseTransaction,
    writer: Writer,
    outbox_before: i64,
}

/// Whether other processes can still read what was there before the write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// No: whoever reads from now on sees the write.
    Nothing,
    /// Perhaps: Redis could not be told in time. This process reads its write; others may see older values until the
    /// outbox has been relayed.
    Invalidation,
}

/// What was written, and what is still pending.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Written<T> {
    /// What was written.
    pub value: T,
    /// Whether the invalidation is still pending.
    pub pending: Pending,
}

impl<T> Written<T> {
    /// The same with another form of what was written.
    pub fn map<U>(self, form: impl FnOnce(T) -> U) -> Written<U> {
        Written { value: form(self.value), pending: self.pending }
    }
}

/// The transaction did not end as it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// Nothing was written.
    #[error("the database refused the transaction")]
    Refused(#[source] DbErr),
    /// The connection broke while the commit was on its way: it may have been written. Cached values were invalidated.
    #[error("the connection to the database broke during the commit; look whether it was written before trying again")]
    OutcomeUnknown(#[source] DbErr),
}

impl Writer {
    /// A writer that invalidates in this cache.
    #[must_use]
    pub fn new(cache: BillingCache) -> Self {
        let (marker, task) = Marker::start(cache.source().clone());
        Self { cache, marker, marking: Arc::new(Mutex::new(Some(task))) }
    }

    /// The cache.
    #[must_use]
    pub fn cache(&self) -> &BillingCache {
        &self.cache
    }

    /// Begins a transaction. On SQLite it holds the write lock from here on.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn begin(&self) -> Result<WriteTxn, DbErr> {
        let transaction = self.cache.source().begin_write().await?;
        let outbox_before = match self.cache.source().backend() {
            DbBackend::Sqlite => rows::last_id(&transaction).await?,
            _ => 0,
        };
        Ok(WriteTxn { transaction, writer: self.clone(), outbox_before })
    }

    /// Waits until what was relayed is marked. Further clones of this writer must not be used afterwards.
    pub async fn close(self) {
        let task = self.marking.lock().expect("no panic while the task is taken").take();
        drop(self);
        if let Some(task) = task
            && let Err(error) = task.await
        {
            error!(%error, "the marking of relayed rows has died");
        }
    }

    /// Invalidates what the rows name, and marks those Redis was told of.
    async fn relay_own(&self, outbox: &[OutboxRow]) -> Pending {
        let (mut ids, mut keys) = (BTreeSet::new(), BTreeSet::new());
        let mut left = false;
        for row in outbox {
            match row.target(&self.cache) {
                Target::Key(key) => drop((ids.insert(row.id), keys.insert(key))),
                Target::Nothing => drop(ids.insert(row.id)),
                Target::WholeType(_) | Target::UnknownType => left = true,
            }
        }
        match self.cache.invalidate(keys).await {
            Invalidation::Done(history) => self.marker.mark(Relayed { ids, history }),
            Invalidation::Pending => left = true,
        }
        failpoint::hit("after_invalidation");
        if left { Pending::Invalidation } else { Pending::Nothing }
    }
}

impl WriteTxn {
    /// Commits, invalidates, and only then answers. Goes on to the end when the caller is dropped.
    ///
    /// # Errors
    /// The database refused, or its answer was lost.
    pub async fn commit<T: Send + 'static>(self, value: T) -> Result<Written<T>, CommitError> {
        let outbox = rows::own(&self.transaction, self.outbox_before).await.map_err(CommitError::Refused)?;
        let Self { transaction, writer, .. } = self;
        let committing = tokio::spawn(async move {
            failpoint::hit("before_commit");
            let committed = transaction.commit().await;
            failpoint::hit("after_commit");
            match committed {
                Err(error) if is_refusal(&error) => Err(CommitError::Refused(error)),
                // A commit whose outcome is unknown counts as committed here: an invalidation too many does no harm.
                Err(error) => {
                    let _: Pending = writer.relay_own(&outbox).await;
                    Err(CommitError::OutcomeUnknown(error))
                }
                Ok(()) => Ok(Written { value, pending: writer.relay_own(&outbox).await }),
            }
        });
        committing.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }
}

impl Deref for WriteTxn {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.transaction
    }
}

/// The database itself said no, so nothing was written; anything else is a connection that broke.
fn is_refusal(error: &DbErr) -> bool {
    let (DbErr::Exec(cause) | DbErr::Query(cause) | DbErr::Conn(cause)) = error else { return false };
    matches!(cause, RuntimeErr::SqlxError(cause) if matches!(**cause, sqlx::Error::Database(_)))
}
