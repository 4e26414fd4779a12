//! Errors as JSON: a code for programs and a sentence for people. Also the bodies of requests, whose errors have the
//! same shape.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use billing_core::service::BillingError;
use serde::Serialize;
use serde::de::DeserializeOwned;

const UNAVAILABLE: &str = "the database cannot be used at the moment";
/// A body is a few fields: a client that takes longer to send one only keeps a connection busy.
const LONGEST_BODY: Duration = Duration::from_secs(10);
/// The name that `serde_path_to_error` gives to the body itself.
const WHOLE_BODY: &str = ".";
/// A sentence quotes what was sent; no client needs more of it back.
const REASON_MAX_CHARS: usize = 300;

/// An error as the client sees it.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
}

#[derive(Serialize)]
struct Body<'a> {
    error: Content<'a>,
}

#[derive(Serialize)]
struct Content<'a> {
    code: &'a str,
    message: &'a str,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message)
    }

    fn too_slow() -> Self {
        let message = format!("the body was not sent within {} s", LONGEST_BODY.as_secs());
        Self::new(StatusCode::REQUEST_TIMEOUT, "too_slow", message)
    }

    fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", message)
    }

    /// What is wrong with a body, and with which field of it. The position in the text is left out: a program wrote the
    /// text, so the position helps nobody.
    fn of_body(field: &str, error: &serde_json::Error) -> Self {
        if !error.is_data() {
            return Self::malformed(format!("the body is no JSON: {error}"));
        }
        let (sentence, place) = (error.to_string(), format!(" at line {} column {}", error.line(), error.column()));
        let reason: String =
            sentence.strip_suffix(&place).unwrap_or(&sentence).chars().take(REASON_MAX_CHARS).collect();
        let message = if field == WHOLE_BODY { reason } else { format!("{field}: {reason}") };
        Self::invalid(message)
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
    }
}

impl From<BillingError> for Problem {
    fn from(error: BillingError) -> Self {
        let status = match &error {
            BillingError::NotFound { .. } => StatusCode::NOT_FOUND,
            BillingError::Conflict(_) => StatusCode::CONFLICT,
            BillingError::Refused(_) | BillingError::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            // Not "try again": only a payment may be sent twice without being made twice.
            BillingError::OutcomeUnknown(_) => StatusCode::INTERNAL_SERVER_ERROR,
            // Not "try again" either: the row that is named must be corrected first.
            BillingError::Unreadable(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        if status.is_server_error() {
            tracing::error!(error = &error as &dyn std::error::Error, "request failed");
        }
        // The causes are for the operator; the client only learns that it may try again.
        if status == StatusCode::SERVICE_UNAVAILABLE {
            Self::unavailable(UNAVAILABLE)
        } else {
            Self::new(status, error.code(), error.to_string())
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body { error: Content { code: self.code, message: &self.message } };
        let mut response = (self.status, axum::Json(body)).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// A JSON body, read by `serde_json` directly, so that money is never read through a float. An empty body is `{}`.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let sent = tokio::time::timeout(LONGEST_BODY, Bytes::from_request(request, state)).await;
        let sent = sent.map_err(|_| Problem::too_slow())?;
        let bytes = sent.map_err(|error| Problem::malformed(error.body_text()))?;
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        let mut json = serde_json::Deserializer::from_slice(text);
        let body = serde_path_to_error::deserialize(&mut json);
        let body = body.map_err(|error| Problem::of_body(&error.path().to_string(), error.inner()))?;
        json.end().map_err(|error| Problem::of_body(WHOLE_BODY, &error))?;
        Ok(Self(body))
    }
}

/// The ids in a path.
pub(crate) struct Ids<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Ids<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::from_request_parts(parts, state).await;
        path.map(|Path(ids)| Self(ids))
            .map_err(|_| Problem::not_found(format!("{} names no whole number", parts.uri.path())))
    }
}

/// The query parameters. Their types refuse unknown parameters, as those of bodies do.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::from_request_parts(parts, state).await;
        query.map(|Query(parameters)| Self(parameters)).map_err(|error| Problem::invalid(error.body_text()))
    }
}

/// Routes without parameters refuse all of them: a client that sends one expects it to have an effect.
pub(crate) async fn without_parameters(request: Request, next: Next) -> Result<Response, Problem> {
    match request.uri().query() {
        None | Some("") => Ok(next.run(request).await),
        Some(query) => Err(Problem::invalid(format!("{} takes no parameters, not {query:?}", request.uri().path()))),
    }
}

pub(crate) async fn no_such_page(uri: axum::http::Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {}", uri.path()))
}

pub(crate) async fn no_such_method(method: axum::http::Method, uri: axum::http::Uri) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", format!("{} does not take {method}", uri.path()))
}
