//! Logging in: a form for people, which trades the token for a session.

use std::time::Duration;

use axum::extract::{Form, FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::sessions::LIFE;
use super::{COOKIE, Gate};
use crate::dashboard::app::App;
use crate::dashboard::assets;
use crate::dashboard::problem::Problem;

/// A form is a few bytes: whoever takes longer does so on purpose.
const PATIENCE: Duration = Duration::from_secs(5);
/// No form is longer, in bytes.
pub(crate) const LONGEST_FORM: usize = 4_096;

#[derive(Deserialize)]
struct Login {
    token: String,
}

/// `POST /login`. A wrong token leads back to the form, which says so.
pub(crate) async fn log_in(State(app): State<App>, request: Request) -> Response {
    let secure = came_by_tls(request.headers());
    let Some(Gate { token, sessions }) = &app.access.gate else { return to("/") };
    match tokio::time::timeout(PATIENCE, Form::<Login>::from_request(request, &())).await {
        Ok(Ok(Form(login))) if token.is(login.token.trim()) => {
            let mut response = to("/");
            response.headers_mut().insert(header::SET_COOKIE, cookie(&sessions.begin(), secure));
            response
        }
        Ok(Ok(_)) => to("/?wrong"),
        Ok(Err(rejection)) => Problem::no_form(rejection.status()).into_response(),
        Err(_) => Problem::no_form(StatusCode::REQUEST_TIMEOUT).into_response(),
    }
}

/// The form, to whoever asked for the page.
pub(super) fn form() -> Response {
    (StatusCode::UNAUTHORIZED, assets::login_form()).into_response()
}

fn to(path: &'static str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response()
}

/// Behind a proxy that speaks TLS the cookie stays with TLS. Whoever lies about it harms only himself.
fn came_by_tls(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https")
}

fn cookie(session: &str, secure: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{COOKIE}={session}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{secure}", LIFE.as_secs());
    HeaderValue::from_str(&text).expect("hexadecimal digits are visible")
}
