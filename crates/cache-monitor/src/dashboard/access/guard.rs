//! The checks in front of all routes.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bounded_http::Network;

use super::gate::{Gate, Verdict};
use super::host::Hosts;
use super::sessions::cookies;
use super::token::Token;
use crate::dashboard::assets;
use crate::dashboard::problem::Problem;

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src \
    'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The allowed hosts, and the token check.
#[derive(Debug)]
pub(crate) struct Access {
    hosts: Hosts,
    /// `None` if no token is needed: then everybody who reaches the address may see the dashboard.
    pub(super) gate: Option<Gate>,
}

impl Access {
    pub(crate) fn new(hosts: Hosts, token: Option<Token>) -> Self {
        Self { hosts, gate: token.map(Gate::new) }
    }

    /// Whether viewers log in, and so can log out.
    pub(crate) fn has_gate(&self) -> bool {
        self.gate.is_some()
    }

    fn refusal(&self, network: Network, request: &Request) -> Option<Response> {
        let (method, path, headers) = (request.method(), request.uri().path(), request.headers());
        // Health probes may use any host name; the answer tells them nothing secret.
        if path != "/healthz" && !only_host(headers).is_some_and(|host| self.hosts.allow(host)) {
            return Some(Problem::wrong_host().into_response());
        }
        if !is_taken(method, path) {
            return Some(Problem::wrong_method(method).into_response());
        }
        let gate = self.gate.as_ref().filter(|_| !is_public(path))?;
        // A viewer who is logged in does not wait because another one of the same network guesses.
        if cookies(headers).any(|session| gate.sessions.know(session)) {
            return None;
        }
        match bearer(headers).map(|shown| gate.judge(shown, network)) {
            Some(Verdict::Right) => None,
            Some(Verdict::TooSoon(wait)) => Some(Problem::too_many_guesses(wait).into_response()),
            Some(Verdict::Wrong) | None => Some(who_are_you(path)),
        }
    }
}

fn is_taken(method: &Method, path: &str) -> bool {
    match *method {
        Method::GET | Method::HEAD => true,
        Method::POST => matches!(path, "/login" | "/logout"),
        _ => false,
    }
}

/// Paths that need no token. The code of the page holds no secret, and the login form needs its style. Logout also
/// works with a session that has ended.
fn is_public(path: &str) -> bool {
    matches!(path, "/healthz" | "/login" | "/logout") || path.starts_with("/assets/")
}

fn who_are_you(path: &str) -> Response {
    match path {
        "/" => (StatusCode::UNAUTHORIZED, assets::login_form()).into_response(),
        _ => Problem::unauthorized().into_response(),
    }
}

/// The `Host` header, if there is exactly one.
fn only_host(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next()?;
    if hosts.next().is_some() { None } else { host.to_str().ok() }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok().and_then(bearer_of)
}

fn bearer_of(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The middleware in front of all routes.
pub(crate) async fn guard(
    State(access): State<Arc<Access>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match access.refusal(Network::of(peer.ip()), &request) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    protect(response.headers_mut());
    response
}

fn protect(headers: &mut HeaderMap) {
    let always: [(HeaderName, &'static str); 5] = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in always {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Anything without a cache policy is data and must not be stored.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_is_read_as_the_standard_has_it() {
        for (text, token) in [("Bearer x", Some("x")), ("bearer  x ", Some("x")), ("Basic x", None), ("Bearer", None)] {
            assert_eq!(bearer_of(text), token, "{text}");
        }
    }

    #[test]
    fn two_hosts_are_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(only_host(&headers), None);
        headers.append(header::HOST, HeaderValue::from_static("a"));
        assert_eq!(only_host(&headers), Some("a"));
        headers.append(header::HOST, HeaderValue::from_static("b"));
        assert_eq!(only_host(&headers), None);
    }
}
