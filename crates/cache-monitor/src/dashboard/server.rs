//! The listening socket of the dashboard, and its connection limits.

use std::io::ErrorKind;
use std::net::SocketAddr;

use anyhow::Result;
use axum::Router;
use bounded_http::Limits;
use cli_support::interruption::interrupted;
use cli_support::usage;
use tokio::net::TcpListener;

/// Listens on this address.
///
/// # Errors
/// A usage error with the reason and the remedy.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let next = match error.kind() {
            ErrorKind::AddrInUse => "another program listens there: end it, or choose another port with --listen",
            ErrorKind::PermissionDenied => "choose a port from 1024 on with --listen",
            ErrorKind::AddrNotAvailable => "this machine has no such address: choose one of its own with --listen",
            _ => "choose another address with --listen",
        };
        usage(format!("cannot listen on {address}: {error}; {next}"))
    })
}

/// Serves requests until it is interrupted.
pub(crate) async fn serve(listener: TcpListener, router: Router) {
    // Requests still in progress are dropped when the process ends, because they change nothing.
    let _ = bounded_http::serve(listener, router, Limits::default(), interrupted()).await;
}
