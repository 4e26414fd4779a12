//! Refresh ahead: one process loads a value again that is read near its end, while all readers still get the old value.
//!
//! Invariant (`protocol.md`, "Warm-up and clear"): a refresh holds the lease of the key, so an invalidation makes its
//! fill lost, and no two processes refresh one key at a time. A refresh that fails leaves the old value unchanged.
//!
//! Only sampled hits ask for the time to live (see [`crate::counting::sampling`]), which is often enough for a hot key.
//! A value without an expiry, which this cache never stores, counts as near its end even if refresh ahead is off.
//!
//! Started by reads that find a value near its end.

use std::time::{Duration, Instant};

use tracing::debug;

use super::cache::Cache;
use super::type_state::TypeState;
use crate::clock::{micros, millis};
use crate::counting::event::Event;
use crate::declaration::cached_type::{CachedType, Source};
use crate::protocol::acquire::{Acquired, acquire};
use crate::protocol::fill::{self, Fill, Filled};
use crate::protocol::lease::{Lease, Mode};

impl<S: Source> Cache<S> {
    /// Starts a refresh of a value near its end in the background, unless this process has refreshed it recently.
    pub(crate) fn consider_refresh<T: CachedType<Source = S>>(&self, state: &TypeState<T>, key: &T::Key, text: &str) {
        let pause = Duration::from_millis(self.shared().settings.lease_ttl_ms);
        if state.refreshed.take(text, pause) {
            let (cache, key, text) = (self.clone(), key.clone(), text.to_owned());
            tokio::spawn(async move { cache.refresh::<T>(&key, text).await });
        }
    }

    async fn refresh<T: CachedType<Source = S>>(&self, key: &T::Key, text: String) {
        let (shared, state) = (self.shared(), self.state::<T>());
        let started = Instant::now();
        let lease_ttl = Duration::from_millis(shared.settings.lease_ttl_ms);
        let Ok(Acquired::Granted(token)) = acquire(&shared.shards, &text, Mode::Refresh, lease_ttl).await else {
            return;
        };
        let Ok(loaded) = self.load_one::<T>(key).await else {
            return self.give_leases_back::<T>(&[Lease { key: text, token }]).await;
        };
        let Some(ttl) = state.policy.ttl_of(&loaded, shared.shards.command_limit()) else {
            return self.give_leases_back::<T>(&[Lease { key: text, token }]).await;
        };
        let json = serde_json::to_vec(&loaded.value).expect("a snapshot struct has a JSON form");
        // A value that soon ends by itself would be near its end again at once. One refresh is enough.
        state.refreshed.rest(text.clone(), ttl / 2);
        let fill = Fill { key: text.clone(), token, json, ttl };
        if !self.may_store(state, &fill) {
            return self.give_leases_back::<T>(&[fill.lease()]).await;
        }
        let filled = fill::fill(&shared.shards, &fill).await;
        let event = if matches!(filled, Ok(Filled::Stored)) {
            shared.known.stored(&text, millis(ttl));
            Event::Refreshed
        } else {
            Event::FillLost
        };
        state.counters.add(event);
        let elapsed_us = micros(started);
        debug!(cache_type = T::NAME, key = text, outcome = event.as_str(), elapsed_us, "refresh ahead");
    }
}
