//! The smallest and the largest value of each setting of the cache and of its Redis that is a number.
//!
//! Invariant: no value in its range makes a program panic, overflow or wait for ever. This is the only list of them:
//! [`super::settings`] refuses what is out of range, and whoever reads settings from files may ask here before.

use std::ops::RangeInclusive;

/// An hour: whoever waits longer waits for ever.
pub const HOUR_MS: u64 = 3_600_000;
/// Longer neither helps nor fits the arithmetic of TTLs.
pub const YEAR_SECONDS: u64 = 365 * 24 * 3_600;
/// What Redis itself takes, unless it is told otherwise.
const LARGEST_VALUE_BYTES: u64 = 512 << 20;
/// Longer than that, what was once popular stays so.
const LONGEST_HALF_LIFE_SECONDS: u64 = 30 * 24 * 3_600;

/// A setting, and what it may be; `*` stands for the name of a cached type.
pub type Limit = (&'static str, RangeInclusive<u64>);

/// All of them.
pub const LIMITS: [Limit; 32] = [
    ("redis.port", 1..=65_535),
    ("redis.db", 0..=65_535),
    ("redis.connect_timeout_ms", 1..=HOUR_MS),
    ("redis.command_timeout_ms", 1..=HOUR_MS),
    ("redis.batch_timeout_ms", 1..=HOUR_MS),
    ("redis.reconnect_max_ms", 1..=HOUR_MS),
    ("redis.pool_size", 1..=1_000),
    ("cache.ttl_jitter_percent", 0..=50),
    ("cache.refresh_ahead_percent", 0..=50),
    ("cache.load_deadline_ms", 1..=HOUR_MS),
    ("cache.lease_ttl_ms", 2..=2 * HOUR_MS),
    ("cache.patience_ms", 0..=HOUR_MS),
    ("cache.invalidation_deadline_ms", 1..=HOUR_MS),
    ("cache.counters_flush_ms", 0..=HOUR_MS),
    ("cache.usage_keys", 0..=1_000_000),
    ("cache.usage_half_life_seconds", 1..=LONGEST_HALF_LIFE_SECONDS),
    ("cache.scan_count", 1..=10_000),
    ("cache.batch_size", 1..=5_000),
    ("cache.max_value_bytes", 1 << 10..=LARGEST_VALUE_BYTES),
    ("cache.l1_max_bytes", 0..=1 << 40),
    ("cache.l1_staleness_bound_ms", 100..=60_000),
    ("cache.max_loads", 1..=10_000),
    ("cache.load_queue_ms", 0..=HOUR_MS),
    ("cache.breaker.window_ms", 10..=HOUR_MS),
    ("cache.breaker.min_calls", 1..=1_000_000),
    ("cache.breaker.failure_percent", 1..=100),
    ("cache.breaker.slow_call_percent", 1..=100),
    ("cache.breaker.slow_percent", 1..=100),
    ("cache.breaker.open_ms", 1..=HOUR_MS),
    ("cache.breaker.trial_calls", 1..=1_000),
    (TTL_SECONDS, 1..=YEAR_SECONDS),
    (ABSENT_TTL_SECONDS, 1..=YEAR_SECONDS),
];

pub(super) const TTL_SECONDS: &str = "cache.types.*.ttl_seconds";
pub(super) const ABSENT_TTL_SECONDS: &str = "cache.types.*.absent_ttl_seconds";

/// What a value must be that is out of the range of its setting.
pub(super) fn refusal(key: &str, value: u64) -> Option<String> {
    let (_, range) = LIMITS.iter().find(|(limited, _)| *limited == key).expect("a test asks for every number");
    (!range.contains(&value)).then(|| format!("must be from {} to {}", range.start(), range.end()))
}
