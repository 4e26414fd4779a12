//! The routes, and their answers except for files.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::from_fn_with_state;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use cli_support::interruption::interrupted;
use futures_util::stream::{self, Stream, StreamExt};
use serde::Deserialize;
use tokio::sync::watch;
use tower_http::compression::CompressionLayer;

use super::access::{LONGEST_FORM, guard, log_in, log_out};
use super::app::App;
use super::assets::{self, Viewers};
use super::metrics::metrics;
use super::model::{EndpointState, Range};
use super::problem::Problem;
use super::watch::{Published, Seat};

/// A page that lost its event stream reconnects after this time.
const RETRY: Duration = Duration::from_millis(2_000);
/// Proxies close connections that are silent for long.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// All routes.
pub(crate) fn router(app: App) -> Router {
    let access = Arc::clone(&app.access);
    let logins = Router::new()
        .route("/login", post(log_in).layer(DefaultBodyLimit::max(LONGEST_FORM)))
        .route("/logout", post(log_out))
        .with_state(Arc::clone(&access));
    Router::new()
        .route("/", get(page))
        .route("/assets/{name}", get(assets::file))
        .route("/api/live", get(live))
        // Half a megabyte for a day. The event stream is not compressed, because a compressor would delay events until
        // a block is full.
        .route("/api/history", get(history).layer(CompressionLayer::new()))
        .route("/metrics", get(metrics))
        .route("/healthz", get(health))
        .merge(logins)
        .fallback(Problem::nothing_there)
        .layer(from_fn_with_state(access, guard))
        .with_state(app)
}

async fn page(State(app): State<App>, headers: HeaderMap) -> Response {
    assets::page(&headers, if app.access.has_gate() { Viewers::LogIn } else { Viewers::NeedNoLogin })
}

async fn live(State(app): State<App>) -> Response {
    let Some(seat) = app.audience.attend() else { return Problem::too_many_streams().into_response() };
    let events = snapshots(app.published.clone(), seat).take_until(interrupted());
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(SIGN_OF_LIFE)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Otherwise nginx would buffer the events.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// The current snapshot, and each new one. A slow reader misses some, but never gets an old one.
fn snapshots(
    mut published: watch::Receiver<Option<Published>>,
    seat: Seat,
) -> impl Stream<Item = Result<Event, Infallible>> {
    published.mark_changed();
    stream::unfold((published, seat), |(mut published, seat)| async move {
        let json = next(&mut published).await?;
        let event = Event::default().event("snapshot").retry(RETRY).data(json);
        Some((Ok(event), (published, seat)))
    })
}

/// `None` if there will be no more.
async fn next(published: &mut watch::Receiver<Option<Published>>) -> Option<Arc<str>> {
    loop {
        published.changed().await.ok()?;
        if let Some(published) = published.borrow_and_update().as_ref() {
            return Some(published.json.clone());
        }
    }
}

#[derive(Deserialize)]
struct Wanted {
    range: Range,
}

async fn history(State(app): State<App>, wanted: Result<Query<Wanted>, QueryRejection>) -> Result<Response, Problem> {
    let Ok(Query(Wanted { range })) = wanted else {
        return Err(Problem::malformed("ask for /api/history?range=15m, 1h, 24h or 30d"));
    };
    app.audience.note();
    let redis = app.published.borrow().as_ref().map(|published| published.redis.clone());
    Ok(axum::Json(app.histories.of(range, redis.as_ref()).await).into_response())
}

/// The dashboard is healthy if it answers. The states of the watched servers are reported, and they may be unreachable.
async fn health(State(app): State<App>) -> Response {
    let states = app.published.borrow().as_ref().map(|it| (it.snapshot.redis.state, it.snapshot.database.state));
    let (redis, database) = states.unwrap_or((EndpointState::NotAsked, EndpointState::NotAsked));
    axum::Json(serde_json::json!({ "status": "ok", "redis": redis, "database": database })).into_response()
}
