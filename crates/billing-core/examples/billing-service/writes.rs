//! Writes: each has invalidated what it changed before it answers, or says in `X-Invalidation` that this is pending.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use billing_core::money::{Money, input};
use billing_core::service::{
    BillingService, DiscountInput, NewCreditNote, NewInvoice, NewPayment, TaxRateInput, TaxingRates,
};
use billing_outbox::outbox::{Pending, Written};
use serde::{Deserialize, Serialize};

use crate::problem::{Ids, JsonBody, Parameters, Problem};

type Answer = Result<Response, Problem>;

pub(crate) async fn create_invoice(
    State(service): State<BillingService>,
    JsonBody(command): JsonBody<NewInvoice>,
) -> Answer {
    let written = service.create_invoice(command).await?;
    Ok(answer(StatusCode::CREATED, written.map(|row| row.to_dict())))
}

pub(crate) async fn process_payment(
    State(service): State<BillingService>,
    JsonBody(command): JsonBody<NewPayment>,
) -> Answer {
    let written = service.process_payment(command).await?;
    Ok(answer(StatusCode::CREATED, written.map(|row| row.to_dict())))
}

pub(crate) async fn apply_discount(
    State(service): State<BillingService>,
    Ids((invoice_id, discount_id)): Ids<(i32, i32)>,
) -> Answer {
    Ok(answer(StatusCode::OK, service.apply_discount_to_invoice(invoice_id, discount_id).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaxesBody {
    region: Option<String>,
    /// `copied`, unless `current` is given.
    #[serde(default)]
    rates: TaxingRates,
}

pub(crate) async fn calculate_taxes(
    State(service): State<BillingService>,
    Ids(invoice_id): Ids<i32>,
    JsonBody(body): JsonBody<TaxesBody>,
) -> Answer {
    let taxed = service.calculate_invoice_taxes(invoice_id, body.region.as_deref(), body.rates).await?;
    Ok(answer(StatusCode::OK, taxed))
}

pub(crate) async fn create_credit_note(
    State(service): State<BillingService>,
    JsonBody(command): JsonBody<NewCreditNote>,
) -> Answer {
    let written = service.create_credit_note(command).await?;
    Ok(answer(StatusCode::CREATED, written.map(|row| row.to_dict())))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApplyBody {
    #[serde(default, deserialize_with = "input::exact_option")]
    amount: Option<Money>,
}

/// A text, so that no amount is read through a float.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApplyParameters {
    amount: Option<String>,
}

pub(crate) async fn apply_credit_note(
    State(service): State<BillingService>,
    Ids((note_id, invoice_id)): Ids<(i32, i32)>,
    Parameters(parameters): Parameters<ApplyParameters>,
    JsonBody(body): JsonBody<ApplyBody>,
) -> Answer {
    let amount = one_amount(parameters.amount.as_deref(), body.amount)?;
    Ok(answer(StatusCode::OK, service.apply_credit_note_to_invoice(note_id, invoice_id, amount).await?))
}

/// The platform sends the amount as a parameter, other clients in the body.
fn one_amount(parameter: Option<&str>, body: Option<Money>) -> Result<Option<Money>, Problem> {
    let parameter = parameter.map(str::parse).transpose();
    let parameter: Option<Money> = parameter.map_err(|error| Problem::invalid(format!("amount: {error}")))?;
    match (parameter, body) {
        (Some(parameter), Some(body)) if parameter != body => {
            let found = format!("amount: {parameter} in the query and {body} in the body; send it in one of them");
            Err(Problem::invalid(found))
        }
        _ => Ok(parameter.or(body)),
    }
}

pub(crate) async fn create_tax_rate(
    State(service): State<BillingService>,
    JsonBody(input): JsonBody<TaxRateInput>,
) -> Answer {
    let written = service.create_tax_rate(input).await?;
    Ok(answer(StatusCode::CREATED, written.map(|row| row.to_dict())))
}

pub(crate) async fn update_tax_rate(
    State(service): State<BillingService>,
    Ids(id): Ids<i32>,
    JsonBody(input): JsonBody<TaxRateInput>,
) -> Answer {
    let written = service.update_tax_rate(id, input).await?;
    Ok(answer(StatusCode::OK, written.map(|row| row.to_dict())))
}

pub(crate) async fn delete_tax_rate(State(service): State<BillingService>, Ids(id): Ids<i32>) -> Answer {
    let written = service.delete_tax_rate(id).await?;
    Ok((StatusCode::NO_CONTENT, pending_header(written.pending)).into_response())
}

pub(crate) async fn create_discount(
    State(service): State<BillingService>,
    JsonBody(input): JsonBody<DiscountInput>,
) -> Answer {
    let written = service.create_discount(input).await?;
    Ok(answer(StatusCode::CREATED, written.map(|row| row.to_dict())))
}

pub(crate) async fn update_discount(
    State(service): State<BillingService>,
    Ids(id): Ids<i32>,
    JsonBody(input): JsonBody<DiscountInput>,
) -> Answer {
    let written = service.update_discount(id, input).await?;
    Ok(answer(StatusCode::OK, written.map(|row| row.to_dict())))
}

fn answer<T: Serialize>(status: StatusCode, written: Written<T>) -> Response {
    (status, pending_header(written.pending), Json(written.value)).into_response()
}

fn pending_header(pending: Pending) -> [(HeaderName, HeaderValue); 1] {
    let word = match pending {
        Pending::Nothing => "done",
        Pending::Invalidation => "pending",
    };
    [(HeaderName::from_static("x-invalidation"), HeaderValue::from_static(word))]
}
