//! Reads: each returns the cached JSON shape, and says in `X-Cache` where it came from.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use billing_cache::Cached;
use billing_core::service::BillingService;
use serde::{Deserialize, Serialize};

use crate::problem::{Ids, Parameters, Problem};

pub(crate) async fn invoice_details(
    State(service): State<BillingService>,
    Ids(id): Ids<i32>,
) -> Result<Response, Problem> {
    Ok(found(service.invoice_details(id).await?, || format!("there is no invoice {id}")))
}

pub(crate) async fn user_credit_notes(
    State(service): State<BillingService>,
    Ids(user_id): Ids<i32>,
) -> Result<Response, Problem> {
    Ok(found(service.user_credit_notes(user_id).await?, || format!("there is no user {user_id}")))
}

pub(crate) async fn active_discounts(State(service): State<BillingService>) -> Result<Response, Problem> {
    Ok(found(service.active_discounts().await?, || "there are no discounts".to_owned()))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    country: String,
    region: Option<String>,
}

pub(crate) async fn applicable_tax_rate(
    State(service): State<BillingService>,
    Parameters(place): Parameters<Place>,
) -> Result<Response, Problem> {
    let rate = service.applicable_tax_rate(&place.country, place.region.as_deref()).await?;
    Ok(found(rate, || format!("there is no tax rate for {}", place.country)))
}

/// The absence of a row may be cached too.
fn found<V: Serialize + Send + Sync>(cached: Cached<V>, missing: impl FnOnce() -> String) -> Response {
    let tier = [("X-Cache", cached.tier.as_str())];
    match cached.value {
        Some(value) => (tier, Json(value)).into_response(),
        None => (tier, Problem::not_found(missing())).into_response(),
    }
}
