//! The listener and its connections, with the limits that keep a slow or greedy client from harming the others.
//!
//! Invariants: a bounded number of connections; a head has a largest size and a longest time; a client that takes nothing of its
//! answer for [`LONGEST_STANDSTILL`] loses its connection; when the dashboard ends, requests have [`GRACE`] to end, whatever
//! their clients do.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use cli_support::usage;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;

use crate::interruption::Interruption;

const MOST_CONNECTIONS: usize = 256;
/// A head of a request, in bytes.
const LONGEST_HEAD: usize = 16 * 1_024;
const LONGEST_WAIT_FOR_HEAD: Duration = Duration::from_secs(10);
/// From when the buffers of the system are full until the client reads on.
const LONGEST_STANDSTILL: Duration = Duration::from_secs(30);
const GRACE: Duration = Duration::from_secs(1);
/// After an error of the system, such as too many open files, which does not go away by asking at once.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(200);

type Connection = Pin<Box<TimeoutStream<TcpStream>>>;

/// Listens on this address.
///
/// # Errors
/// A usage error that says why not, and what to do.
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

/// Answers requests until it is interrupted.
pub(crate) async fn serve(listener: TcpListener, router: Router, mut interruption: Interruption) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let connections = GracefulShutdown::new();
    loop {
        let place = Arc::clone(&places).acquire_owned();
        let arrival = async {
            let place = place.await.expect("the semaphore is never closed");
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = interruption.wait() => break,
            arrived = arrival => arrived,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            continue;
        };
        let talk = talk(patient(stream, LONGEST_STANDSTILL), router.clone(), connections.watcher());
        tokio::spawn(async move {
            talk.await;
            drop(place);
        });
    }
    drop(listener);
    // What has not ended by then is given up with the process.
    let _ = tokio::time::timeout(GRACE, connections.shutdown()).await;
}

/// A connection whose writing fails after so long without progress.
fn patient(stream: TcpStream, longest_standstill: Duration) -> Connection {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(longest_standstill));
    Box::pin(stream)
}

async fn talk(stream: Connection, router: Router, watcher: Watcher) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(LONGEST_WAIT_FOR_HEAD)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // An error is one of the client: it went away, or sent no HTTP.
    let _ = watcher.watch(connection).await;
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::body::{Body, Bytes};
    use axum::routing::get;
    use futures_util::stream;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Longer than anything takes on a slow machine.
    const DEADLINE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_client_that_does_not_read_loses_its_connection() {
        let listener = listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let endless = || stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 65_536])));
        let router = Router::new().route("/", get(async move || Body::from_stream(endless())));
        let connections = GracefulShutdown::new();
        let talking = talk(patient(stream, Duration::from_millis(50)), router, connections.watcher());
        let talking = tokio::spawn(talking);
        client.write_all(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n").await.unwrap();
        assert_eq!(client.read_u8().await.unwrap(), b'H');
        // It would last as long as the client, which is still there.
        tokio::time::timeout(DEADLINE, talking).await.unwrap().unwrap();
        drop(client);
    }
}
