//! `/metrics`: what the dashboard knows beside the services, for Prometheus.
//!
//! Invariant: a scrape asks nobody. It tells the newest snapshot, which is at most half a minute old where nobody looks at the
//! page, and what the audits of this process counted.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use billing_telemetry::{
    AuditState, Exposition, Installation, Outbox, Processes, RedisMemory, TypeKeys, installation_metrics,
};
use chrono::DateTime;
use std::time::{Duration, SystemTime};

use billing_cache::BreakerState;

use super::app::{App, Shared};
use super::model::{AuditReport, EndpointState, Snapshot, SurveyReport, SurveyState};

pub(crate) async fn metrics(State(app): State<App>) -> Response {
    let page = Exposition::of(installation_metrics(&installation(&app))).to_string();
    ([(CONTENT_TYPE, billing_telemetry::CONTENT_TYPE)], page).into_response()
}

fn installation(app: &Shared) -> Installation {
    let known = app.published.borrow().as_ref().map(|published| told(&published.snapshot)).unwrap_or_default();
    Installation { types: app.cache.types().copied().collect(), counted: app.cache.own_numbers(), ..known }
}

/// What a snapshot tells; of a server that is away nothing, though the page goes on to show what was.
fn told(snapshot: &Snapshot) -> Installation {
    let redis = snapshot.redis.state == EndpointState::Ok;
    let database = snapshot.database.state == EndpointState::Ok;
    Installation {
        memory: snapshot.memory.as_ref().filter(|_| redis).map(|memory| RedisMemory {
            used: memory.used_bytes,
            limit: memory.limit_bytes.unwrap_or(0),
            evicted_keys: memory.evicted_keys,
        }),
        survey: survey(&snapshot.survey),
        processes: redis.then(|| processes(snapshot)),
        audit: audit(&snapshot.audit),
        outbox: snapshot.outbox.filter(|_| database).map(|outbox| Outbox {
            pending: outbox.pending,
            oldest: outbox.oldest_seconds.map(Duration::from_secs_f64).unwrap_or_default(),
        }),
        ..Installation::default()
    }
}

fn survey(report: &SurveyReport) -> Option<Vec<TypeKeys>> {
    let keys = report.types.iter().map(|it| TypeKeys { cache_type: it.name, keys: it.keys, memory: it.memory_bytes });
    (report.state != SurveyState::None).then(|| keys.collect())
}

fn processes(snapshot: &Snapshot) -> Processes {
    let open = snapshot.processes.iter().filter(|process| process.breaker != BreakerState::Closed.as_str());
    Processes { alive: snapshot.processes.len() as u64, breakers_open: open.count() as u64 }
}

fn audit(report: &AuditReport) -> AuditState {
    let completed = report.at.as_ref().and_then(|at| DateTime::parse_from_rfc3339(at).ok()).map(SystemTime::from);
    AuditState { interval: (report.every_seconds > 0).then(|| Duration::from_secs(report.every_seconds)), completed }
}
