//! Loads and stores the keys of a batch whose leases this process holds.
//!
//! Invariant (`protocol.md`, "Warm-up and clear"): the snapshot begins after the answers to all leases of the batch.
//! Tokens are fresh for every batch.
//!
//! Used by reads of many keys and by warm-up.

use std::time::Duration;

use tracing::debug;

use super::answer::ReadError;
use super::cache::Cache;
use super::type_state::{TypeState, note_redis_error};
use crate::clock::millis;
use crate::counting::event::Event;
use crate::declaration::cached_type::{CachedType, Source};
use crate::protocol::fill::{self, Fill, Filled};
use crate::protocol::lease::{Lease, Token};
use crate::protocol::release::release;

/// The result for one key of a batch.
pub(super) type FilledOne<T> =
    (<T as CachedType>::Key, Result<Option<<T as CachedType>::Value>, ReadError<ErrorOf<T>>>, Kept);

/// Whether the value of one key of a batch is now in Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Stored,
    NotStored,
    /// It is larger than `cache.max_value_bytes`, and was not sent.
    TooLarge {
        bytes: usize,
    },
}

/// The result for each key of a batch, or why the load failed.
pub(super) type FilledMany<T> = Result<Vec<FilledOne<T>>, ReadError<ErrorOf<T>>>;

pub(super) type ErrorOf<T> = <<T as CachedType>::Source as Source>::Error;

/// A key of the batch that this process may fill.
pub(super) struct Grant<T: CachedType> {
    pub(super) key: T::Key,
    pub(super) text: String,
    pub(super) token: Token,
}

impl<T: CachedType> Grant<T> {
    fn lease(self) -> Lease {
        Lease { key: self.text, token: self.token }
    }

    fn fill(&self, value: Option<&T::Value>, ttl: Duration) -> Fill {
        let json = serde_json::to_vec(&value).expect("a snapshot struct has a JSON form");
        Fill { key: self.text.clone(), token: self.token.clone(), json, ttl }
    }
}

impl<S: Source> Cache<S> {
    pub(super) async fn load_and_fill_many<T: CachedType<Source = S>>(&self, granted: Vec<Grant<T>>) -> FilledMany<T> {
        let keys: Vec<T::Key> = granted.iter().map(|grant| grant.key.clone()).collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut loaded = match self.load::<T>(&keys).await {
            Ok(loaded) => loaded,
            Err(error) => {
                let leases: Vec<Lease> = granted.into_iter().map(Grant::lease).collect();
                self.give_leases_back::<T>(&leases).await;
                return Err(error);
            }
        };
        #[cfg(feature = "mutations")]
        let granted = self.leases_after_load(granted).await;
        let state = self.state::<T>();
        let (mut fills, mut unused, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
        for grant in granted {
            let loaded = self.take::<T>(&mut loaded, &grant.key);
            let fill = loaded.as_ref().ok().and_then(|loaded| {
                let ttl = state.policy.ttl_of(loaded, self.shared().shards.batch_limit())?;
                Some(grant.fill(loaded.value.as_ref(), ttl))
            });
            let mut kept = Kept::NotStored;
            match fill {
                Some(fill) if self.may_store(state, &fill) => fills.push((outcomes.len(), fill)),
                Some(fill) => {
                    kept = Kept::TooLarge { bytes: fill.json.len() };
                    unused.push(fill.lease());
                }
                None => unused.push(Lease { key: grant.text, token: grant.token }),
            }
            outcomes.push((grant.key, loaded.map(|loaded| loaded.value), kept));
        }
        let (places, fills): (Vec<usize>, Vec<Fill>) = fills.into_iter().unzip();
        let filled = self.store_many(state, &fills).await;
        for ((place, fill), filled) in places.into_iter().zip(fills).zip(filled) {
            match filled {
                Filled::Stored => outcomes[place].2 = Kept::Stored,
                Filled::Elsewhere => unused.push(fill.lease()),
                Filled::Lost => {}
            }
        }
        self.give_leases_back::<T>(&unused).await;
        Ok(outcomes)
    }

    /// Whether the value is small enough. A value that is too large is counted.
    pub(crate) fn may_store<T: CachedType<Source = S>>(&self, state: &TypeState<T>, fill: &Fill) -> bool {
        let fits = self.shared().fits(&fill.json);
        if !fits {
            state.counters.add(Event::FillLost);
            debug!(
                cache_type = T::NAME,
                key = fill.key,
                "a value is larger than cache.max_value_bytes, and not stored"
            );
        }
        fits
    }

    async fn store_many<T: CachedType<Source = S>>(&self, state: &TypeState<T>, fills: &[Fill]) -> Vec<Filled> {
        let filled = fill::fill_many(&self.shared().shards, fills).await;
        if let Some(error) = &filled.error {
            note_redis_error(state, fills.first().map_or("", |fill| fill.key.as_str()), error);
        }
        let filled: Vec<Filled> = filled.answers.into_iter().map(|answer| answer.unwrap_or(Filled::Lost)).collect();
        let is_stored = |filled: &Filled| *filled == Filled::Stored;
        for (fill, _) in fills.iter().zip(&filled).filter(|(_, filled)| is_stored(filled)) {
            self.shared().known.stored(&fill.key, millis(fill.ttl));
        }
        let stored = filled.iter().filter(|filled| is_stored(filled)).count();
        state.counters.add_many(Event::FillStored, stored);
        state.counters.add_many(Event::FillLost, filled.len() - stored);
        filled
    }

    /// Nothing will be filled, so other readers need not wait. Values stay as they are.
    pub(crate) async fn give_leases_back<T: CachedType<Source = S>>(&self, leases: &[Lease]) {
        let Some(first) = leases.first() else { return };
        if let Some(error) = release(&self.shared().shards, leases).await {
            note_redis_error(self.state::<T>(), &first.key, &error);
        }
    }

    pub(super) fn lease_ttl(&self) -> Duration {
        Duration::from_millis(self.shared().settings.lease_ttl_ms)
    }
}
