//! The state that all operations of a cache share and that does not depend on its source, so that background tasks can
//! hold it.
//!
//! Used by `cache`, the reads, the tools and all background tasks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::unconfirmed::Suspects;
use crate::connection::error::{L2Error, RedisUnreachable};
use crate::connection::link::OwnConnection;
use crate::connection::shards::Shards;
use crate::counting::counters::Counters;
use crate::counting::identity::Identity;
use crate::counting::miss_reason::Known;
use crate::counting::numbers::{Numbers, PROCESS_WIDE};
use crate::counting::popularity::Popularity;
use crate::counting::unsent::Unsent;
use crate::declaration::any_key::AnyKey;
use crate::declaration::cached_type::TypeInfo;
use crate::declaration::key::{KeySpace, NUMBERS};
use crate::declaration::policy::L1Policy;
use crate::declaration::settings::CacheSettings;
use crate::memory::decoded::Decoded;
use crate::memory::guard::Guard;
use crate::protocol::oversize;
use crate::protocol::scan::Scanner;

/// The shared state; see the module.
pub(crate) struct Shared {
    pub(crate) shards: Arc<Shards>,
    pub(crate) settings: CacheSettings,
    pub(crate) space: KeySpace,
    pub(crate) guard: Arc<Guard>,
    pub(crate) suspects: Suspects,
    pub(crate) known: Known,
    pub(crate) unsent: Unsent,
    /// Held while numbers are sent to Redis.
    pub(crate) flushing: tokio::sync::Mutex<()>,
    /// Counters that belong to no type.
    pub(crate) process_wide: Counters,
    /// The identity of this process, if it announces itself.
    pub(crate) identity: Option<Identity>,
    /// The name of another source that uses the same keys.
    pub(crate) other_source: Mutex<Option<String>>,
    pub(crate) types: Vec<RegisteredType>,
}

/// A cached type and its counters.
#[derive(Clone, Debug)]
pub(crate) struct RegisteredType {
    pub(crate) info: TypeInfo,
    pub(crate) l1: L1Policy,
    pub(crate) counters: Arc<Counters>,
    pub(crate) popularity: Option<Arc<Popularity>>,
    pub(crate) decoded: Arc<Decoded>,
    pub(crate) past_cache: Arc<PastCache>,
}

/// Whether a type is read past the cache; shared by all its states.
#[derive(Debug, Default)]
pub(crate) struct PastCache(AtomicBool);

impl PastCache {
    pub(crate) fn is_on(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn begin(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(crate) fn end(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Shared {
    /// Advances the epochs of keys that were invalidated.
    pub(crate) fn forget(&self, keys: &[String]) {
        for key in keys {
            self.guard.stamps.bump(key);
            self.known.invalidated(key);
        }
    }

    /// Whether this JSON may be stored.
    pub(crate) fn fits(&self, json: &[u8]) -> bool {
        json.len() as u64 <= self.settings.max_value_bytes
    }

    /// What a scan over keys needs.
    pub(crate) fn scanner(&self) -> Scanner<'_> {
        Scanner { shards: &self.shards, space: &self.space, scan_count: self.settings.scan_count }
    }

    /// Checks in the background whether these keys could not be read in time because their values are too large.
    pub(crate) fn suspect_oversize(&self, error: &L2Error, keys: Vec<String>) {
        if error.is_timeout() {
            tokio::spawn(oversize::remove(Arc::clone(&self.shards), keys, self.settings.max_value_bytes));
        }
    }

    /// The counters of a type, or those of no type.
    pub(crate) fn counters_of(&self, cache_type: &str) -> Option<&Counters> {
        if cache_type == PROCESS_WIDE {
            return Some(&self.process_wide);
        }
        let registered = self.types.iter().find(|registered| registered.info.name == cache_type)?;
        Some(&registered.counters)
    }

    /// Frees the memory of what was decoded under this key.
    pub(crate) fn forget_decoded(&self, key: &AnyKey) {
        if let Some(registered) = self.types.iter().find(|registered| registered.info.name == key.cache_type()) {
            registered.decoded.forget(key.as_str());
        }
    }

    /// Everything that this process counted and recorded since it started.
    pub(crate) fn own_numbers(&self) -> Numbers {
        let mut numbers = Numbers::default();
        numbers.add_counters(PROCESS_WIDE, &self.process_wide);
        for registered in &self.types {
            numbers.add_counters(registered.info.name, &registered.counters);
        }
        numbers
    }

    /// A separate connection to the shard of the stored counters.
    pub(crate) async fn numbers_connection(&self) -> Result<OwnConnection, RedisUnreachable> {
        self.shards.own_connection(NUMBERS).await
    }

    /// The names under which numbers are stored.
    pub(crate) fn named(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(PROCESS_WIDE).chain(self.types.iter().map(|registered| registered.info.name))
    }
}
