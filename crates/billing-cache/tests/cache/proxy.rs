//! A wire between a cache and its Redis that can keep replies back: what was asked for is done, and the asker does not
//! know.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What a client says when it wants to hear of changed keys.
const TRACKING: &[u8] = b"TRACKING";

/// Forwards connections to a port on the loopback until it is dropped.
pub(crate) struct Proxy {
    port: u16,
    connections: Arc<AtomicU64>,
    held: watch::Sender<Held>,
    accepting: JoinHandle<()>,
}

/// Who gets no replies.
#[derive(Clone, Copy, Default)]
struct Held {
    /// Connections with a smaller number,
    below: u64,
    /// but not those that hear of changed keys.
    but_ears: bool,
}

impl Proxy {
    pub(crate) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicU64::new(0));
        let held = watch::Sender::new(Held::default());
        let (counter, rules) = (Arc::clone(&connections), held.subscribe());
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let number = counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(forward(client, server, number, rules.clone()));
            }
        });
        Self { port, connections, held, accepting }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Keeps the replies back on all connections there are; later ones are not concerned.
    pub(crate) fn hold_replies(&self) {
        self.hold(false);
    }

    /// The same but for connections that hear of changed keys.
    pub(crate) fn hold_replies_but_announcements(&self) {
        self.hold(true);
    }

    fn hold(&self, but_ears: bool) {
        self.held.send_replace(Held { below: self.connections.load(Ordering::SeqCst), but_ears });
    }

    pub(crate) fn release_replies(&self) {
        self.held.send_replace(Held::default());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Ends with either side, or with the proxy.
async fn forward(client: TcpStream, server: u16, number: u64, mut held: watch::Receiver<Held>) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", server)).await?;
    let ((from_client, mut to_client), (mut from_server, to_server)) = (client.into_split(), server.into_split());
    let is_ear = Arc::new(AtomicBool::new(false));
    let requests = tokio::spawn(ask(from_client, to_server, Arc::clone(&is_ear)));
    let mut reply = vec![0; 64 * 1024];
    loop {
        let length = from_server.read(&mut reply).await?;
        let passes = |held: &Held| held.below <= number || (held.but_ears && is_ear.load(Ordering::SeqCst));
        if length == 0 || held.wait_for(passes).await.is_err() {
            requests.abort();
            return Ok(());
        }
        to_client.write_all(&reply[..length]).await?;
    }
}

/// Forwards what the client asks, and notices if it asks to hear of changed keys.
async fn ask(mut client: OwnedReadHalf, mut server: OwnedWriteHalf, is_ear: Arc<AtomicBool>) -> std::io::Result<()> {
    let mut asked = vec![0; 64 * 1024];
    loop {
        let length = client.read(&mut asked).await?;
        if length == 0 {
            return server.shutdown().await;
        }
        if asked[..length].windows(TRACKING.len()).any(|word| word == TRACKING) {
            is_ear.store(true, Ordering::SeqCst);
        }
        server.write_all(&asked[..length]).await?;
    }
}
