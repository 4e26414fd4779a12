//! The builder of a cache: the one place that opens connections and starts tasks.

use std::any::TypeId;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::connection::error::L2Error;
use crate::connection::error::cluster::ClusterError;
use crate::connection::error::sentinel::SentinelError;
use crate::connection::error::tls::TlsError;
use crate::connection::following::follow;
use crate::connection::link::Admission;
use crate::connection::shards::Shards;
use crate::counting::counters::{Counters, Counting};
use crate::counting::identity::Identity;
use crate::counting::miss_reason::Known;
use crate::counting::popularity::{Decay, Popularity};
use crate::counting::unsent::Unsent;
use crate::declaration::cached_type::{CachedType, Source, TypeInfo};
use crate::declaration::key::KeySpace;
use crate::declaration::policy::{L1Policy, TtlPolicy};
use crate::declaration::settings::{CacheSettings, InvalidSetting, RedisSettings};
use crate::memory::decoded::Decoded;
use crate::memory::guard::Guard;
use crate::memory::l1::L1;
use crate::memory::tracking::listen_to_all;
use crate::read::cache::{Cache, Inner, States};
use crate::read::flight::Flights;
use crate::read::near_end::{NearEnd, Refreshed};
use crate::read::retry::mend;
use crate::read::shared::{PastCache, RegisteredType, Shared};
use crate::read::source_marker;
use crate::read::type_state::TypeState;
use crate::read::unconfirmed::Suspects;
use crate::reporting::flush::flush_regularly;

/// The cache could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A setting that cannot work.
    #[error(transparent)]
    Setting(#[from] InvalidSetting),
    /// The settings give no address of a Redis server.
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
    /// The configuration names a type that does not exist.
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
    data: DataAt,
}

/// Who uses the key space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DataAt {
    /// Other processes too, or this one later.
    Shared,
    OnlyHere,
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
            data: DataAt::Shared,
        }
    }

    /// Types added from here on are not counted or timed. A benchmark compares them with counted types to measure the
    /// cost of counting. Everything else is done, so both send the same commands: sampled reads are noted, and values
    /// are refreshed ahead.
    #[must_use]
    pub fn uncounted(mut self) -> Self {
        self.counting = Counting::Off;
        self
    }

    /// Reads use a new connection only after [`Cache::admit`]. Until then they go to the source. For a process with a
    /// relay, which applies again the invalidations that the server may have lost.
    #[must_use]
    pub fn admit_after_replay(mut self) -> Self {
        self.admission = Admission::AfterReplay;
        self
    }

    /// Lists this process among the running ones ([`Cache::processes`]), with the changes of its breaker
    /// ([`Cache::breaker_changes`]). For services, which run for long. It has no effect if `cache.counters_flush_ms` is
    /// 0.
    #[must_use]
    pub fn announce(mut self) -> Self {
        self.identity = Some(Identity::of_this_process());
        self
    }

    /// Names the source, so that two sources do not answer with the values of each other: while another source uses the
    /// same Redis keys, nothing is read from them or filled; see [`Cache::other_source`].
    #[must_use]
    pub fn marked(mut self, source: impl Into<String>) -> Self {
        self.mark = Some(source.into());
        self
    }

    /// The key space is used by this process alone, for a while: the process does not ask whether other data have taken
    /// the place of its own, and sets no key to find out. For measurements.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.data = DataAt::OnlyHere;
        self
    }

    /// Adds a cached type. Its TTL and L1 policy come from the settings, or else from its declaration.
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
        let decoded = Arc::new(Decoded::new(self.settings.decoded_max_bytes));
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
            decoded: Arc::clone(&decoded),
            past_cache: Arc::clone(&past_cache),
        };
        let info = TypeInfo { ttl, l1, ..TypeInfo::of::<T>() };
        self.types.push(RegisteredType { info, l1, counters, popularity, decoded, past_cache });
        self.states.push((TypeId::of::<T>(), Arc::new(state)));
        self
    }

    /// Connects and starts the background tasks. A Redis that is away is not an error: connection attempts continue in
    /// the background, and reads go to the source meanwhile; see [`Cache::check_redis`].
    ///
    /// # Errors
    /// Settings that cannot work.
    pub async fn open(self, redis: &RedisSettings) -> Result<Cache<S>, SetupError> {
        redis.check()?;
        self.settings.check()?;
        self.check_type_names()?;
        let space = KeySpace::with_prefix(self.settings.key_space.clone());
        let data_key = (self.data == DataAt::Shared).then(|| source_marker::key(&space, "data"));
        let shards = Shards::open(redis, self.settings.breaker.clone(), self.admission, data_key).await;
        let shards = shards.map_err(SetupError::of)?;
        let bound = Duration::from_millis(self.settings.l1_staleness_bound_ms);
        let shared = Arc::new(Shared {
            shards: Arc::new(shards),
            guard: Arc::new(Guard::new(l1_prefixes(&self.types, &space), bound)),
            space,
            settings: self.settings,
            suspects: Suspects::default(),
            known: Known::new(),
            unsent: Unsent::default(),
            flushing: tokio::sync::Mutex::default(),
            process_wide: Counters::default(),
            identity: self.identity,
            other_source: Mutex::default(),
            types: self.types,
        });
        let (shards, guard) = (&shared.shards, &shared.guard);
        guard.liveness.expect(shards.layout().ears());
        let mut background = vec![
            tokio::spawn(mend(Arc::clone(&shared))).abort_handle(),
            tokio::spawn(flush_regularly(Arc::clone(&shared))).abort_handle(),
        ];
        if let Some(mark) = self.mark {
            shared.shards.read_from_redis(false);
            source_marker::look(&shared, &mark).await;
            background.push(tokio::spawn(source_marker::keep(Arc::clone(&shared), mark)).abort_handle());
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

/// The prefixes of the keys of the types with L1.
fn l1_prefixes(types: &[RegisteredType], space: &KeySpace) -> Vec<String> {
    let with_l1 = types.iter().filter(|registered| registered.l1 == L1Policy::On);
    with_l1.map(|registered| format!("{}{}", space.prefix(), registered.info.prefix)).collect()
}
