//! The smallest and the largest value of each setting that is a number.
//!
//! Invariant: no value in its range makes a program panic, overflow or wait for ever. A test compares this list with the keys
//! of `config/default.toml`.

use std::ops::RangeInclusive;

/// An hour: whoever waits longer waits for ever.
const HOUR_MS: i64 = 3_600_000;
/// PostgreSQL takes limits of statements up to 24 days; a day is long.
const DAY_MS: i64 = 24 * HOUR_MS;
const YEAR_SECONDS: i64 = 365 * 24 * 3_600;

/// By key; `*` stands for the name of a cached type.
pub(super) const LIMITS: [(&str, RangeInclusive<i64>); 42] = [
    ("redis.port", 1..=65_535),
    ("redis.db", 0..=65_535),
    ("redis.connect_timeout_ms", 1..=HOUR_MS),
    ("redis.command_timeout_ms", 1..=HOUR_MS),
    ("redis.batch_timeout_ms", 1..=HOUR_MS),
    ("redis.reconnect_max_ms", 1..=HOUR_MS),
    ("redis.pool_size", 1..=1_000),
    ("database.max_connections", 1..=10_000),
    ("database.connect_timeout_ms", 1..=HOUR_MS),
    ("database.acquire_timeout_ms", 1..=HOUR_MS),
    ("database.statement_timeout_ms", 0..=DAY_MS),
    ("database.busy_timeout_ms", 0..=HOUR_MS),
    ("cache.ttl_jitter_percent", 0..=50),
    ("cache.refresh_ahead_percent", 0..=50),
    ("cache.load_deadline_ms", 1..=HOUR_MS),
    ("cache.lease_ttl_ms", 2..=2 * HOUR_MS),
    ("cache.patience_ms", 0..=HOUR_MS),
    ("cache.invalidation_deadline_ms", 1..=HOUR_MS),
    ("cache.counters_flush_ms", 0..=HOUR_MS),
    ("cache.usage_keys", 0..=1_000_000),
    ("cache.usage_half_life_seconds", 1..=30 * 24 * 3_600),
    ("cache.scan_count", 1..=10_000),
    ("cache.batch_size", 1..=5_000),
    ("cache.max_value_bytes", 1 << 10..=512 << 20),
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
    ("cache.types.*.ttl_seconds", 1..=YEAR_SECONDS),
    ("cache.types.*.absent_ttl_seconds", 1..=YEAR_SECONDS),
    ("relay.poll_interval_ms", 1..=HOUR_MS),
    ("relay.grace_ms", 0..=HOUR_MS),
    ("relay.clear_type_above", 1..=i32::MAX as i64),
    ("relay.retention_margin_seconds", 0..=YEAR_SECONDS),
    ("relay.strict_wait_ms", 0..=HOUR_MS),
];

/// The range of this key, with `*` for the name of a cached type.
pub(super) fn of(key: &str) -> RangeInclusive<i64> {
    let listed = LIMITS.iter().find(|(limited, _)| *limited == key);
    listed.map_or(0..=i64::from(u32::MAX), |(_, range)| range.clone())
}
