//! A billing service over HTTP, as you would write it with `billing-core`.
//!
//! `cargo run -p billing-core --example billing-service -- --listen 127.0.0.1:8100`. Any number of them share one
//! database and one Redis. The header `X-Cache` of a read says where the answer came from; the header `X-Invalidation:
//! pending` of a write says that Redis has not acknowledged the invalidation yet. `/metrics` is for Prometheus;
//! `/settings` shows the settings in force. With the feature `otel` traces go to a collector.

mod health;
mod in_force;
mod metrics;
mod problem;
mod reads;
mod watching;
mod writes;

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{get, post, put};
use billing_core::migration::check_schema;
use billing_core::service::BillingService;
use billing_core::settings::{Overrides, Settings};
use billing_core::{printable, process};
use billing_outbox::database::Database;
use bounded_http::{Ending, Limits};
use clap::Parser;
use in_force::InForce;

/// How long requests may take to finish when the process is asked to end; a silent client cannot keep it alive.
const GRACE: Duration = Duration::from_secs(5);
/// A load balancer has one address. It gets half of the connections, and cannot take those that probes and scrapes
/// need.
const CONNECTIONS_OF_ONE: usize = 256;

/// A billing service over HTTP.
#[derive(Debug, Parser)]
struct Arguments {
    /// Address to listen on; port 0 for any.
    #[arg(long, default_value = "127.0.0.1:8100")]
    listen: SocketAddr,
    /// Settings file with the keys that differ from the defaults.
    #[arg(long)]
    config: Option<std::path::PathBuf>,
}

fn main() -> ExitCode {
    let runtime = process::runtime().map_err(anyhow::Error::new);
    match runtime.and_then(|runtime| runtime.block_on(run())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    let watching = watching::start()?;
    let arguments = Arguments::parse();
    let loaded = Settings::load_explained(&Overrides { file: arguments.config, ..Overrides::default() })?;
    let (in_force, settings) = (InForce::of(&loaded), loaded.settings);
    let database = Database::connect(&settings.database).await?;
    check_schema(&database).await?;
    let service = BillingService::open(database, &settings).await?;

    let listener = tokio::net::TcpListener::bind(arguments.listen);
    let listener = listener.await.with_context(|| format!("listen on {}", arguments.listen))?;
    let asked = asked_to_end()?;
    // The first line names the address, since the port may have been 0.
    say(&format!("listening on http://{}", listener.local_addr()?));
    in_force.lines().iter().for_each(|line| say(line));
    let limits = Limits { connections_of_one: CONNECTIONS_OF_ONE, grace: GRACE, ..Limits::default() };
    let ending = bounded_http::serve(listener, routes(service.clone(), in_force), limits, asked).await;
    if ending == Ending::GivenUp {
        tracing::warn!("requests were still going on and are given up");
    }
    service.close().await;
    watching.end().await;
    Ok(())
}

fn routes(service: BillingService, in_force: InForce) -> Router {
    let with_parameters = Router::new()
        .route("/credit-notes/{id}/apply/{invoice_id}", post(writes::apply_credit_note))
        .route("/tax-rates/applicable", get(reads::applicable_tax_rate))
        .layer(from_fn(health::remember));
    let billing = Router::new()
        .route("/invoices", post(writes::create_invoice))
        .route("/invoices/{id}/details", get(reads::invoice_details))
        .route("/invoices/{id}/discounts/{discount_id}", post(writes::apply_discount))
        .route("/invoices/{id}/taxes", post(writes::calculate_taxes))
        .route("/payments", post(writes::process_payment))
        .route("/users/{id}/credit-notes", get(reads::user_credit_notes))
        .route("/credit-notes", post(writes::create_credit_note))
        .route("/tax-rates", post(writes::create_tax_rate))
        .route("/tax-rates/{id}", put(writes::update_tax_rate).delete(writes::delete_tax_rate))
        .route("/discounts", post(writes::create_discount))
        .route("/discounts/active", get(reads::active_discounts))
        .route("/discounts/{id}", put(writes::update_discount))
        .layer(from_fn(health::remember));
    let settings = get(in_force::settings).layer(from_fn(problem::without_parameters));
    Router::new()
        .nest("/api/billing", billing)
        .route("/healthz", get(health::health))
        .route("/metrics", get(metrics::metrics))
        .route_layer(from_fn(problem::without_parameters))
        .nest("/api/billing", with_parameters)
        .layer(axum::Extension(health::LastWrite::default()))
        .with_state(service)
        .route("/settings", settings.with_state(Arc::new(in_force)))
        .fallback(problem::no_such_page)
        .method_not_allowed_fallback(problem::no_such_method)
}

/// Prints one line on stderr. If nobody can read it, the service goes on.
fn say(line: &str) {
    drop(writeln!(std::io::stderr(), "{}", printable(line)));
}

/// Resolves on Ctrl-C, or on the signal with which service managers end a process. It listens from this call on.
#[cfg(unix)]
fn asked_to_end() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Resolves on Ctrl-C.
#[cfg(not(unix))]
fn asked_to_end() -> anyhow::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}
