//! Errors as JSON: a stable code for programs and a sentence for people, in the same form as in the example service.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An error as the client sees it.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub(crate) fn wrong_host() -> Self {
        let message = "this name is not answered; ask by the address that is listened on, or add --allowed-host NAME";
        Self::new(StatusCode::MISDIRECTED_REQUEST, "wrong_host", message)
    }

    pub(crate) fn wrong_method(method: &Method) -> Self {
        let message = format!("{method} is not taken: the dashboard only shows");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
            .with(header::ALLOW, HeaderValue::from_static("GET, HEAD"))
    }

    pub(crate) fn unauthorized() -> Self {
        let message = "show the token of the dashboard: Authorization: Bearer TOKEN";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
            .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// `wait` is rounded up to whole seconds.
    pub(crate) fn too_many_guesses(wait: Duration) -> Self {
        let message = "too many wrong tokens came from this address; wait a little";
        let seconds = wait.as_secs() + 1;
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_guesses", message).with(header::RETRY_AFTER, seconds)
    }

    pub(crate) fn too_many_streams() -> Self {
        let message = "too many pages are open already; close one, or try again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_streams", message)
            .with(header::RETRY_AFTER, HeaderValue::from_static("5"))
    }

    pub(crate) fn no_form(status: StatusCode) -> Self {
        Self::new(status, "malformed", "send a form with the field token, at once")
    }

    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", message)
    }

    pub(crate) async fn nothing_there() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is nothing here")
    }

    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), header: None }
    }

    fn with(self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        Self { header: Some((name, value.into())), ..self }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({ "error": { "code": self.code, "message": self.message } });
        let mut response = (self.status, axum::Json(body)).into_response();
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
