//! Logging in, by a form for people that trades the token for a session, and logging out.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{ConnectInfo, Form, FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bounded_http::Network;
use serde::Deserialize;

use super::gate::Verdict;
use super::sessions::LIFE;
use super::{COOKIE, cookies};
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
pub(crate) async fn log_in(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let scope = cookie_scope(request.headers());
    let Some(gate) = &app.access.gate else { return to("/") };
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

/// `POST /logout`: the session ends here, and the browser forgets it.
pub(crate) async fn log_out(State(app): State<App>, headers: HeaderMap) -> Response {
    if let Some(gate) = &app.access.gate {
        cookies(&headers).for_each(|session| gate.sessions.end(session));
    }
    with_cookie(to("/"), "", Duration::ZERO, cookie_scope(&headers))
}

/// The form, to whoever asked for the page.
pub(super) fn form() -> Response {
    (StatusCode::UNAUTHORIZED, assets::login_form()).into_response()
}

fn to(path: &'static str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response()
}

/// Behind a proxy that speaks TLS the cookie stays with TLS. Whoever lies about it harms only himself.
fn cookie_scope(headers: &HeaderMap) -> &'static str {
    if headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https") { "; Secure" } else { "" }
}

fn with_cookie(mut response: Response, session: &str, life: Duration, scope: &str) -> Response {
    let text = format!("{COOKIE}={session}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{scope}", life.as_secs());
    let cookie = HeaderValue::from_str(&text).expect("hexadecimal digits are visible");
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}
