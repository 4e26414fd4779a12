//! Two caches over one Redis, one of which counts nothing, and the values that both hold.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::ensure;
use billing_cache::{
    BreakerSettings, Cache, CacheBuilder, CacheKey, CacheSettings, CachedType, HotKeysResult, KeyWriter, L1Policy,
    LoadResult, Loaded, RedisSettings, Source, Tier,
};
use serde::{Deserialize, Serialize};
use test_support::RedisServer;

/// For all keys to be in the memory of the process.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pub(crate) counted: Cache<Rows>,
    pub(crate) uncounted: Cache<Rows>,
    /// Of each kind of values.
    pub(crate) keys: Vec<Id>,
    _server: RedisServer,
}

/// A source that makes its rows up.
#[derive(Clone, Debug)]
pub(crate) struct Rows;

impl Source for Rows {
    type Error = Infallible;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Id(pub(crate) i32);

impl CacheKey for Id {
    const PARTS: &'static [&'static str] = &["id"];

    fn write_parts(&self, out: &mut KeyWriter<'_>) {
        out.part(self.0);
    }

    fn from_parts(parts: &[&str]) -> Option<Self> {
        parts[0].parse().ok().map(Self)
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) id: i32,
    name: String,
    lines: Vec<String>,
}

impl Row {
    pub(crate) fn of(Id(id): Id) -> Self {
        let line = |number| format!("line {number} of row {id}, with as much text as such a line has");
        Self { id, name: format!("row {id}"), lines: (0..8).map(line).collect() }
    }
}

async fn load<T: CachedType<Source = Rows, Key = Id, Value = Row>>(keys: &[Id]) -> LoadResult<T> {
    Ok(keys.iter().map(|key| (*key, Loaded::lasting(Row::of(*key)))).collect::<HashMap<_, _>>())
}

/// Held by Redis.
pub(crate) struct InRedis;

impl CachedType for InRedis {
    type Source = Rows;
    type Key = Id;
    type Value = Row;

    const NAME: &'static str = "in_redis";
    const PREFIX: &'static str = "in_redis";
    const TTL: Duration = Duration::from_secs(24 * 3600);

    async fn load(_: &Rows, keys: &[Id]) -> LoadResult<Self> {
        load::<Self>(keys).await
    }

    async fn hot_keys(_: &Rows, _: Option<&Id>, _: u64) -> HotKeysResult<Self> {
        Ok(Vec::new())
    }
}

/// Held by the process too.
pub(crate) struct InMemory;

impl CachedType for InMemory {
    type Source = Rows;
    type Key = Id;
    type Value = Row;

    const NAME: &'static str = "in_memory";
    const PREFIX: &'static str = "in_memory";
    const TTL: Duration = Duration::from_secs(24 * 3600);
    const L1: L1Policy = L1Policy::On;

    async fn load(_: &Rows, keys: &[Id]) -> LoadResult<Self> {
        load::<Self>(keys).await
    }

    async fn hot_keys(_: &Rows, _: Option<&Id>, _: u64) -> HotKeysResult<Self> {
        Ok(Vec::new())
    }
}

impl World {
    /// With so many values of each kind. `usage_keys` is the setting: 0 turns off that sampled reads are noted.
    pub(crate) async fn open(values: i32, usage_keys: usize) -> anyhow::Result<Self> {
        let server = RedisServer::start()?;
        let redis = redis_settings(server.port());
        let builder = || CacheBuilder::new(Rows, CacheSettings { usage_keys, ..cache_settings() });
        let counted = builder().with::<InRedis>().with::<InMemory>().open(&redis).await?;
        let uncounted = builder().uncounted().with::<InRedis>().with::<InMemory>().open(&redis).await?;
        let keys: Vec<Id> = (0..values).map(Id).collect();
        for cache in [&counted, &uncounted] {
            fill(cache, &keys).await?;
        }
        Ok(Self { counted, uncounted, keys, _server: server })
    }
}

/// All keys of both kinds are where they belong.
async fn fill(cache: &Cache<Rows>, keys: &[Id]) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let (mut in_redis, mut in_memory) = (0, 0);
        for key in keys {
            in_redis += usize::from(cache.get::<InRedis>(key).await?.tier == Tier::L2);
            in_memory += usize::from(cache.get::<InMemory>(key).await?.tier == Tier::L1);
        }
        if in_redis == keys.len() && in_memory == keys.len() {
            return Ok(());
        }
        ensure!(started.elapsed() < PATIENCE, "of {} keys, Redis has {in_redis} and memory {in_memory}", keys.len());
    }
}

/// Long limits: a noisy machine must not turn a hit into a miss in the middle of a measurement.
fn redis_settings(port: u16) -> RedisSettings {
    RedisSettings {
        host: "127.0.0.1".into(),
        port,
        db: 0,
        username: String::new(),
        password: String::new().into(),
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
    }
}

fn cache_settings() -> CacheSettings {
    CacheSettings {
        key_space: String::new(),
        ttl_jitter_percent: 10,
        load_deadline_ms: 60_000,
        lease_ttl_ms: 90_000,
        patience_ms: 60_000,
        invalidation_deadline_ms: 10_000,
        counters_flush_ms: 10_000,
        usage_keys: 1_000,
        usage_half_life_seconds: 3600,
        scan_count: 500,
        batch_size: 500,
        refresh_ahead_percent: 10,
        max_loads: 1_000,
        load_queue_ms: 60_000,
        breaker: BreakerSettings {
            window_ms: 5_000,
            min_calls: 1_000,
            failure_percent: 100,
            slow_call_percent: 100,
            slow_percent: 100,
            open_ms: 100,
            trial_calls: 3,
        },
        l1_max_bytes: 64 << 20,
        l1_staleness_bound_ms: 60_000,
        types: HashMap::new(),
    }
}
