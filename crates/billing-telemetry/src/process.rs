//! The metrics of a process that reads and writes through the cache.
//!
//! Invariant: nothing here sends a request to Redis or the database, so a scrape costs neither anything and works while
//! both are away.
//!
//! Used by services.

use std::time::Duration;

use billing_cache::{BreakerState, Cache, Source, TypeInfo};

use crate::counted;
use crate::family::{Family, Unit, Value};

/// The state of the outbox, as the caller read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outbox {
    /// Number of rows that are not applied yet.
    pub pending: u64,
    /// Age of the oldest; zero if there is none.
    pub oldest: Duration,
}

/// The counters of this process and the state of its Redis connection. `outbox` is `None` if the database did not
/// answer.
#[must_use]
pub fn process_metrics<S: Source>(cache: &Cache<S>, outbox: Option<Outbox>) -> Vec<Family> {
    let types: Vec<TypeInfo> = cache.types().copied().collect();
    let mut families = counted::of_process(&cache.own_numbers(), &types);
    families.extend([
        breaker(cache.breaker_state()),
        Family::gauge("redis_in_use", "Whether reads use Redis now; else they go to the database.")
            .with(&[], Value::of_state(cache.uses_redis())),
        Family::gauge("l1_live", "Whether hits in the memory of the process count now; else all reads ask Redis.")
            .with_known(&[], cache.l1_is_live().map(Value::of_state)),
        Family::gauge("suspect_keys", "Keys that this process wrote and could not tell Redis of yet.")
            .with(&[], Value::of_count(cache.suspect_keys())),
    ]);
    families.extend(outbox_families(outbox));
    families.push(build());
    families
}

fn breaker(state: BreakerState) -> Family {
    let family = Family::gauge("breaker_state", "1 for the state of the breaker around Redis, 0 for the others.");
    BreakerState::ALL
        .into_iter()
        .fold(family, |family, other| family.with(&[("state", other.as_str())], Value::of_state(other == state)))
}

/// The same for a service and for the dashboard: they read one database.
pub(crate) fn outbox_families(outbox: Option<Outbox>) -> [Family; 3] {
    [
        Family::gauge("database_up", "Whether the database answered this scrape.")
            .with(&[], Value::of_state(outbox.is_some())),
        Family::gauge("outbox_pending_rows", "Invalidations in the outbox that nobody has applied yet.")
            .with_known(&[], outbox.map(|outbox| Value::of_count(outbox.pending))),
        Family::gauge("outbox_oldest_pending", "Age of the oldest of these invalidations; 0 if there is none.")
            .in_unit(Unit::Seconds)
            .with_known(&[], outbox.map(|outbox| Value::Number(outbox.oldest.as_secs_f64()))),
    ]
}

/// All crates of the workspace have one version.
pub(crate) fn build() -> Family {
    Family::info("build", "The version of the cache that this process was built with.")
        .with(&[("version", env!("CARGO_PKG_VERSION"))], Value::of_state(true))
}
