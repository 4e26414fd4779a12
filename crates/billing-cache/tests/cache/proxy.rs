//! A wire between a cache and its Redis that can keep replies back: what was asked for is done, and the asker does not know.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Forwards connections to a port on the loopback until it is dropped.
pub(crate) struct Proxy {
    port: u16,
    connections: Arc<AtomicU64>,
    /// Connections with a smaller number get no replies.
    held_below: watch::Sender<u64>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicU64::new(0));
        let held_below = watch::Sender::new(0);
        let (counter, held) = (Arc::clone(&connections), held_below.subscribe());
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let number = counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(forward(client, server, number, held.clone()));
            }
        });
        Self { port, connections, held_below, accepting }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Keeps the replies back on all connections there are; later ones are not concerned.
    pub(crate) fn hold_replies(&self) {
        self.held_below.send_replace(self.connections.load(Ordering::SeqCst));
    }

    pub(crate) fn release_replies(&self) {
        self.held_below.send_replace(0);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Ends with either side, or with the proxy.
async fn forward(client: TcpStream, server: u16, number: u64, mut held: watch::Receiver<u64>) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", server)).await?;
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let requests = tokio::spawn(async move { copy(&mut from_client, &mut to_server).await });
    let mut reply = vec![0; 64 * 1024];
    loop {
        let length = from_server.read(&mut reply).await?;
        if length == 0 || held.wait_for(|below| *below <= number).await.is_err() {
            requests.abort();
            return Ok(());
        }
        to_client.write_all(&reply[..length]).await?;
    }
}
