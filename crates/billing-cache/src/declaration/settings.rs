//! Settings of the cache and of its Redis connection, as in `config/default.toml`.
//!
//! This module only describes and checks them. The caller reads files and the environment.
//!
//! The caller passes them to `builder`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::limits;

/// How to reach Redis. Every wait has a limit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisSettings {
    /// Server name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Database number.
    pub db: u16,
    /// ACL user; empty for the default user.
    pub username: String,
    /// Password; empty for none.
    pub password: SecretString,
    /// A whole `redis://`, `rediss://` or `redis+unix://` URL, which replaces the fields above; empty to use them.
    pub url: SecretString,
    /// Some nodes of a Redis Cluster, as `host:port,host:port`, by which the others are found; empty for none. They
    /// replace host and port.
    pub cluster_nodes: String,
    /// Sentinels that know where the server is, as `host:port,host:port`; empty for none. They replace host and port.
    pub sentinels: String,
    /// The name under which the sentinels watch the primary.
    pub sentinel_master: String,
    /// ACL user of the sentinels; empty for the default user.
    pub sentinel_username: String,
    /// Password of the sentinels; empty for none.
    pub sentinel_password: SecretString,
    /// Whether the connection is encrypted and the certificate of the server is checked. A `rediss://` URL turns this
    /// on too.
    pub tls: bool,
    /// PEM file of the authorities that may have signed the certificate of the server; empty for the public ones.
    pub tls_ca_file: PathBuf,
    /// PEM file of the client certificate of this process, followed by those between it and its authority; empty for
    /// none.
    pub tls_client_cert_file: PathBuf,
    /// PEM file of that certificate's private key, not encrypted.
    pub tls_client_key_file: PathBuf,
    /// Limit of connecting, including authentication.
    pub connect_timeout_ms: u64,
    /// Limit of one command of the read path. The caller of a read waits no longer than this for Redis.
    pub command_timeout_ms: u64,
    /// Limit of one pipeline of many commands (warm-up, clear, stats).
    pub batch_timeout_ms: u64,
    /// Longest pause between two attempts to reconnect.
    pub reconnect_max_ms: u64,
    /// Connections of the pool that tools use. The read path shares one connection outside the pool.
    pub pool_size: usize,
}

impl RedisSettings {
    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(crate) fn command_timeout(&self) -> Duration {
        Duration::from_millis(self.command_timeout_ms)
    }

    pub(crate) fn batch_timeout(&self) -> Duration {
        Duration::from_millis(self.batch_timeout_ms)
    }

    pub(crate) fn has_url(&self) -> bool {
        !self.url.expose_secret().is_empty()
    }
}

/// How the cache behaves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheSettings {
    /// Prefix of all keys; empty in production, where the Python processes share the keys.
    pub key_space: String,
    /// TTLs are shortened by up to this share, so that entries stored together do not expire together.
    pub ttl_jitter_percent: u8,
    /// A value that is read when it has less than this share of its TTL left is refreshed ahead; 0 turns this off.
    pub refresh_ahead_percent: u8,
    /// Limit of one load from the database.
    pub load_deadline_ms: u64,
    /// Time to live of a lease. It must be longer than a load, or the fill is lost.
    pub lease_ttl_ms: u64,
    /// How long a reader waits for the load of another process before it reads the database itself.
    pub patience_ms: u64,
    /// How long a writer tries to reach Redis before it returns with the invalidation pending.
    pub invalidation_deadline_ms: u64,
    /// Pause between two additions of this process's counters to those in Redis; 0 turns them off.
    pub counters_flush_ms: u64,
    /// Largest number of keys of each cached type for which Redis keeps how often they are read; 0 turns this off.
    pub usage_keys: usize,
    /// Time after which a read counts half as much as a new one.
    pub usage_half_life_seconds: u64,
    /// `COUNT` of each `SCAN` and the size of the pipelines that follow it.
    pub scan_count: usize,
    /// Keys in one batch of a load of many keys.
    pub batch_size: usize,
    /// A value whose JSON is longer is not stored. One that another program stored is removed if it could not be read
    /// in time.
    pub max_value_bytes: u64,
    /// Largest memory that L1 takes for one cached type, measured by the length of its JSON.
    pub l1_max_bytes: u64,
    /// Largest memory for one cached type in which decoded values are kept with the bytes that Redis answered, so that
    /// equal bytes are not decoded again; 0 turns this off.
    pub decoded_max_bytes: u64,
    /// The longest time by which an L1 hit can be older than an acknowledged write of another process.
    pub l1_staleness_bound_ms: u64,
    /// Concurrent loads of one cached type, so that a failing Redis does not overload the database.
    pub max_loads: usize,
    /// How long a load waits for its turn before it fails as overloaded.
    pub load_queue_ms: u64,
    /// When Redis is skipped, and how it is tried again.
    pub breaker: BreakerSettings,
    /// Settings of single cached types, by name. A type that is not listed uses the values of its declaration.
    #[serde(default)]
    pub types: HashMap<String, TypeSettings>,
}

/// When the breaker opens and how it closes again.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakerSettings {
    /// Time over which calls are judged.
    pub window_ms: u64,
    /// Fewer calls than this in the window are not judged.
    pub min_calls: u32,
    /// The breaker opens when at least this share of the calls failed.
    pub failure_percent: u32,
    /// A call is slow when it took more than this share of its time limit.
    pub slow_call_percent: u32,
    /// The breaker opens when at least this share of the calls was slow.
    pub slow_percent: u32,
    /// Time for which Redis is skipped before it is tried again.
    pub open_ms: u64,
    /// Calls in a trial. All must succeed.
    pub trial_calls: u32,
}

/// What can be set for one cached type.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypeSettings {
    /// How long a value may be served. If it is not given, the declaration decides.
    pub ttl_seconds: Option<u64>,
    /// How long the absence of a row may be served, at most `ttl_seconds`. If it is not given, the declaration decides.
    pub absent_ttl_seconds: Option<u64>,
    /// Whether the memory of the process (L1) also holds values. If it is not given, the declaration decides.
    pub l1: Option<bool>,
}

/// A setting that cannot work.
#[derive(Debug, thiserror::Error)]
#[error("{key} is {value}: {reason}")]
pub struct InvalidSetting {
    key: String,
    value: String,
    reason: String,
}

impl InvalidSetting {
    pub(crate) fn new(key: impl Into<String>, value: String, reason: impl Into<String>) -> Self {
        Self { key: key.into(), value, reason: reason.into() }
    }

    /// The name of the setting, such as `cache.lease_ttl_ms`.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl RedisSettings {
    /// Refuses values that are out of their ranges, and names the key.
    ///
    /// # Errors
    /// The first setting that is out of its range.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        self.numbers().into_iter().try_for_each(|(key, value)| check_range(key, "", value))
    }

    fn numbers(&self) -> [(&'static str, u64); 7] {
        [
            ("redis.port", self.port.into()),
            ("redis.db", self.db.into()),
            ("redis.connect_timeout_ms", self.connect_timeout_ms),
            ("redis.command_timeout_ms", self.command_timeout_ms),
            ("redis.batch_timeout_ms", self.batch_timeout_ms),
            ("redis.reconnect_max_ms", self.reconnect_max_ms),
            ("redis.pool_size", self.pool_size as u64),
        ]
    }
}

impl CacheSettings {
    /// Refuses values that cannot work, and names the key.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        let numbers = self.numbers().into_iter().chain(self.breaker.numbers());
        numbers.into_iter().try_for_each(|(key, value)| check_range(key, "", value))?;
        self.types.iter().try_for_each(|(name, settings)| settings.check(name))?;
        if self.lease_ttl_ms <= self.load_deadline_ms {
            let (value, reason) = (self.lease_ttl_ms.to_string(), "must be more than cache.load_deadline_ms");
            return Err(InvalidSetting::new("cache.lease_ttl_ms", value, reason));
        }
        if self.key_space.contains(['{', '}']) {
            let value = format!("{:?}", self.key_space);
            return Err(InvalidSetting::new("cache.key_space", value, "must not contain braces"));
        }
        Ok(())
    }

    /// Whether the process records which keys are read. If nothing is sent to Redis, nothing needs to be recorded.
    pub(crate) fn keeps_usage(&self) -> bool {
        self.counters_flush_ms > 0 && self.usage_keys > 0
    }

    fn numbers(&self) -> [(&'static str, u64); 17] {
        [
            ("cache.ttl_jitter_percent", self.ttl_jitter_percent.into()),
            ("cache.refresh_ahead_percent", self.refresh_ahead_percent.into()),
            ("cache.load_deadline_ms", self.load_deadline_ms),
            ("cache.lease_ttl_ms", self.lease_ttl_ms),
            ("cache.patience_ms", self.patience_ms),
            ("cache.invalidation_deadline_ms", self.invalidation_deadline_ms),
            ("cache.counters_flush_ms", self.counters_flush_ms),
            ("cache.usage_keys", self.usage_keys as u64),
            ("cache.usage_half_life_seconds", self.usage_half_life_seconds),
            ("cache.scan_count", self.scan_count as u64),
            ("cache.batch_size", self.batch_size as u64),
            ("cache.max_value_bytes", self.max_value_bytes),
            ("cache.l1_max_bytes", self.l1_max_bytes),
            ("cache.decoded_max_bytes", self.decoded_max_bytes),
            ("cache.l1_staleness_bound_ms", self.l1_staleness_bound_ms),
            ("cache.max_loads", self.max_loads as u64),
            ("cache.load_queue_ms", self.load_queue_ms),
        ]
    }
}

impl BreakerSettings {
    fn numbers(&self) -> [(&'static str, u64); 7] {
        [
            ("cache.breaker.window_ms", self.window_ms),
            ("cache.breaker.min_calls", self.min_calls.into()),
            ("cache.breaker.failure_percent", self.failure_percent.into()),
            ("cache.breaker.slow_call_percent", self.slow_call_percent.into()),
            ("cache.breaker.slow_percent", self.slow_percent.into()),
            ("cache.breaker.open_ms", self.open_ms),
            ("cache.breaker.trial_calls", self.trial_calls.into()),
        ]
    }
}

impl TypeSettings {
    fn check(&self, name: &str) -> Result<(), InvalidSetting> {
        let ttls = [(limits::TTL_SECONDS, self.ttl_seconds), (limits::ABSENT_TTL_SECONDS, self.absent_ttl_seconds)];
        let set = ttls.into_iter().filter_map(|(key, ttl)| Some((key, ttl?)));
        set.into_iter().try_for_each(|(key, ttl)| check_range(key, name, ttl))
    }
}

/// Refuses a value that is out of the range of its setting. `name` is the cached type, if the key contains one.
fn check_range(key: &str, name: &str, value: u64) -> Result<(), InvalidSetting> {
    let refused = |reason| InvalidSetting::new(key.replace('*', name), value.to_string(), reason);
    limits::refusal(key, value).map_or(Ok(()), |reason| Err(refused(reason)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::declaration::limits::{LIMITS, Limit};

    const TYPE: &str = "invoices";

    fn all(value: impl Fn(&Limit) -> u64) -> Vec<(String, u64)> {
        LIMITS.iter().map(|limit| (limit.0.replace('*', TYPE), value(limit))).collect()
    }

    /// Checks settings with these numbers.
    fn check(numbers: &[(String, u64)]) -> Result<(), String> {
        let mut root = json!({
            "redis": {
                "host": "", "username": "", "password": "", "url": "", "cluster_nodes": "", "sentinels": "",
                "sentinel_master": "", "sentinel_username": "", "sentinel_password": "", "tls": false,
                "tls_ca_file": "", "tls_client_cert_file": "", "tls_client_key_file": "",
            },
            "cache": { "key_space": "", "breaker": {}, "types": { TYPE: {} } },
        });
        for (key, number) in numbers {
            root.pointer_mut(&format!("/{}", key.rsplit_once('.').unwrap().0.replace('.', "/")))
                .and_then(Value::as_object_mut)
                .map(|section: &mut Map<String, Value>| {
                    section.insert(key.rsplit('.').next().unwrap().to_owned(), json!(number))
                })
                .unwrap_or_else(|| panic!("{key} has no section"));
        }
        let redis: RedisSettings = serde_json::from_value(root["redis"].take()).map_err(|error| error.to_string())?;
        let cache: CacheSettings = serde_json::from_value(root["cache"].take()).map_err(|error| error.to_string())?;
        redis.check().and_then(|()| cache.check()).map_err(|error| error.to_string())
    }

    #[test]
    fn every_number_may_be_either_end_of_its_range() {
        assert_eq!(check(&all(|(_, range)| *range.start())), Ok(()));
        assert_eq!(check(&all(|(_, range)| *range.end())), Ok(()));
    }

    #[test]
    fn every_number_beyond_its_range_is_refused_by_name() {
        let good = all(|(_, range)| *range.end());
        for (index, (_, range)) in LIMITS.iter().enumerate() {
            for beyond in [range.start().checked_sub(1), range.end().checked_add(1)].into_iter().flatten() {
                let mut numbers = good.clone();
                numbers[index].1 = beyond;
                let key = &numbers[index].0;
                let refused = check(&numbers).expect_err(key);
                // A Rust type that is as narrow as the range refuses the value itself.
                assert!(
                    refused.starts_with(&format!("{key} is {beyond}: must be")) || refused.contains("u16"),
                    "{refused}"
                );
            }
        }
    }
}
