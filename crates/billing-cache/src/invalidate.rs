//! Invalidation: make known-wrong data unreadable, here and in Redis, before a writer returns.
//!
//! Invariants (`protocol.md`, section 4): local stamps move after Redis was told and before the caller goes on, and they
//! move also when Redis could not be told; then the keys are suspect in this process until an invalidation gets through.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::field::Empty;
use tracing::{Instrument, debug, trace_span, warn};

use crate::cache::{Cache, Shared};
use crate::cached_type::{CachedType, Source};
use crate::event::Event;
use crate::l2::error::L2Error;
use crate::l2::history::History;
use crate::l2::{admin, store};

const RETRY_PAUSE: Duration = Duration::from_millis(20);
const MEND_PAUSE: Duration = Duration::from_millis(200);
const MEND_BATCH: usize = 500;

/// The key of any cached type, as a writer names what it changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnyKey {
    cache_type: &'static str,
    text: String,
}

impl AnyKey {
    /// The key that stands under `text`, which its type has been asked about.
    pub(crate) fn new(cache_type: &'static str, text: String) -> Self {
        Self { cache_type, text }
    }

    /// The text under which the value stands in Redis.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name of the cached type.
    #[must_use]
    pub fn cache_type(&self) -> &'static str {
        self.cache_type
    }
}

impl fmt::Display for AnyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// How an invalidation ended. Local readers see the change either way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a pending invalidation must stay in the outbox"]
pub enum Invalidation {
    /// Redis has removed the keys; the history it did so in, if the server tells.
    Done(Option<History>),
    /// Redis could not be told in time; readers of other processes may see the old values until the outbox is relayed.
    Pending,
}

impl<S: Source> Cache<S> {
    /// Names a key for [`invalidate`](Self::invalidate).
    #[must_use]
    pub fn any_key<T: CachedType<Source = S>>(&self, key: &T::Key) -> AnyKey {
        AnyKey { cache_type: T::NAME, text: self.key_text::<T>(key) }
    }

    /// Makes the cached values of these keys unreadable, and the fills of loads in flight too.
    ///
    /// Call it after the commit and before the write is acknowledged. Tries until `cache.invalidation_deadline_ms`.
    /// Must not be dropped before it ends: run it in a task of its own.
    pub async fn invalidate(&self, keys: BTreeSet<AnyKey>) -> Invalidation {
        let shared = self.shared();
        let started = Instant::now();
        let texts: Vec<String> = keys.iter().map(|key| key.text.clone()).collect();
        let span = trace_span!("invalidate", keys = texts.len(), outcome = Empty);
        let (outcome, event) = match tell_redis(shared, &texts).instrument(span.clone()).await {
            Ok(history) => (Invalidation::Done(history), Event::Invalidated),
            Err(error) => {
                warn!(keys = texts.len(), %error, "invalidation pending, Redis could not be told");
                // Before the stamps move: a flight of the new stamp must know that Redis is not to be asked.
                shared.suspects.add(&texts);
                (Invalidation::Pending, Event::InvalidationPending)
            }
        };
        span.record("outcome", event.as_str());
        for text in &texts {
            shared.stamps.bump(text);
            shared.known.invalidated(text);
        }
        for key in &keys {
            if let Some(counters) = shared.counters_of(key.cache_type) {
                counters.add(event);
            }
            debug!(
                cache_type = key.cache_type,
                key = key.text,
                outcome = event.as_str(),
                elapsed_us = crate::read::micros(started),
                "invalidate"
            );
        }
        outcome
    }
}

/// INVALIDATE in pipelines of bounded size, tried again until the deadline.
///
/// If the history changed between two pipelines there is none to name: what the first one did may be undone.
async fn tell_redis(shared: &Shared, keys: &[String]) -> Result<Option<History>, L2Error> {
    let ends = Instant::now() + Duration::from_millis(shared.settings.invalidation_deadline_ms);
    let mut histories = Vec::new();
    for batch in keys.chunks(shared.settings.batch_size) {
        let history = loop {
            let limit = shared.link.batch_limit().min(ends.saturating_duration_since(Instant::now()));
            match store::invalidate(&shared.link, batch, limit).await {
                Ok(history) => break history,
                Err(error) if Instant::now() + RETRY_PAUSE >= ends => return Err(error),
                Err(_) => tokio::time::sleep(RETRY_PAUSE).await,
            }
        };
        histories.push(history);
    }
    histories.dedup();
    Ok(if histories.len() == 1 { histories.remove(0) } else { None })
}

/// Invalidates suspect keys again until Redis has been told. Ends when its cache is dropped.
pub(crate) async fn mend(shared: Arc<Shared>) {
    let mut connections = shared.link.connections();
    loop {
        if shared.suspects.is_empty() {
            shared.suspects.added.notified().await;
        }
        let batch = shared.suspects.batch(MEND_BATCH);
        if batch.is_empty() {
            continue;
        }
        if mend_batch(&shared, batch.everything, &batch.keys).await.is_ok() {
            shared.suspects.settle(&batch);
        } else {
            // Whichever comes first: a restored connection, or a server that answers again on the old one.
            let _ = tokio::time::timeout(MEND_PAUSE, connections.changed()).await;
        }
    }
}

async fn mend_batch(shared: &Shared, everything: bool, keys: &[String]) -> Result<(), L2Error> {
    if everything {
        let types: Vec<_> = shared.types.iter().map(|registered| registered.info).collect();
        admin::clear_types(shared, &types).await?;
        shared.stamps.bump_all();
    }
    if !keys.is_empty() {
        store::invalidate(&shared.link, keys, shared.link.batch_limit()).await?;
    }
    Ok(())
}
