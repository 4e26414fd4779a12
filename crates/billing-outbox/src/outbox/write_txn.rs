//! The write transaction: the only way in which this code base changes billing tables.
//!
//! Invariants (`protocol.md`, "Writing"): what the transaction's triggers put into the outbox is invalidated after the
//! commit and before the writer returns, also when the caller is cancelled or the outcome of the commit is unknown.
//! Rows that could not be relayed, or whose commit is not known to be done, stay pending.
//!
//! Used by the service for each of its writes.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use billing_cache::{AnyKey, History};
use sea_orm::{DatabaseTransaction, DbBackend, DbErr};
use tokio::task::JoinHandle;
use tracing::field::Empty;
use tracing::{Instrument, Span, debug, error, trace_span};

use super::delay;
use super::marker::{Mark, Marker, Relayed};
use super::refusal::is_refusal;
use super::row::{OutboxRow, Target};
use super::{rows, trigger_check};
use crate::application::DatabaseCache;
use crate::database::to_the_end;
use crate::failpoint;

/// Pause between two looks of a strict write.
const STRICT_PAUSE: Duration = Duration::from_millis(20);

/// Opens write transactions over the database of a cache.
#[derive(Clone, Debug)]
pub struct Writer {
    cache: DatabaseCache,
    marker: Marker,
    marking: Arc<Mutex<Option<JoinHandle<()>>>>,
    /// How long to wait for a relay if the invalidation failed.
    strict_wait: Duration,
}

/// A transaction on the billing tables; a `ConnectionTrait` by `&*txn`. Dropping it rolls back.
#[derive(Debug)]
pub struct WriteTxn {
    transaction: DatabaseTransaction,
    writer: Writer,
    outbox_before: i64,
    /// Ends with the transaction; it has no outcome if the transaction was rolled back.
    span: Span,
}

/// Whether other processes can still read what was there before the write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// No: every read from now on sees the write.
    Nothing,
    /// Perhaps: Redis did not acknowledge in time. This process reads its own write; others may see older values until
    /// the outbox has been relayed.
    Invalidation,
}

/// The result of a write, and whether its invalidation is still pending.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Written<T> {
    /// The result of the write.
    pub value: T,
    /// Whether the invalidation is still pending.
    pub pending: Pending,
}

impl<T> Written<T> {
    /// The same with the value converted.
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
    /// The connection broke, or the disk failed, during the commit: the write may be in the database. Cached values
    /// were invalidated.
    #[error("the database failed during the commit; look whether it was written before trying again")]
    OutcomeUnknown(#[source] DbErr),
}

impl Writer {
    /// A writer that invalidates in this cache.
    #[must_use]
    pub fn new(cache: DatabaseCache) -> Self {
        let (marker, task) = Marker::start(cache.source().clone());
        Self { cache, marker, marking: Arc::new(Mutex::new(Some(task))), strict_wait: Duration::ZERO }
    }

    /// The same, but a write whose own invalidation failed waits this long for a relay of any process.
    #[must_use]
    pub fn strict(self, wait: Duration) -> Self {
        Self { strict_wait: wait, ..self }
    }

    /// The cache.
    #[must_use]
    pub fn cache(&self) -> &DatabaseCache {
        &self.cache
    }

    /// Begins a transaction. On SQLite it holds the write lock from the beginning.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn begin(&self) -> Result<WriteTxn, DbErr> {
        let span = trace_span!("write_txn", outcome = Empty);
        let transaction = self.cache.source().begin_write().instrument(span.clone()).await?;
        let outbox_before = match self.cache.source().backend() {
            DbBackend::Sqlite => rows::last_id(&transaction).await?,
            _ => 0,
        };
        trigger_check::look_before_write(&self.cache, &transaction).await?;
        Ok(WriteTxn { transaction, writer: self.clone(), outbox_before, span })
    }

    /// Waits for the commits in progress, also those whose callers are gone, and until the relayed rows are marked.
    /// Later writes of other clones of this writer are not marked but left to the relay.
    pub async fn close(self) {
        let task = self.marking.lock().expect("no panic while the task is taken").take();
        self.marker.close();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            error!(%error, "the marking of relayed rows has died");
        }
    }

    /// Invalidates the keys of an earlier committed write whose writer may have died before it invalidated them. Runs
    /// to the end when the caller is dropped.
    pub async fn invalidate_again(&self, keys: BTreeSet<AnyKey>) -> Pending {
        let (cache, ends) = (self.cache.clone(), Instant::now() + self.strict_wait);
        to_the_end(async move {
            loop {
                match cache.invalidate(keys.clone()).await {
                    told if told.is_done() => return Pending::Nothing,
                    _ if Instant::now() >= ends => return Pending::Invalidation,
                    _ => tokio::time::sleep(STRICT_PAUSE).await,
                }
            }
        })
        .await
    }

    /// Invalidates what the rows name, and sets the mark for the rows that Redis acknowledged. The commit has just
    /// returned.
    async fn relay_own(&self, outbox: &[OutboxRow], mark: Option<Mark>) -> Pending {
        let committed = Instant::now();
        let targets: Vec<(i64, Target)> = outbox.iter().map(|row| (row.id, row.target(&self.cache))).collect();
        let keys = targets.iter().filter_map(|(_, target)| target.key().cloned()).collect();
        let told = self.cache.invalidate(keys).await;
        if mark.is_some() {
            delay::record_of_writer(&self.cache, told.done.keys(), committed.elapsed());
        }
        let names_no_key = told.done.is_empty() && told.is_done();
        // There was nothing to invalidate, but a row without a history is never retired.
        let of_nothing =
            if names_no_key { Some(self.history_of_all().await) } else { told.done.values().next().cloned() };
        let mut relayed = Relayed::new();
        let mut left = false;
        for (id, target) in targets {
            let history = match target {
                Target::Key(key) => told.done.get(&key).cloned(),
                Target::Nothing => of_nothing.clone(),
                Target::WholeType(_) | Target::Unreadable(_) | Target::UnknownType => None,
            };
            match history {
                Some(history) => drop(relayed.entry(history).or_default().insert(id)),
                None => left = true,
            }
        }
        if let Some(mark) = mark.filter(|_| !relayed.is_empty()) {
            mark.give(relayed);
        }
        failpoint::hit("after_invalidation");
        if left && !self.is_relayed_by_others(outbox).await { Pending::Invalidation } else { Pending::Nothing }
    }

    async fn history_of_all(&self) -> Option<History> {
        self.cache.primaries().await.ok()?.history_of_all()
    }

    /// Waits until relays, of this process or of others, have applied these rows. Returns whether they did so in time.
    async fn is_relayed_by_others(&self, outbox: &[OutboxRow]) -> bool {
        let ids: Vec<i64> = outbox.iter().map(|row| row.id).collect();
        let ends = Instant::now() + self.strict_wait;
        while Instant::now() < ends {
            if let Ok(0) = rows::count_pending(self.cache.source().connection(), &ids).await {
                return true;
            }
            tokio::time::sleep(STRICT_PAUSE).await;
        }
        false
    }
}

impl WriteTxn {
    /// Commits, invalidates, and only then returns. Runs to the end when the caller is dropped.
    ///
    /// # Errors
    /// The database refused, or it is unknown whether it committed.
    pub async fn commit<T: Send + 'static>(self, value: T) -> Result<Written<T>, CommitError> {
        let outbox = rows::own(&self.transaction, self.outbox_before).await.map_err(CommitError::Refused)?;
        let Self { transaction, writer, span, .. } = self;
        let mark = writer.marker.expect();
        let said = span.clone();
        let committing = async move {
            failpoint::hit("before_commit");
            let committed = transaction.commit().await;
            failpoint::hit("after_commit");
            let outcome = outcome_of(&committed);
            said.record("outcome", outcome);
            debug!(outcome, rows = outbox.len(), "write transaction");
            match committed {
                Err(error) if is_refusal(&error) => Err(CommitError::Refused(error)),
                // A commit with an unknown outcome counts as committed here: an unneeded invalidation does no harm. But
                // it may come too early: if the server commits later, values that were cached in between become stale.
                // So there is no mark.
                Err(error) => {
                    let _: Pending = writer.relay_own(&outbox, None).await;
                    Err(CommitError::OutcomeUnknown(error))
                }
                Ok(()) => Ok(Written { value, pending: writer.relay_own(&outbox, Some(mark)).await }),
            }
        };
        to_the_end(committing).instrument(span).await
    }
}

impl Deref for WriteTxn {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.transaction
    }
}

/// The outcome, for logs and traces.
fn outcome_of(committed: &Result<(), DbErr>) -> &'static str {
    match committed {
        Ok(()) => "committed",
        Err(error) if is_refusal(error) => "refused",
        Err(_) => "unknown",
    }
}
