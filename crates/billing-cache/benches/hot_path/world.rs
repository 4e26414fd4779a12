//! Caches over one Redis, half of which count nothing, and the values that all of them hold.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::ensure;
use billing_cache::{
    BreakerSettings, Cache, CacheBuilder, CacheKey, CacheSettings, Cached, CachedType, HotKeysResult, KeyWriter,
    L1Policy, LoadResult, Loaded, Owner, RedisSettings, Source, Tier,
};
use serde::{Deserialize, Serialize};
use test_support::RedisServer;

/// For all keys to be in the memory of the process.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pairs: Vec<Pair>,
    /// Of each kind of values.
    pub(crate) keys: Vec<Id>,
    _server: RedisServer,
}

/// Caches that are alike but for counting.
struct Pair {
    counted: Cache<Rows>,
    uncounted: Cache<Rows>,
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
    Ok(keys.iter().map(|key| (*key, Ok(Loaded::lasting(Row::of(*key))))).collect::<HashMap<_, _>>())
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

    fn owner(row: &Row, key: &Id) -> Owner {
        Owner::if_same(row.id == key.0)
    }

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

    fn owner(row: &Row, key: &Id) -> Owner {
        Owner::if_same(row.id == key.0)
    }

    async fn load(_: &Rows, keys: &[Id]) -> LoadResult<Self> {
        load::<Self>(keys).await
    }

    async fn hot_keys(_: &Rows, _: Option<&Id>, _: u64) -> HotKeysResult<Self> {
        Ok(Vec::new())
    }
}

impl World {
    /// So many pairs of caches, with so many values of each kind. `usage_keys` is the setting: 0 turns off that sampled
    /// reads are noted.
    pub(crate) async fn open(values: i32, usage_keys: usize, pairs: usize) -> anyhow::Result<Self> {
        let server = RedisServer::start()?;
        let redis = redis_settings(server.port());
        let builder = || CacheBuilder::new(Rows, CacheSettings { usage_keys, ..cache_settings() });
        let keys: Vec<Id> = (0..values).map(Id).collect();
        let mut opened = Vec::new();
        for pair in 0..pairs {
            let (counted, uncounted) =
                (|| opened_with(builder(), &redis, &keys), || opened_with(builder().uncounted(), &redis, &keys));
            // What comes second lies behind the first in memory.
            opened.push(if pair % 2 == 0 {
                Pair { counted: counted().await?, uncounted: uncounted().await? }
            } else {
                Pair { uncounted: uncounted().await?, counted: counted().await? }
            });
        }
        Ok(Self { pairs: opened, keys, _server: server })
    }

    pub(crate) fn pairs(&self) -> usize {
        self.pairs.len()
    }

    /// Whose turn it is in this round: each has two in a row, one in either order of the sides.
    pub(crate) fn pair_of(&self, round: usize) -> usize {
        round / 2 % self.pairs.len()
    }

    pub(crate) fn counted(&self, pair: usize) -> &Cache<Rows> {
        &self.pairs[pair].counted
    }

    pub(crate) fn uncounted(&self, pair: usize) -> &Cache<Rows> {
        &self.pairs[pair].uncounted
    }
}

/// Holds all keys.
async fn opened_with(builder: CacheBuilder<Rows>, redis: &RedisSettings, keys: &[Id]) -> anyhow::Result<Cache<Rows>> {
    let cache = builder.with::<InRedis>().with::<InMemory>().open(redis).await?;
    fill(&cache, keys).await?;
    Ok(cache)
}

/// All keys of both kinds are where they belong.
async fn fill(cache: &Cache<Rows>, keys: &[Id]) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let of = |tier| move |cached: &&Cached<Row>| cached.tier == tier;
        let in_redis = cache.get_many::<InRedis>(keys).await?.iter().filter(of(Tier::L2)).count();
        let in_memory = cache.get_many::<InMemory>(keys).await?.iter().filter(of(Tier::L1)).count();
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
        max_value_bytes: 8 << 20,
        l1_max_bytes: 64 << 20,
        decoded_max_bytes: 16 << 20,
        l1_staleness_bound_ms: 60_000,
        types: HashMap::new(),
    }
}
