//! The ranges of all numeric settings: those of the cache, and those that only a service with a database has.
//!
//! Invariant: no value in its range makes a program panic, overflow or wait for ever; a test starts a service at both
//! ends of each. Another test compares them with the keys of `config/default.toml`.
//!
//! Used by `value.rs`.

use std::ops::RangeInclusive;

use billing_cache::{HOUR_MS, LIMITS, Limit, YEAR_SECONDS};

/// PostgreSQL accepts statement timeouts up to 24 days; a day is long enough.
const DAY_MS: u64 = 24 * HOUR_MS;

const OF_SERVICES: [Limit; 10] = [
    ("database.max_connections", 1..=10_000),
    ("database.connect_timeout_ms", 1..=HOUR_MS),
    ("database.acquire_timeout_ms", 1..=HOUR_MS),
    ("database.statement_timeout_ms", 0..=DAY_MS),
    ("database.busy_timeout_ms", 0..=HOUR_MS),
    ("relay.poll_interval_ms", 1..=HOUR_MS),
    ("relay.grace_ms", 0..=HOUR_MS),
    ("relay.clear_type_above", 1..=i32::MAX as u64),
    ("relay.retention_margin_seconds", 0..=YEAR_SECONDS),
    ("relay.strict_wait_ms", 0..=HOUR_MS),
];

/// All numeric settings with their ranges; `*` stands for the name of a cached type.
pub fn number_ranges() -> impl Iterator<Item = Limit> {
    LIMITS.into_iter().chain(OF_SERVICES)
}

/// The range of this key, with `*` for the name of a cached type.
pub(super) fn of(key: &str) -> RangeInclusive<u64> {
    let (_, range) = number_ranges().find(|(limited, _)| *limited == key).expect("a test asks for every number");
    range
}
