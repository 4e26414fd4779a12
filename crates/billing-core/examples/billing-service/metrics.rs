//! `/metrics`: what this process counted, for Prometheus. A scrape sends one query to the database, for the outbox, and
//! none to Redis.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use billing_core::service::BillingService;
use billing_outbox::outbox;
use billing_telemetry::{Exposition, Outbox, process_metrics};

pub(crate) async fn metrics(State(service): State<BillingService>) -> impl IntoResponse {
    let waiting = outbox::waiting_now(service.cache()).await;
    let outbox = waiting.map(|it| Outbox { pending: it.rows, oldest: it.oldest.unwrap_or_default() });
    let page = Exposition::of(process_metrics(service.cache(), outbox));
    ([(CONTENT_TYPE, billing_telemetry::CONTENT_TYPE)], page.to_string())
}
