//! The smallest and the largest value of each numeric setting of the cache and of its Redis.
//!
//! Invariant: no value in its range makes a program panic, overflow or wait forever. This is the only list of ranges.
//!
//! Used by [`super::settings`], which refuses values out of range, and by programs that read settings from files.

use std::ops::RangeInclusive;

/// An hour. A longer wait would be a wait forever.
pub const HOUR_MS: u64 = 3_600_000;
/// A year. A longer TTL does not help, and does not fit the arithmetic of TTLs.
pub const YEAR_SECONDS: u64 = 365 * 24 * 3_600;
/// The limit of Redis itself, unless it is configured otherwise.
const LARGEST_VALUE_BYTES: u64 = 512 << 20;
/// With a longer half-life, keys that were popular once stay popular.
const LONGEST_HALF_LIFE_SECONDS: u64 = 30 * 24 * 3_600;

/// A setting and its range; `*` stands for the name of a cached type.
pub type Limit = (&'static str, RangeInclusive<u64>);

/// The ranges of all numeric settings.
pub const LIMITS: [Limit; 33] = [
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
    ("cache.decoded_max_bytes", 0..=1 << 40),
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

/// Why the value is refused: the range of its setting; `None` if the value is in it.
pub(super) fn refusal(key: &str, value: u64) -> Option<String> {
    let (_, range) = LIMITS.iter().find(|(limited, _)| *limited == key).expect("a test asks for every number");
    (!range.contains(&value)).then(|| format!("must be from {} to {}", range.start(), range.end()))
}
