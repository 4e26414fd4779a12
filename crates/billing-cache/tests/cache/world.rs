//! A Redis of one's own, the ledger, and caches over both.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use billing_cache::{Cache, CacheBuilder, CacheSettings, Cached, CachedType, Event, RedisSettings, Tier};
use test_support::{RedisServer, eventually};

use crate::ledger::{CreditNotes, Discounts, Invoice, InvoiceId, Invoices, Ledger};

/// How long a test waits for what must happen. Only a program that hangs gets that far.
pub(crate) const PATIENT: Duration = Duration::from_secs(60);

/// One server, one truth; each cache over them is a process.
pub(crate) struct World {
    pub(crate) server: RedisServer,
    pub(crate) ledger: Ledger,
}

/// What a test changes of the usual settings.
pub(crate) struct Options {
    pub(crate) cache: CacheSettings,
    pub(crate) redis: RedisSettings,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::on(RedisServer::start().unwrap())
    }

    pub(crate) fn on(server: RedisServer) -> Self {
        Self { server, ledger: Ledger::new() }
    }

    /// A process that waits long for everything, so that nothing but a fault makes it turn away from Redis.
    pub(crate) async fn cache(&self) -> Cache<Ledger> {
        self.cache_with(|_| {}).await
    }

    pub(crate) async fn cache_with(&self, change: impl FnOnce(&mut Options)) -> Cache<Ledger> {
        let mut options = self.options();
        change(&mut options);
        open(&self.ledger, &options).await
    }

    /// A process that shows itself to the others.
    pub(crate) async fn service_with(&self, change: impl FnOnce(&mut Options)) -> Cache<Ledger> {
        let mut options = self.options();
        change(&mut options);
        builder(&self.ledger, &options).announce().open(&options.redis).await.unwrap()
    }

    /// A process that soon gives up on a Redis that does not answer.
    pub(crate) async fn impatient_cache(&self) -> Cache<Ledger> {
        self.cache_with(|options| {
            options.redis.connect_timeout_ms = 500;
            options.redis.command_timeout_ms = 150;
            options.redis.batch_timeout_ms = 150;
            options.cache.invalidation_deadline_ms = 200;
        })
        .await
    }

    pub(crate) fn options(&self) -> Options {
        let redis = RedisSettings {
            host: "127.0.0.1".into(),
            port: self.server.port(),
            db: 0,
            username: String::new(),
            password: self.server.password().unwrap_or_default().into(),
            url: String::new().into(),
            cluster_nodes: String::new(),
            sentinels: String::new(),
            sentinel_master: "mymaster".into(),
            sentinel_username: String::new(),
            sentinel_password: String::new().into(),
            tls: false,
            tls_ca_file: PathBuf::new(),
            tls_client_cert_file: PathBuf::new(),
            tls_client_key_file: PathBuf::new(),
            connect_timeout_ms: 5_000,
            command_timeout_ms: 10_000,
            batch_timeout_ms: 10_000,
            reconnect_max_ms: 100,
            pool_size: 4,
        };
        let cache = CacheSettings {
            key_space: String::new(),
            ttl_jitter_percent: 10,
            load_deadline_ms: 60_000,
            lease_ttl_ms: 90_000,
            patience_ms: 60_000,
            invalidation_deadline_ms: 10_000,
            counters_flush_ms: 3_600_000,
            usage_keys: 1_000,
            usage_half_life_seconds: 3600,
            scan_count: 100,
            batch_size: 500,
            refresh_ahead_percent: 0,
            max_loads: 1_000,
            load_queue_ms: 60_000,
            breaker: billing_cache::BreakerSettings {
                window_ms: 5_000,
                min_calls: 5,
                failure_percent: 50,
                slow_call_percent: 80,
                slow_percent: 80,
                open_ms: 100,
                trial_calls: 3,
            },
            max_value_bytes: 8 << 20,
            l1_max_bytes: 1 << 20,
            decoded_max_bytes: 1 << 20,
            l1_staleness_bound_ms: 10_000,
            types: HashMap::new(),
        };
        Options { cache, redis }
    }

    /// What stands in Redis under a key.
    pub(crate) fn raw(&self, key: &str) -> Option<String> {
        self.server.command(&["GET", key]).unwrap()
    }

    /// Stores a value with an end, so that nobody who reads it thinks of refreshing it.
    pub(crate) fn set_raw(&self, key: &str, value: &str) {
        self.server.command::<()>(&["SETEX", key, "300", value]).unwrap();
    }

    /// Limits the memory of the server; one setting a command, because Redis before 7 takes no more.
    pub(crate) fn set_limit(&self, maxmemory: &str, policy: &str) {
        self.server.command::<()>(&["CONFIG", "SET", "maxmemory-policy", policy]).unwrap();
        self.server.command::<()>(&["CONFIG", "SET", "maxmemory", maxmemory]).unwrap();
    }

    pub(crate) fn exists(&self, key: &str) -> bool {
        self.server.command(&["EXISTS", key]).unwrap()
    }

    /// Another process, dead or alive, holds the lease of this key.
    pub(crate) fn hold_lease(&self, key: &str) {
        self.server.command::<()>(&["SET", &lease(key), "r-of-another-process", "PX", "600000"]).unwrap();
    }

    /// Until [`take_writes`](Self::take_writes) Redis keeps whatever may write waiting, and goes on answering reads.
    pub(crate) fn refuse_writes(&self) {
        self.server.command::<()>(&["CLIENT", "PAUSE", "600000", "WRITE"]).unwrap();
    }

    pub(crate) fn take_writes(&self) {
        self.server.command::<()>(&["CLIENT", "UNPAUSE"]).unwrap();
    }

    /// A whole write: commit, then tell Redis, as the write transaction does.
    pub(crate) async fn write(&self, cache: &Cache<Ledger>, id: i32, version: u64) {
        self.ledger.put(id, version);
        assert!(invalidate(cache, &[id]).await.is_done());
    }
}

pub(crate) async fn open(ledger: &Ledger, options: &Options) -> Cache<Ledger> {
    builder(ledger, options).open(&options.redis).await.unwrap()
}

/// A process in which somebody replays, and lets reads use Redis after that.
pub(crate) async fn open_replaying(ledger: &Ledger, options: &Options) -> Cache<Ledger> {
    builder(ledger, options).admit_after_replay().open(&options.redis).await.unwrap()
}

/// A process that says whose its rows are.
pub(crate) async fn open_marked(ledger: &Ledger, options: &Options, name: &str) -> Cache<Ledger> {
    builder(ledger, options).marked(name).open(&options.redis).await.unwrap()
}

fn builder(ledger: &Ledger, options: &Options) -> CacheBuilder<Ledger> {
    let builder = CacheBuilder::new(ledger.clone(), options.cache.clone());
    builder.with::<Invoices>().with::<CreditNotes>().with::<Discounts>()
}

pub(crate) fn lease(key: &str) -> String {
    format!("lease:{{{key}}}")
}

pub(crate) async fn invalidate(cache: &Cache<Ledger>, ids: &[i32]) -> billing_cache::Invalidation {
    let keys: BTreeSet<_> = ids.iter().map(|id| cache.any_key::<Invoices>(&InvoiceId(*id))).collect();
    cache.invalidate(keys).await
}

/// A read of an invoice: its version, if there is such an invoice, and the tier.
pub(crate) async fn read(cache: &Cache<Ledger>, id: i32) -> (Option<u64>, Tier) {
    seen(&cache.get::<Invoices>(&InvoiceId(id)).await.unwrap())
}

pub(crate) fn seen(cached: &Cached<Invoice>) -> (Option<u64>, Tier) {
    (cached.value.as_ref().map(|invoice| invoice.version), cached.tier)
}

/// The same read in a task of its own, as another request would do it.
pub(crate) fn reading(cache: &Cache<Ledger>, id: i32) -> tokio::task::JoinHandle<(Option<u64>, Tier)> {
    let cache = cache.clone();
    tokio::spawn(async move { read(&cache, id).await })
}

/// Waits until something was counted so often.
pub(crate) async fn until_counted<T: CachedType<Source = Ledger>>(cache: &Cache<Ledger>, event: Event, count: u64) {
    until(|| async move { cache.count::<T>(event) >= count }).await;
}

pub(crate) async fn until<F: Future<Output = bool>>(probe: impl FnMut() -> F) {
    eventually(PATIENT, probe).await.unwrap();
}
