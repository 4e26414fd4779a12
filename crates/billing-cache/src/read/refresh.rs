//! Refresh ahead: a value that is read near its end is loaded anew by one process, while everybody goes on hitting the
//! old.
//!
//! Invariant (`protocol.md`, section 7): a refresh holds the key's lease, so an invalidation makes its fill lost, and
//! no two processes refresh one key at a time. A refresh that fails leaves the old value as it is.
//!
//! Only sampled hits ask how long the value has to live (see [`crate::counting::sampling`]); a hot key is asked often
//! enough. A value without an end, which no process of ours stores, counts as near its end even where refresh ahead is
//! off.

use std::time::{Duration, Instant};

use tracing::debug;

use super::cache::Cache;
use super::type_state::TypeState;
use crate::clock::{micros, millis};
use crate::counting::event::Event;
use crate::declaration::cached_type::{CachedType, Source};
use crate::protocol::acquire::{Acquired, acquire};
use crate::protocol::fill::{self, Fill, Filled};
use crate::protocol::lease::{Mode, Token};
use crate::protocol::release::release;

impl<S: Source> Cache<S> {
    /// Starts a refresh of a value near its end in the background, unless somebody here has refreshed it lately.
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
            return self.give_up_refresh(&text, &token).await;
        };
        let Some(ttl) = state.policy.ttl_of(&loaded, shared.shards.command_limit()) else {
            return self.give_up_refresh(&text, &token).await;
        };
        let json = serde_json::to_vec(&loaded.value).expect("a snapshot struct has a JSON form");
        // A value that ends soon by itself would be near its end again at once: once is enough.
        state.refreshed.rest(text.clone(), ttl / 2);
        let fill = Fill { key: text.clone(), token, json, ttl };
        if !self.may_store(state, &fill) {
            return self.give_up_refresh(&text, &fill.token).await;
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

    /// Only the lease is given back: an invalidation would take the old value along.
    async fn give_up_refresh(&self, text: &str, token: &Token) {
        if let Err(error) = release(&self.shared().shards, text, token).await {
            debug!(key = text, %error, "a lease is left to expire");
        }
    }
}
