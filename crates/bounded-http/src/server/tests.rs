//! Tests of the server with hostile clients.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::routing::get;
use futures_util::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;

/// Longer than anything takes on a slow machine.
const DEADLINE: Duration = Duration::from_secs(60);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n";

/// A server that answers with the client's address.
struct Server {
    address: SocketAddr,
    end: oneshot::Sender<()>,
    ended: JoinHandle<Ending>,
}

impl Server {
    async fn start(limits: Limits, router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, (end, asked)) = (listener.local_addr().unwrap(), oneshot::channel());
        let ended = tokio::spawn(serve(listener, router, limits, async { drop(asked.await) }));
        Self { address, end, ended }
    }

    async fn telling(limits: Limits) -> Self {
        let tell = async |ConnectInfo(peer): ConnectInfo<SocketAddr>| [("x-peer", peer.ip().to_string())];
        Self::start(limits, Router::new().route("/", get(tell))).await
    }

    async fn client(&self, from: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from.parse::<std::net::Ipv4Addr>().unwrap(), 0).into()).unwrap();
        socket.connect(self.address).await.unwrap()
    }
}

/// The answer to a request; `None` if the connection is closed.
async fn ask(client: &mut TcpStream) -> Option<String> {
    // If it is closed already, reading shows that.
    let _ = client.write_all(REQUEST).await;
    tokio::time::timeout(DEADLINE, answer(client)).await.expect("an answer, or an end")
}

async fn answer(client: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    while !text.windows(4).any(|end| end == b"\r\n\r\n") {
        match client.read_buf(&mut text).await {
            Ok(read) if read > 0 => {}
            _ => return None,
        }
    }
    Some(String::from_utf8(text).unwrap())
}

async fn is_closed(client: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    tokio::time::timeout(DEADLINE, client.read_to_end(&mut rest)).await.is_ok()
}

#[tokio::test]
async fn who_takes_all_connections_of_an_address_leaves_those_of_others() {
    let limits = Limits { connections: 6, connections_of_one: 4, wait_for_head: DEADLINE, ..Limits::default() };
    let server = Server::telling(limits).await;
    let mut greedy = Vec::new();
    for number in 0..20 {
        let mut client = server.client("127.0.0.2").await;
        assert_eq!(ask(&mut client).await.is_some(), number < limits.connections_of_one, "{number}");
        greedy.push(client);
    }
    let told = ask(&mut server.client("127.0.0.3").await).await.unwrap();
    assert!(told.contains("x-peer: 127.0.0.3\r\n"), "{told}");
    // A connection that ends gives its place back.
    drop(greedy.remove(0));
    let mut again = server.client("127.0.0.2").await;
    while ask(&mut again).await.is_none() {
        again = server.client("127.0.0.2").await;
    }
    for client in &mut greedy[..3] {
        assert!(ask(client).await.is_some());
    }
}

#[tokio::test]
async fn a_head_that_does_not_end_ends_its_connection() {
    let limits = Limits { wait_for_head: Duration::from_millis(50), ..Limits::default() };
    let server = Server::telling(limits).await;
    let (mut silent, mut half, mut idle) =
        (server.client("127.0.0.1").await, server.client("127.0.0.1").await, server.client("127.0.0.1").await);
    half.write_all(b"GET / HTTP/1.1\r\nHost: he").await.unwrap();
    assert!(ask(&mut idle).await.is_some());
    for client in [&mut silent, &mut half, &mut idle] {
        assert!(is_closed(client).await);
    }
}

#[tokio::test]
async fn a_head_without_bounds_is_refused() {
    let server = Server::telling(Limits::default()).await;
    let mut client = server.client("127.0.0.1").await;
    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    client.write_all(long.as_bytes()).await.unwrap();
    assert!(answer(&mut client).await.unwrap().starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn a_client_that_does_not_read_loses_its_connection() {
    let endless = || stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 65_536])));
    let router = Router::new().route("/", get(async move || Body::from_stream(endless())));
    let limits = Limits { standstill: Duration::from_millis(50), connections_of_one: 1, ..Limits::default() };
    let server = Server::start(limits, router).await;
    let mut client = server.client("127.0.0.1").await;
    client.write_all(REQUEST).await.unwrap();
    assert_eq!(client.read_u8().await.unwrap(), b'H');
    // It would keep its place as long as it exists.
    let gets_in = async {
        loop {
            let mut next = server.client("127.0.0.1").await;
            // An error means that it was closed.
            let _ = next.write_all(REQUEST).await;
            if next.read_u8().await.is_ok() {
                break;
            }
        }
    };
    tokio::time::timeout(DEADLINE, gets_in).await.unwrap();
    drop(client);
}

#[tokio::test]
async fn the_end_waits_for_requests_as_long_as_they_have() {
    for (grace, ending) in [(Duration::from_millis(20), Ending::GivenUp), (DEADLINE, Ending::Complete)] {
        let (begun, hears) = tokio::sync::mpsc::unbounded_channel();
        let finish = Arc::new(tokio::sync::Notify::new());
        let waits = Arc::clone(&finish);
        let slow = async move || {
            begun.send(()).unwrap();
            waits.notified().await;
        };
        let server = Server::start(Limits { grace, ..Limits::default() }, Router::new().route("/", get(slow))).await;
        let mut client = server.client("127.0.0.1").await;
        client.write_all(REQUEST).await.unwrap();
        let mut hears = hears;
        hears.recv().await.unwrap();
        server.end.send(()).unwrap();
        if ending == Ending::Complete {
            finish.notify_one();
            assert!(answer(&mut client).await.is_some());
        }
        assert_eq!(server.ended.await.unwrap(), ending);
    }
}
