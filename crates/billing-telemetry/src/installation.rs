//! The metrics of a whole installation: what no service knows alone, and what the dashboard reads from Redis and the
//! database.
//!
//! Used by the dashboard.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use billing_cache::{Numbers, TypeInfo};

use crate::counted;
use crate::family::{Family, Unit, Value};
use crate::process::{Outbox, build, outbox_families};

/// The facts that the dashboard knows; `None` for what it could not find out.
#[derive(Clone, Debug, Default)]
pub struct Installation {
    /// The cached types, in the order of the registry.
    pub types: Vec<TypeInfo>,
    /// Whether Redis answered; `None` before it was asked.
    pub redis_up: Option<bool>,
    /// Memory of the Redis server; `None` while it is away.
    pub memory: Option<RedisMemory>,
    /// Keys and memory by type, from the last complete key statistics; `None` while Redis is away.
    pub survey: Option<Surveyed>,
    /// Processes that flushed their counters recently; `None` while Redis is away.
    pub processes: Option<Processes>,
    /// The background audit.
    pub audit: AuditState,
    /// The counters of this process since it started: the results of its audits.
    pub counted: Numbers,
    /// The outbox; `None` if the database did not answer.
    pub outbox: Option<Outbox>,
}

/// Memory of the Redis server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedisMemory {
    /// Used, in bytes.
    pub used: u64,
    /// The limit in bytes; 0 means none.
    pub limit: u64,
    /// Keys evicted since the server started, of all programs that use it.
    pub evicted_keys: u64,
}

/// The result of key statistics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surveyed {
    /// When they were completed.
    pub completed: SystemTime,
    /// Their types.
    pub types: Vec<TypeKeys>,
}

/// Keys of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeKeys {
    /// The name of the type.
    pub cache_type: &'static str,
    /// How many keys there are.
    pub keys: u64,
    /// Their memory in bytes, estimated from a sample; `None` if the server does not report it.
    pub memory: Option<u64>,
}

/// Processes that share the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Processes {
    /// Processes that flushed recently.
    pub alive: u64,
    /// Those whose breaker is not closed.
    pub breakers_open: u64,
}

/// The state of the background audit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditState {
    /// The pause between two audits; `None` if there are none.
    pub interval: Option<Duration>,
    /// When the last audit was completed; `None` before the first was.
    pub completed: Option<SystemTime>,
}

/// The metrics of the dashboard.
#[must_use]
pub fn installation_metrics(known: &Installation) -> Vec<Family> {
    let mut families = redis_families(known);
    families.extend(survey_families(known.survey.as_ref()));
    families.extend(process_families(known.processes));
    families.extend(counted::of_audit(&known.counted, &known.types));
    families.extend(audit_families(known.audit));
    families.extend(outbox_families(known.outbox));
    families.push(build());
    families
}

fn redis_families(known: &Installation) -> Vec<Family> {
    let memory = known.memory;
    let bytes = |bytes: fn(RedisMemory) -> u64| memory.map(|memory| Value::of_count(bytes(memory)));
    vec![
        Family::gauge("redis_up", "Whether Redis answered the dashboard lately.")
            .with_known(&[], known.redis_up.map(Value::of_state)),
        Family::gauge("redis_memory_used", "Memory that the Redis server uses, for all programs.")
            .in_unit(Unit::Bytes)
            .with_known(&[], bytes(|memory| memory.used)),
        Family::gauge("redis_memory_limit", "The limit of that memory; 0 for none.")
            .in_unit(Unit::Bytes)
            .with_known(&[], bytes(|memory| memory.limit)),
        Family::counter("redis_evicted_keys", "Keys of any program that the Redis server evicted for space.")
            .with_known(&[], memory.map(|memory| Value::Count(memory.evicted_keys))),
    ]
}

fn survey_families(survey: Option<&Surveyed>) -> [Family; 3] {
    let keys = Family::gauge("keys", "Cached values, as of the last survey.");
    let memory =
        Family::gauge("memory", "Memory of the cached values in Redis, estimated from a sample by the last survey.");
    let types = survey.iter().flat_map(|survey| &survey.types);
    let [keys, memory] = types.fold([keys, memory.in_unit(Unit::Bytes)], |[keys, memory], of_type| {
        let labels = [("type", of_type.cache_type)];
        [
            keys.with(&labels, Value::of_count(of_type.keys)),
            memory.with_known(&labels, of_type.memory.map(Value::of_count)),
        ]
    });
    let completed = Family::gauge("survey_completed_timestamp", "When the last survey came to its end, as Unix time.")
        .in_unit(Unit::Seconds)
        .with_known(&[], survey.map(|survey| unix_time(survey.completed)));
    [keys, memory, completed]
}

fn process_families(processes: Option<Processes>) -> [Family; 2] {
    let count = |count: fn(Processes) -> u64| processes.map(|processes| Value::of_count(count(processes)));
    [
        Family::gauge("processes", "Processes that flushed their numbers lately.")
            .with_known(&[], count(|processes| processes.alive)),
        Family::gauge("breakers_open", "Those of these processes whose breaker is not closed.")
            .with_known(&[], count(|processes| processes.breakers_open)),
    ]
}

fn audit_families(audit: AuditState) -> [Family; 2] {
    let interval = audit.interval.unwrap_or_default().as_secs_f64();
    [
        Family::gauge("audit_interval", "Pause between two audits; 0 where there are none.")
            .in_unit(Unit::Seconds)
            .with(&[], Value::Number(interval)),
        Family::gauge("audit_completed_timestamp", "When the last audit came to its end, as Unix time.")
            .in_unit(Unit::Seconds)
            .with_known(&[], audit.completed.map(unix_time)),
    ]
}

fn unix_time(at: SystemTime) -> Value {
    Value::Number(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of the gauges that have a value.
    fn told(known: &Installation) -> Vec<&'static str> {
        let families = installation_metrics(known).into_iter();
        families
            .filter(|family| family.kind == crate::Kind::Gauge && !family.samples.is_empty())
            .map(|it| it.name)
            .collect()
    }

    #[test]
    fn what_is_not_known_has_no_value_and_is_not_0() {
        assert_eq!(told(&Installation::default()), ["audit_interval", "database_up"]);
        let away = Installation { redis_up: Some(false), ..Installation::default() };
        assert_eq!(told(&away), ["redis_up", "audit_interval", "database_up"]);
        let completed = Some(UNIX_EPOCH + Duration::from_secs(7));
        let audited = Installation { audit: AuditState { interval: None, completed }, ..away };
        assert!(told(&audited).contains(&"audit_completed_timestamp"));
    }
}
