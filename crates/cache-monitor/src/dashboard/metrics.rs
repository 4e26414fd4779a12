//! `/metrics`: metrics for Prometheus that the services do not have.
//!
//! Invariants: a scrape does not query Redis but uses the newest snapshot, which is at most half a minute old if nobody
//! views the page; it asks the database one question, the same that a service asks, so that both report the same. An
//! unknown number has no value.

use std::time::{Duration, SystemTime};

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use billing_cache::{BreakerState, MemoryUse};
use billing_outbox::outbox::{self, Waiting};
use billing_telemetry::{
    AuditState, Exposition, Installation, Outbox, Processes, RedisMemory, Surveyed, TypeKeys, installation_metrics,
};
use chrono::DateTime;

use super::app::{App, Shared};
use super::model::{AuditReport, EndpointState, ProcessReport, Snapshot, SurveyReport};

pub(crate) async fn metrics(State(app): State<App>) -> Response {
    let waiting = outbox::waiting_now(&app.cache).await;
    let page = Exposition::of(installation_metrics(&installation(&app, waiting))).to_string();
    ([(CONTENT_TYPE, billing_telemetry::CONTENT_TYPE)], page).into_response()
}

fn installation(app: &Shared, waiting: Option<Waiting>) -> Installation {
    let of_redis = app.published.borrow().as_ref().map(|published| of_redis(&published.snapshot)).unwrap_or_default();
    // While Redis is unreachable, its content is unknown.
    let survey = app.board.survey_report();
    let survey = of_redis.redis_up.is_some_and(|up| up).then(|| surveyed(&survey)).flatten();
    Installation {
        types: app.cache.types().copied().collect(),
        survey,
        audit: audit(&app.board.audit_report()),
        counted: app.cache.own_numbers(),
        outbox: waiting.map(|it| Outbox { pending: it.rows, oldest: it.oldest.unwrap_or_default() }),
        ..of_redis
    }
}

/// The part of a snapshot about Redis. It is empty while Redis is unreachable, although the page continues to show old
/// values.
fn of_redis(snapshot: &Snapshot) -> Installation {
    match snapshot.redis.state {
        EndpointState::NotAsked => Installation::default(),
        EndpointState::Away => Installation { redis_up: Some(false), ..Installation::default() },
        EndpointState::Ok => Installation {
            redis_up: Some(true),
            memory: snapshot.memory.as_ref().map(memory),
            processes: snapshot.processes.as_deref().map(processes),
            ..Installation::default()
        },
    }
}

fn memory(report: &MemoryUse) -> RedisMemory {
    let MemoryUse { used_bytes, limit_bytes, evicted_keys, .. } = *report;
    RedisMemory { used: used_bytes, limit: limit_bytes.unwrap_or(0), evicted_keys }
}

fn processes(alive: &[ProcessReport]) -> Processes {
    let open = alive.iter().filter(|process| process.breaker != BreakerState::Closed.as_str());
    Processes { alive: alive.len() as u64, breakers_open: open.count() as u64 }
}

fn surveyed(report: &SurveyReport) -> Option<Surveyed> {
    let keys = report.types.iter().map(|it| TypeKeys { cache_type: it.name, keys: it.keys, memory: it.memory_bytes });
    Some(Surveyed { completed: time_of(report.at.as_ref())?, types: keys.collect() })
}

fn audit(report: &AuditReport) -> AuditState {
    let interval = (report.every_seconds > 0).then(|| Duration::from_secs(report.every_seconds));
    AuditState { interval, completed: time_of(report.at.as_ref()) }
}

fn time_of(text: Option<&String>) -> Option<SystemTime> {
    DateTime::parse_from_rfc3339(text?).ok().map(SystemTime::from)
}
