//! `cache-monitor dashboard`: a page that shows the state of the cache, live and over time.
//!
//! Command line → listener and access → background tasks ([`watch`]) → routes ([`routes`]). Invariants: no cached value
//! is changed; Redis and the database may be unreachable at any time; no page, answer, log or error contains a secret.

mod access;
mod app;
mod arguments;
mod assets;
mod metrics;
mod model;
mod problem;
mod routes;
mod server;
mod summary;
mod watch;

use std::sync::Arc;

use anyhow::{Context, Result};
use billing_core::cached::BillingCache;
use billing_core::settings::{Loaded, Settings};
use cli_support::{Code, CommonArgs, exit, interruption, open};
use tokio::sync::watch::{Receiver, Sender};
use tokio::task::JoinSet;

use self::access::{Access, Hosts, Token};
use self::app::Shared;
pub(crate) use self::arguments::Arguments;
use self::watch::{Audience, Auditor, Board, DatabaseWatch, Histories, Live, Published, Surveyor, TypeFacts};

/// Serves until Ctrl-C or SIGTERM.
///
/// # Errors
/// Wrong arguments or settings, or an address on which it cannot listen.
pub(crate) async fn run(arguments: &Arguments, common: &CommonArgs) -> Result<Code> {
    let token = Token::of(arguments)?;
    let Loaded { settings, remarks, .. } = common.settings_explained()?;
    let cache = open::cache_to_look_at(&settings).await?;
    interruption::listen();
    let listener = server::listen(arguments.listen).await?;
    let address = listener.local_addr().context("learn the port")?;
    let access = Arc::new(Access::new(Hosts::new(address, &arguments.allowed_hosts)?, token));

    let types = TypeFacts::of(&settings);
    let names = types.iter().map(|facts| facts.name).collect();
    let audience = Arc::new(Audience::default());
    let every = arguments.audits().map(|rounds| rounds.every);
    let board = Arc::new(Board::blank(&types, cache.source().describe(), every));
    let watched = Watched { arguments, settings, types, cache: &cache, audience: &audience, board: &board };
    let (published, watching) = watch_all(watched);
    let histories = Histories::new(cache.clone(), names);
    let app = Arc::new(Shared { access, audience, published, board, histories, cache: cache.clone() });
    // The first line shows the address, because the operating system may have chosen the port.
    exit::say(format_args!("dashboard at http://{address}/"));
    remarks.iter().for_each(exit::warn);
    server::serve(listener, routes::router(app)).await;
    drop(watching);
    // Sends what audits counted since the last flush.
    cache.flush_counters().await;
    Ok(Code::Fine)
}

/// What to watch, and how.
struct Watched<'a> {
    arguments: &'a Arguments,
    settings: Settings,
    types: Vec<TypeFacts>,
    cache: &'a BillingCache,
    audience: &'a Arc<Audience>,
    board: &'a Arc<Board>,
}

/// Starts the background tasks. They end when the set is dropped.
fn watch_all(watched: Watched<'_>) -> (Receiver<Option<Published>>, JoinSet<()>) {
    let Watched { arguments, settings, types, cache, audience, board } = watched;
    let publish = Sender::new(None);
    let published = publish.subscribe();
    let mut tasks = JoinSet::new();
    tasks.spawn(Live::new(cache.clone(), types, Arc::clone(board), Arc::clone(audience)).go_on(publish));
    if let Some(rounds) = arguments.surveys() {
        tasks.spawn(Surveyor { cache: cache.clone(), rounds, board: Arc::clone(board) }.go_on());
    }
    if let Some(rounds) = arguments.audits() {
        let sample = arguments.audit_sample();
        tasks.spawn(Auditor { cache: cache.clone(), rounds, sample, board: Arc::clone(board) }.go_on());
    }
    let (board, audience) = (Arc::clone(board), Arc::clone(audience));
    tasks.spawn(DatabaseWatch { cache: cache.clone(), settings, board, audience }.go_on());
    (published, tasks)
}
