//! The listener and its connections.

use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;

use crate::limits::Limits;
use crate::network::Network;
use crate::shares::Shares;

/// Pause after a system error, such as too many open files: an immediate retry would fail again.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(200);

type Stream = Pin<Box<TimeoutStream<TcpStream>>>;

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Ending {
    /// All requests were answered.
    Complete,
    /// Requests still went on after [`Limits::grace`].
    GivenUp,
}

/// Answers requests until `end` resolves. Handlers get their client's address from [`ConnectInfo`].
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, end: impl Future<Output = ()>) -> Ending {
    let connections = GracefulShutdown::new();
    tokio::select! {
        () = end => {}
        never = accept(&listener, &router, limits, &connections) => match never {},
    }
    drop(listener);
    match tokio::time::timeout(limits.grace, connections.shutdown()).await {
        Ok(()) => Ending::Complete,
        Err(_) => Ending::GivenUp,
    }
}

async fn accept(
    listener: &TcpListener,
    router: &Router,
    limits: Limits,
    connections: &GracefulShutdown,
) -> std::convert::Infallible {
    let (places, shares) = (Arc::new(Semaphore::new(limits.connections)), Shares::of(limits.connections_of_one));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            continue;
        };
        // A network with too many connections gets no answer: the answer would cost what the limit saves.
        let Some(share) = shares.take(Network::of(peer.ip())) else { continue };
        let talk = talk(patient(stream, limits.standstill), peer, router.clone(), limits, connections.watcher());
        tokio::spawn(async move {
            talk.await;
            drop((place, share));
        });
    }
}

/// A connection on which writing fails after this time without progress.
fn patient(stream: TcpStream, standstill: Duration) -> Stream {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(standstill));
    Box::pin(stream)
}

async fn talk(stream: Stream, peer: SocketAddr, router: Router, limits: Limits, watcher: Watcher) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.wait_for_head)
        .max_buf_size(limits.longest_head)
        .serve_connection(TokioIo::new(stream), service);
    // An error is the client's: it went away, or sent no HTTP.
    let _ = pin!(watcher.watch(connection)).await;
}

#[cfg(test)]
mod tests;
