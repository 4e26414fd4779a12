//! The site: a seeded database, a Redis, services that read, and the operator's tool, with all times compressed.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use billing_cache::{ClearMode, TypeInfo};
use billing_core::cached::{BillingCache, CACHED_TYPES, open_cache};
use billing_core::settings::{Overrides, Settings};
use billing_outbox::database::Database;

use crate::clock::{COMPRESSION, real};

const INVOICES: &str = "20000";
const USERS: &str = "4000";
const SERVICES: usize = 2;

/// Whether services tell Redis what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counting {
    On,
    /// So that what is measured teaches the next contender nothing.
    Off,
}

pub(crate) struct Site {
    /// What differs from the defaults, as variables of the environment.
    variables: Vec<(String, String)>,
    settings: Settings,
    /// For the hands of the benchmark.
    pub(crate) cache: BillingCache,
    /// The texts of all keys of each type, the newest first.
    pub(crate) texts: Vec<Vec<String>>,
    key_counts: Vec<usize>,
}

impl Site {
    /// Fills the database with demonstration data.
    pub(crate) async fn open() -> Result<Self> {
        let redis_port = std::env::var("BENCH_REDIS_PORT").context("run `cargo xtask bench warm-up`")?;
        let database_url = std::env::var("BENCH_DATABASE_URL").context("run `cargo xtask bench warm-up`")?;
        let settings = compressed(&redis_port, &database_url);
        let variables = variables(&settings);
        tool(&variables, &["migrate"])?;
        tool(&variables, &["seed", "--users", USERS, "--invoices", INVOICES])?;
        let settings = Settings::load(&Overrides { file: None, values: settings })?;
        let cache = open(&settings).await?;
        let mut texts = Vec::new();
        for cached in CACHED_TYPES {
            texts.push(cached.hot_key_texts(&cache, u64::MAX >> 1).await?);
        }
        let key_counts = texts.iter().map(Vec::len).collect();
        Ok(Self { variables, settings, cache, texts, key_counts })
    }

    /// Services that have just started.
    pub(crate) async fn services(&self, counting: Counting) -> Result<Vec<BillingCache>> {
        let mut settings = self.settings.clone();
        if counting == Counting::Off {
            settings.cache.counters_flush_ms = 0;
        }
        let mut services = Vec::new();
        for _ in 0..SERVICES {
            services.push(open(&settings).await?);
        }
        Ok(services)
    }

    pub(crate) async fn clear(&self) -> Result<()> {
        let types: Vec<TypeInfo> = self.cache.types().copied().collect();
        self.cache.clear(&types, ClearMode::Remove, &mut |_| {}).await?;
        Ok(())
    }

    /// Runs `cache-admin`.
    pub(crate) fn tool(&self, arguments: &[&str]) -> Result<()> {
        tool(&self.variables, arguments)
    }

    /// How many keys each type has.
    pub(crate) fn key_counts(&self) -> &[usize] {
        &self.key_counts
    }

    pub(crate) fn describe_keys(&self) -> String {
        let types = CACHED_TYPES.iter().zip(&self.key_counts);
        types.map(|(cached, count)| format!("{count} {}", cached.info().name)).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn describe_database(&self) -> String {
        self.cache.source().describe().to_string()
    }
}

async fn open(settings: &Settings) -> Result<BillingCache> {
    let database = Database::connect(&settings.database).await?;
    let cache = open_cache(database, &settings.redis, settings.cache.clone()).await?;
    cache.check_redis().await?;
    Ok(cache)
}

/// The defaults with compressed times, and with limits that a noisy machine does not meet.
fn compressed(redis_port: &str, database_url: &str) -> Vec<(String, String)> {
    let defaults = Settings::defaults().cache;
    let flush = real(Duration::from_millis(defaults.counters_flush_ms));
    let mut values = vec![
        ("redis.host".to_owned(), "127.0.0.1".to_owned()),
        ("redis.port".to_owned(), redis_port.to_owned()),
        ("redis.command_timeout_ms".to_owned(), "2000".to_owned()),
        ("redis.batch_timeout_ms".to_owned(), "10000".to_owned()),
        ("database.url".to_owned(), database_url.to_owned()),
        ("cache.counters_flush_ms".to_owned(), flush.as_millis().max(1).to_string()),
        ("cache.usage_half_life_seconds".to_owned(), compressed_seconds(defaults.usage_half_life_seconds)),
    ];
    for info in CACHED_TYPES.iter().map(|cached| cached.info()) {
        let key = format!("cache.types.{}.ttl_seconds", info.name);
        values.push((key, compressed_seconds(info.ttl.as_secs())));
    }
    values
}

fn compressed_seconds(seconds: u64) -> String {
    (seconds / u64::from(COMPRESSION)).max(1).to_string()
}

/// `cache.batch_size` as `BILLING__CACHE__BATCH_SIZE`.
fn variables(values: &[(String, String)]) -> Vec<(String, String)> {
    let name = |key: &str| format!("BILLING__{}", key.to_uppercase().replace('.', "__"));
    values.iter().map(|(key, value)| (name(key), value.clone())).collect()
}

fn tool(variables: &[(String, String)], arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cache-admin"));
    command.args(arguments).envs(variables.iter().map(|(name, value)| (name, value)));
    let output = command.output().context("run cache-admin")?;
    ensure!(output.status.success(), "cache-admin {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
