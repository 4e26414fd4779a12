//! The cache: the handle for all operations. Cloning it is cheap, and all clones are one cache.
//!
//! Services and tools hold it.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::{Arc, PoisonError};

use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::shared::Shared;
use super::type_state::TypeState;
use crate::connection::breaker::BreakerState;
use crate::connection::error::{L2Error, RedisUnreachable};
use crate::connection::link::ConnectionNumber;
use crate::counting::event::Event;
use crate::declaration::cached_type::{CachedType, Source, TypeInfo};
use crate::declaration::key::KeySpace;
use crate::memory::guard::Guard;
use crate::protocol::primaries::{self, LayoutNumber, Primaries};

/// A read-through cache in Redis over one [`Source`]. The page of the crate says what it guarantees.
pub struct Cache<S: Source> {
    pub(crate) inner: Arc<Inner<S>>,
}

pub(crate) struct Inner<S: Source> {
    pub(crate) source: S,
    pub(crate) shared: Arc<Shared>,
    /// The guard of `shared`. A hit in memory asks nothing else.
    pub(crate) guard: Arc<Guard>,
    pub(crate) states: States,
    pub(crate) background: Vec<AbortHandle>,
}

/// The states by type. A short list is searched faster than a map.
pub(crate) type States = Vec<(TypeId, Arc<dyn Any + Send + Sync>)>;

impl<S: Source> Cache<S> {
    /// Where values are loaded from.
    #[must_use]
    pub fn source(&self) -> &S {
        &self.inner.source
    }

    /// The key space of this cache.
    #[must_use]
    pub fn space(&self) -> &KeySpace {
        &self.shared().space
    }

    /// The cached types, in the order in which they were added, with the TTLs and L1 policies in force.
    pub fn types(&self) -> impl Iterator<Item = &TypeInfo> {
        self.shared().types.iter().map(|registered| &registered.info)
    }

    /// The number of times that this process counted an event for a type.
    ///
    /// # Panics
    /// If the type was not added to this cache.
    #[must_use]
    pub fn count<T: CachedType<Source = S>>(&self, event: Event) -> u64 {
        self.state::<T>().counters.get(event)
    }

    /// The number of times that this process counted an event for the type of this name; 0 for a type that was not
    /// added.
    #[must_use]
    pub fn count_of(&self, cache_type: &str, event: Event) -> u64 {
        let registered = self.shared().types.iter().find(|registered| registered.info.name == cache_type);
        registered.map_or(0, |registered| registered.counters.get(event))
    }

    /// The text of the key of a value in Redis.
    #[must_use]
    pub fn key_text<T: CachedType<Source = S>>(&self, key: &T::Key) -> String {
        self.shared().space.render(T::PREFIX, key)
    }

    /// The configured address of Redis, without secrets.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.shared().shards.endpoint()
    }

    /// Checks on a separate connection that Redis answers.
    ///
    /// # Errors
    /// A sentence that names the server, the cause and what to check.
    pub async fn check_redis(&self) -> Result<(), RedisUnreachable> {
        self.shared().shards.check().await
    }

    /// Counts connections made and lost, and changes of the slot map of a cluster. Wait on it to learn of them.
    #[must_use]
    pub fn connection_changes(&self) -> watch::Receiver<u64> {
        self.shared().shards.changes()
    }

    /// Whether reads of every key use Redis now. If not, some or all reads go to the source.
    #[must_use]
    pub fn uses_redis(&self) -> bool {
        self.shared().shards.is_in_use()
    }

    /// Whether the breaker lets reads use Redis, skips it, or tries it. For a cluster this is the worst state of the
    /// breakers of all primaries.
    #[must_use]
    pub fn breaker_state(&self) -> BreakerState {
        self.shared().shards.breaker_state()
    }

    /// Whether hits in L1 count now; `None` if no type has L1.
    #[must_use]
    pub fn l1_is_live(&self) -> Option<bool> {
        self.inner.guard.is_live()
    }

    /// The name of another source that uses the same Redis keys now
    /// ([`CacheBuilder::marked`](crate::CacheBuilder::marked)).
    #[must_use]
    pub fn other_source(&self) -> Option<String> {
        self.shared().other_source.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Number of keys whose invalidation by this process is unconfirmed. 1 may stand for all keys.
    #[must_use]
    pub fn suspect_keys(&self) -> u64 {
        self.shared().suspects.len() as u64
    }

    /// Asks every primary for its history.
    ///
    /// # Errors
    /// No primary can be used.
    pub async fn primaries(&self) -> Result<Primaries, L2Error> {
        primaries::of(&self.shared().shards).await
    }

    /// Whether this slot map is still the current one, as far as this process knows.
    #[must_use]
    pub fn has_layout(&self, layout: LayoutNumber) -> bool {
        self.shared().shards.layout().number() == layout.0
    }

    /// Lets reads use this connection, after the invalidations that the server may have lost were applied again.
    pub fn admit(&self, connection: ConnectionNumber) {
        self.shared().shards.admit(connection);
    }

    /// Sends reads that would use this connection to the source, until it is admitted again.
    pub fn suspend_reads(&self, connection: ConnectionNumber) {
        self.shared().shards.suspend_reads(connection);
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    pub(crate) fn state<T: CachedType<Source = S>>(&self) -> &TypeState<T> {
        let wanted = TypeId::of::<T>();
        let state = self.inner.states.iter().find(|(id, _)| *id == wanted).and_then(|(_, state)| state.downcast_ref());
        state.expect("a type is added to the builder before it is read")
    }
}

impl<S: Source> Clone for Cache<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<S: Source> Drop for Inner<S> {
    fn drop(&mut self) {
        for task in &self.background {
            task.abort();
        }
    }
}

impl<S: Source> fmt::Debug for Cache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("endpoint", &self.endpoint())
            .field("types", &self.shared().types)
            .finish_non_exhaustive()
    }
}
