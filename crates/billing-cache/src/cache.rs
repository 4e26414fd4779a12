//! The cache: what is shared by all its operations, and how it is put together.
//!
//! Reading is in [`crate::read`] and [`crate::bulk`], invalidation in [`crate::invalidate`]. Cloning a [`Cache`] is cheap, and
//! all clones are one cache.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;

use crate::breaker::BreakerState;
use crate::cached_type::{CachedType, Source, TypeInfo};
use crate::clock::millis;
use crate::counters::{Counters, Counting};
use crate::event::{Distribution, Event};
use crate::flight::Flights;
use crate::guard::Guard;
use crate::key::KeySpace;
use crate::known::Known;
use crate::l1::{Heard, L1};
use crate::l2::ear::listen_to_all;
use crate::l2::error::cluster::ClusterError;
use crate::l2::error::sentinel::SentinelError;
use crate::l2::error::tls::TlsError;
use crate::l2::error::{L2Error, RedisUnreachable};
use crate::l2::following::follow;
use crate::l2::link::{Admission, ConnectionNumber};
use crate::l2::lookup::{Stored, TimeLeft};
use crate::l2::oversize;
use crate::l2::scan::Scanner;
use crate::l2::shards::Shards;
use crate::numbers::{self, Identity};
use crate::past_cache::PastCache;
use crate::policy::{L1Policy, TtlPolicy};
use crate::popularity::{Decay, Popularity};
use crate::primaries::{self, LayoutNumber, Primaries};
use crate::read::Answer;
use crate::reading::left_ms;
use crate::refresh::{NearEnd, Refreshed};
use crate::settings::{CacheSettings, InvalidSetting, RedisSettings};
use crate::stamp::Stamp;
use crate::suspect::Suspects;
use crate::{invalidate, mark};

const NANOS_A_MILLI: u64 = 1_000_000;

/// A read-through cache in Redis over one [`Source`]. See the crate's page for what it guarantees.
pub struct Cache<S: Source> {
    pub(crate) inner: Arc<Inner<S>>,
}

pub(crate) struct Inner<S: Source> {
    pub(crate) source: S,
    pub(crate) shared: Arc<Shared>,
    /// That of `shared`: a hit in memory asks it alone.
    pub(crate) guard: Arc<Guard>,
    states: States,
    background: Vec<AbortHandle>,
}

/// The states by type: a short list is searched faster than a map.
type States = Vec<(TypeId, Arc<dyn Any + Send + Sync>)>;

/// What does not depend on the source, so that background tasks can hold it.
pub(crate) struct Shared {
    pub(crate) shards: Arc<Shards>,
    pub(crate) settings: CacheSettings,
    pub(crate) space: KeySpace,
    pub(crate) guard: Arc<Guard>,
    pub(crate) suspects: Suspects,
    pub(crate) known: Known,
    pub(crate) unsent: numbers::Unsent,
    /// Held while numbers are on their way to Redis.
    pub(crate) flushing: tokio::sync::Mutex<()>,
    /// What belongs to no type.
    pub(crate) process_wide: Counters,
    /// Who this process is, if it shows itself to others.
    pub(crate) identity: Option<Identity>,
    /// Another source that uses the same keys, as it names itself.
    pub(crate) other_source: Mutex<Option<String>>,
    pub(crate) types: Vec<RegisteredType>,
}

/// A cached type and what was counted for it.
#[derive(Clone, Debug)]
pub(crate) struct RegisteredType {
    pub(crate) info: TypeInfo,
    pub(crate) l1: L1Policy,
    pub(crate) counters: Arc<Counters>,
    pub(crate) popularity: Option<Arc<Popularity>>,
    pub(crate) past_cache: Arc<PastCache>,
}

/// What the cache keeps for one cached type.
pub(crate) struct TypeState<T: CachedType> {
    pub(crate) policy: TtlPolicy,
    pub(crate) counters: Arc<Counters>,
    /// What is asked for; none where the settings turn that off.
    pub(crate) popularity: Option<Arc<Popularity>>,
    pub(crate) flights: Arc<Flights<Answer<T>>>,
    pub(crate) near_end: NearEnd,
    /// Which keys were refreshed ahead lately.
    pub(crate) refreshed: Refreshed,
    /// A place for each load that may go on at once.
    pub(crate) loads: Semaphore,
    /// Whether it was said that the Redis user lacks a right that this type needs.
    pub(crate) is_refused: AtomicBool,
    /// For types whose policy has it on.
    pub(crate) l1: Option<L1<T>>,
    pub(crate) past_cache: Arc<PastCache>,
}

impl<T: CachedType> TypeState<T> {
    /// Puts a value that Redis answered into L1, if the type has one.
    pub(crate) fn keep(&self, key: &T::Key, value: Option<&Arc<T::Value>>, stamp: Stamp, stored: &Stored) {
        let Some(l1) = &self.l1 else { return };
        let longest_ms = millis(self.policy.longest(value));
        let in_redis_ms = if let TimeLeft::Millis(ttl_ms) = stored.left { ttl_ms } else { longest_ms };
        let valid_ms = value.and_then(|value| left_ms::<T>(value, stored.asked)).unwrap_or(longest_ms);
        let ttl_ms = longest_ms.min(in_redis_ms).min(valid_ms);
        let (asked, bytes) = (stored.asked, stored.json.len());
        l1.insert(key, Heard { value: value.cloned(), stamp, asked, ttl_ms, bytes });
    }

    /// The longest time that any value of the type lives, in milliseconds.
    pub(crate) fn longest_ms(&self) -> u64 {
        millis(self.policy.longest(Some(&())))
    }

    /// Takes note of how long a value has to live that Redis answered, if that was asked for.
    pub(crate) fn note_ttl(&self, known: &Known, text: &str, value: Option<&Arc<T::Value>>, stored: &Stored) {
        let TimeLeft::Millis(ttl_ms) = stored.left else { return };
        known.stored(text, ttl_ms);
        let age_ms = millis(self.policy.longest(value)).saturating_sub(ttl_ms);
        self.counters.record(Distribution::AgeAtServe, age_ms.saturating_mul(NANOS_A_MILLI));
    }
}

impl Shared {
    /// Whether this JSON may be stored.
    pub(crate) fn fits(&self, json: &[u8]) -> bool {
        json.len() as u64 <= self.settings.max_value_bytes
    }

    /// What a walk over keys goes by.
    pub(crate) fn scanner(&self) -> Scanner<'_> {
        Scanner { shards: &self.shards, space: &self.space, scan_count: self.settings.scan_count }
    }

    /// Looks in the background whether these keys could not be read in time because their values are too large.
    pub(crate) fn suspect_oversize(&self, error: &L2Error, keys: Vec<String>) {
        if error.is_timeout() {
            tokio::spawn(oversize::remove(Arc::clone(&self.shards), keys, self.settings.max_value_bytes));
        }
    }
}

/// The cache could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A setting that cannot work.
    #[error(transparent)]
    Setting(#[from] InvalidSetting),
    /// The settings make no address of a Redis server.
    #[error("the Redis settings make no address: {0}; check REDIS_HOST, REDIS_PORT and REDIS_URL")]
    Address(#[source] L2Error),
    /// The settings or files of TLS cannot be used.
    #[error("{}", advised(.0, .0.advice()))]
    Tls(TlsError),
    /// The settings of the cluster cannot be used.
    #[error("{}", advised(.0, .0.advice()))]
    Cluster(ClusterError),
    /// The settings of the sentinels cannot be used.
    #[error("{}", advised(.0, .0.advice()))]
    Sentinels(SentinelError),
    /// The configuration speaks of a type that does not exist.
    #[error("cache.types.{name} names no cached type; there are {known}")]
    UnknownType {
        /// The name in the configuration.
        name: String,
        /// The names that exist.
        known: String,
    },
}

fn advised(error: &dyn std::error::Error, advice: &str) -> String {
    format!("{error}; {advice}")
}

impl SetupError {
    fn of(error: L2Error) -> Self {
        match error {
            L2Error::Tls(error) => Self::Tls(error),
            L2Error::Sentinels(error) => Self::Sentinels(error),
            L2Error::Cluster(error) => Self::Cluster(error),
            error => Self::Address(error),
        }
    }
}

/// Collects the cached types of a [`Cache`].
pub struct CacheBuilder<S: Source> {
    source: S,
    settings: CacheSettings,
    types: Vec<RegisteredType>,
    states: States,
    admission: Admission,
    counting: Counting,
    identity: Option<Identity>,
    mark: Option<String>,
}

impl<S: Source> CacheBuilder<S> {
    /// A cache without types yet, over `source`.
    pub fn new(source: S, settings: CacheSettings) -> Self {
        Self {
            source,
            settings,
            types: Vec::new(),
            states: Vec::new(),
            admission: Admission::Immediate,
            counting: Counting::On,
            identity: None,
            mark: None,
        }
    }

    /// Of the types added from here on nothing is counted or timed: the bare side of a benchmark of what counting costs. All
    /// else is done, so both sides send the same commands: sampled reads are noted, and values refreshed ahead.
    #[must_use]
    pub fn uncounted(mut self) -> Self {
        self.counting = Counting::Off;
        self
    }

    /// Reads use a new connection only after [`Cache::admit`]: for whoever runs a relay, which applies again what the server
    /// may have lost. Until then reads go to the source.
    #[must_use]
    pub fn admit_after_replay(mut self) -> Self {
        self.admission = Admission::AfterReplay;
        self
    }

    /// Shows this process among those that are alive ([`Cache::processes`]), with the changes of its breaker
    /// ([`Cache::breaker_changes`]): for services, which go on for long. Without effect where `cache.counters_flush_ms` is 0.
    #[must_use]
    pub fn announce(mut self) -> Self {
        self.identity = Some(Identity::of_this_process());
        self
    }

    /// Names the source, so that two of them do not answer with each other's values: while another one uses the same keys of
    /// Redis, nothing is read from them or filled; see [`Cache::other_source`].
    #[must_use]
    pub fn marked(mut self, source: impl Into<String>) -> Self {
        self.mark = Some(source.into());
        self
    }

    /// Adds a cached type, with its TTL and L1 policy from the settings or else from its declaration.
    #[must_use]
    pub fn with<T: CachedType<Source = S>>(mut self) -> Self {
        let counters = Arc::new(Counters::new(self.counting));
        let decay = Decay::new(self.settings.usage_half_life_seconds);
        let popularity = self.settings.keeps_usage().then(|| Arc::new(Popularity::new(decay)));
        let set = self.settings.types.get(T::NAME).cloned().unwrap_or_default();
        let ttl = set.ttl_seconds.map_or(T::TTL, Duration::from_secs);
        let l1 = match set.l1 {
            Some(true) => L1Policy::On,
            Some(false) => L1Policy::Off,
            None => T::L1,
        };
        let absent_ttl = set.absent_ttl_seconds.map_or(T::ABSENT_TTL, Duration::from_secs);
        let policy = TtlPolicy::new(ttl, self.settings.ttl_jitter_percent).with_absent_ttl(absent_ttl);
        let past_cache = Arc::new(PastCache::default());
        let state = TypeState::<T> {
            policy,
            counters: Arc::clone(&counters),
            popularity: popularity.clone(),
            flights: Arc::new(Flights::new()),
            near_end: NearEnd::of(&policy, self.settings.refresh_ahead_percent),
            refreshed: Refreshed::default(),
            loads: Semaphore::new(self.settings.max_loads),
            is_refused: AtomicBool::new(false),
            l1: (l1 == L1Policy::On).then(|| L1::new(self.settings.l1_max_bytes)),
            past_cache: Arc::clone(&past_cache),
        };
        let info = TypeInfo { ttl, l1, ..TypeInfo::of::<T>() };
        self.types.push(RegisteredType { info, l1, counters, popularity, past_cache });
        self.states.push((TypeId::of::<T>(), Arc::new(state)));
        self
    }

    /// Connects and starts the background tasks. A Redis that is away is no error here: it is dialled in the background
    /// and reads go to the source meanwhile; see [`Cache::check_redis`].
    ///
    /// # Errors
    /// Settings that cannot work.
    pub async fn open(self, redis: &RedisSettings) -> Result<Cache<S>, SetupError> {
        self.settings.check()?;
        self.check_type_names()?;
        let shards = Shards::open(redis, self.settings.breaker.clone(), self.admission).await;
        let shards = shards.map_err(SetupError::of)?;
        let space = KeySpace::with_prefix(self.settings.key_space.clone());
        let bound = Duration::from_millis(self.settings.l1_staleness_bound_ms);
        let shared = Arc::new(Shared {
            shards: Arc::new(shards),
            guard: Arc::new(Guard::new(l1_prefixes(&self.types, &space), bound)),
            space,
            settings: self.settings,
            suspects: Suspects::default(),
            known: Known::new(),
            unsent: numbers::Unsent::default(),
            flushing: tokio::sync::Mutex::default(),
            process_wide: Counters::default(),
            identity: self.identity,
            other_source: Mutex::default(),
            types: self.types,
        });
        let (shards, guard) = (&shared.shards, &shared.guard);
        guard.liveness.expect(shards.layout().ears());
        let mut background = vec![
            tokio::spawn(invalidate::mend(Arc::clone(&shared))).abort_handle(),
            tokio::spawn(numbers::flush_regularly(Arc::clone(&shared))).abort_handle(),
        ];
        if let Some(mark) = self.mark {
            shared.shards.read_from_redis(false);
            mark::look(&shared, &mark).await;
            background.push(tokio::spawn(mark::keep(Arc::clone(&shared), mark)).abort_handle());
        }
        if shards.is_cluster() {
            background.push(tokio::spawn(follow(Arc::clone(shards), Arc::clone(guard))).abort_handle());
        }
        if guard.has_prefixes() {
            let listen = listen_to_all(Arc::clone(shards), Arc::clone(guard), shared.space.clone());
            background.push(tokio::spawn(listen).abort_handle());
        }
        let guard = Arc::clone(guard);
        Ok(Cache { inner: Arc::new(Inner { source: self.source, shared, guard, states: self.states, background }) })
    }

    fn check_type_names(&self) -> Result<(), SetupError> {
        let known = |name: &str| self.types.iter().any(|registered| registered.info.name == name);
        match self.settings.types.keys().find(|name| !known(name)) {
            Some(name) => {
                let names: Vec<&str> = self.types.iter().map(|registered| registered.info.name).collect();
                Err(SetupError::UnknownType { name: name.clone(), known: names.join(", ") })
            }
            None => Ok(()),
        }
    }
}

/// What the keys of the types with L1 begin with.
fn l1_prefixes(types: &[RegisteredType], space: &KeySpace) -> Vec<String> {
    let with_l1 = types.iter().filter(|registered| registered.l1 == L1Policy::On);
    with_l1.map(|registered| format!("{}{}", space.prefix(), registered.info.prefix)).collect()
}

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

    /// What this process counted for a type.
    ///
    /// # Panics
    /// If the type was not added to this cache.
    #[must_use]
    pub fn count<T: CachedType<Source = S>>(&self, event: Event) -> u64 {
        self.state::<T>().counters.get(event)
    }

    /// What this process counted for the type of this name; 0 for a type that was not added.
    #[must_use]
    pub fn count_of(&self, cache_type: &str, event: Event) -> u64 {
        let registered = self.shared().types.iter().find(|registered| registered.info.name == cache_type);
        registered.map_or(0, |registered| registered.counters.get(event))
    }

    /// The text under which a value stands in Redis.
    #[must_use]
    pub fn key_text<T: CachedType<Source = S>>(&self, key: &T::Key) -> String {
        self.shared().space.render(T::PREFIX, key)
    }

    /// Where Redis is expected, without secrets.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.shared().shards.endpoint()
    }

    /// Asks Redis for an answer on a connection of its own.
    ///
    /// # Errors
    /// A sentence that names the server, the cause and what to look at.
    pub async fn check_redis(&self) -> Result<(), RedisUnreachable> {
        self.shared().shards.check().await
    }

    /// Counts the connections that came and went, and the changes of a cluster's layout: whoever has to know of one waits for it
    /// here.
    #[must_use]
    pub fn connection_changes(&self) -> watch::Receiver<u64> {
        self.shared().shards.changes()
    }

    /// Whether reads of every key use Redis now; else some or all go to the source.
    #[must_use]
    pub fn uses_redis(&self) -> bool {
        self.shared().shards.is_in_use()
    }

    /// Whether the breaker lets reads use Redis, skips it, or tries it; of a cluster, the breaker of the master that is worst
    /// off.
    #[must_use]
    pub fn breaker_state(&self) -> BreakerState {
        self.shared().shards.breaker_state()
    }

    /// Whether hits in L1 count now; `None` where no type has L1.
    #[must_use]
    pub fn l1_is_live(&self) -> Option<bool> {
        self.inner.guard.is_live()
    }

    /// Another source that uses the same keys of Redis now, as it names itself ([`CacheBuilder::marked`]).
    #[must_use]
    pub fn other_source(&self) -> Option<String> {
        self.shared().other_source.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many keys this process wrote and could not tell Redis of yet; 1 may stand for all.
    #[must_use]
    pub fn suspect_keys(&self) -> u64 {
        self.shared().suspects.len() as u64
    }

    /// Asks every primary for its history.
    ///
    /// # Errors
    /// None of them can be used.
    pub async fn primaries(&self) -> Result<Primaries, L2Error> {
        primaries::of(&self.shared().shards).await
    }

    /// Whether the keys are still spread in this way, as far as this process knows.
    #[must_use]
    pub fn has_layout(&self, layout: LayoutNumber) -> bool {
        self.shared().shards.layout().number() == layout.0
    }

    /// Lets reads use this connection, after what the server may have lost was applied again.
    pub fn admit(&self, connection: ConnectionNumber) {
        self.shared().shards.admit(connection);
    }

    /// Sends the reads that would use this connection to the source, until it is admitted again.
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
