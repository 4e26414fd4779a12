//! `/healthz`: whether this process can answer, and the outcome of its last write.
//!
//! A process that can answer is healthy. It does not need Redis for that, and while a disk is full reads go on. So the
//! state of Redis and the outcome of the last write are reported, but do not take the process out of service.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::Json;
use axum::extract::{Extension, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use billing_core::migration::check_schema;
use billing_core::service::BillingService;

use crate::problem::Problem;

/// The initial value is neither of these.
const STORED: u8 = 1;
const FAILED: u8 = 2;

/// The outcome of the last write that reached the database.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastWrite(Arc<AtomicU8>);

impl LastWrite {
    fn is(&self, outcome: u8) {
        self.0.store(outcome, Ordering::Relaxed);
    }

    fn as_str(&self) -> &'static str {
        match self.0.load(Ordering::Relaxed) {
            STORED => "stored",
            FAILED => "failed",
            _ => "none",
        }
    }
}

/// Remembers the outcome of a write. A write that a rule refuses says nothing about the database.
pub(crate) async fn remember(Extension(last): Extension<LastWrite>, request: Request, next: Next) -> Response {
    let is_write = request.method() != Method::GET;
    let response = next.run(request).await;
    match response.status() {
        status if is_write && status.is_success() => last.is(STORED),
        status if is_write && status.is_server_error() => last.is(FAILED),
        _ => {}
    }
    response
}

pub(crate) async fn health(
    State(service): State<BillingService>,
    Extension(last): Extension<LastWrite>,
) -> Result<Response, Problem> {
    let (redis, database) = tokio::join!(service.cache().check_redis(), check_schema(service.cache().source()));
    database.map_err(|error| Problem::unavailable(error.to_string()))?;
    let redis = match redis {
        Ok(()) if service.cache().other_source().is_some() => "used_by_another_database",
        Ok(()) if service.cache().uses_redis() => "ok",
        Ok(()) => "catching_up",
        Err(_) => "away",
    };
    let last_write = last.as_str();
    // Their tables lack triggers, so the changes of other programs go unnoticed.
    let past_cache = service.cache().types_past_cache();
    let is_degraded = last_write == "failed" || !past_cache.is_empty();
    let body = serde_json::json!({
        "status": if is_degraded { "degraded" } else { "ok" },
        "database": "ok",
        "redis": redis,
        "last_write": last_write,
        "past_cache": past_cache,
    });
    Ok(Json(body).into_response())
}
