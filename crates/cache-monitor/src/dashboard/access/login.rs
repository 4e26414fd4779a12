//! Login by a form, which exchanges the token for a session, and logout.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Form, FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bounded_http::Network;
use serde::Deserialize;

use super::gate::Verdict;
use super::guard::Access;
use super::sessions::{COOKIE, LIFE, cookies};
use crate::dashboard::problem::Problem;

/// Time limit for a form of a few bytes. A client that takes longer does so on purpose.
const PATIENCE: Duration = Duration::from_secs(5);
/// Maximum length of a form, in bytes.
pub(crate) const LONGEST_FORM: usize = 4_096;

#[derive(Deserialize)]
struct Login {
    token: String,
}

/// `POST /login`. A wrong token leads back to the form, with a message.
pub(crate) async fn log_in(
    State(access): State<Arc<Access>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let scope = cookie_scope(request.headers());
    let Some(gate) = &access.gate else { return to("/") };
    let shown = match tokio::time::timeout(PATIENCE, Form::<Login>::from_request(request, &())).await {
        Ok(Ok(Form(login))) => login.token,
        Ok(Err(rejection)) => return Problem::no_form(rejection.status()).into_response(),
        Err(_) => return Problem::no_form(StatusCode::REQUEST_TIMEOUT).into_response(),
    };
    match gate.judge(shown.trim(), Network::of(peer.ip())) {
        Verdict::Right => with_cookie(to("/"), &gate.sessions.begin(), LIFE, scope),
        Verdict::Wrong => to("/?wrong"),
        Verdict::TooSoon(_) => to("/?wait"),
    }
}

/// `POST /logout`: ends the session, and removes the cookie from the browser.
pub(crate) async fn log_out(State(access): State<Arc<Access>>, headers: HeaderMap) -> Response {
    if let Some(gate) = &access.gate {
        cookies(&headers).for_each(|session| gate.sessions.end(session));
    }
    with_cookie(to("/"), "", Duration::ZERO, cookie_scope(&headers))
}

fn to(path: &'static str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response()
}

/// Behind a proxy that speaks TLS, the cookie is limited to TLS. A client that forges the header harms only itself.
fn cookie_scope(headers: &HeaderMap) -> &'static str {
    if headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https") { "; Secure" } else { "" }
}

fn with_cookie(mut response: Response, session: &str, life: Duration, scope: &str) -> Response {
    let text = format!("{COOKIE}={session}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{scope}", life.as_secs());
    let cookie = HeaderValue::from_str(&text).expect("hexadecimal digits are visible");
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}
