//! A proxy before PostgreSQL that cuts a connection at its COMMIT, before or after the server heard it.
//!
//! The idea is crates.io's `chaosproxy.rs`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Where the next COMMIT ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Cut {
    Nowhere,
    /// The server never hears it.
    BeforeServer,
    /// The server does it, and the client does not hear so.
    AfterServer,
}

/// The running proxy; ends when dropped.
#[derive(Debug)]
pub(crate) struct PostgresProxy {
    address: SocketAddr,
    cut: Arc<AtomicU8>,
    _connections: JoinSet<()>,
}

impl PostgresProxy {
    /// A proxy for the server of this URL.
    pub(crate) async fn before(url: &str) -> Self {
        let server = host_and_port(url).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cut = Arc::new(AtomicU8::new(Cut::Nowhere as u8));
        let mut connections = JoinSet::new();
        connections.spawn(accept(listener, server, Arc::clone(&cut)));
        Self { address, cut, _connections: connections }
    }

    /// The same URL by way of the proxy.
    pub(crate) fn url_of(&self, url: &str) -> String {
        url.replacen(host_and_port(url), &self.address.to_string(), 1) + "?sslmode=disable"
    }

    /// Cuts the connection of the next COMMIT.
    pub(crate) fn cut_next_commit(&self, cut: Cut) {
        self.cut.store(cut as u8, Ordering::SeqCst);
    }
}

fn host_and_port(url: &str) -> &str {
    let authority = url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap();
    authority.rsplit('@').next().unwrap()
}

async fn accept(listener: TcpListener, server: String, cut: Arc<AtomicU8>) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let server = TcpStream::connect(&server).await.unwrap();
        connections.spawn(forward(client, server, Arc::clone(&cut)));
    }
}

/// Ends with the first error or end of file, which closes both sides.
async fn forward(mut client: TcpStream, mut server: TcpStream, cut: Arc<AtomicU8>) {
    let (mut from_client, mut from_server) = (vec![0; 65_536], vec![0; 65_536]);
    let mut deaf = false;
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let Ok(length @ 1..) = read else { return };
                let said = &from_client[..length];
                if said.windows(7).any(|word| word == b"COMMIT\0") {
                    match cut.swap(Cut::Nowhere as u8, Ordering::SeqCst) {
                        at if at == Cut::BeforeServer as u8 => return,
                        at => deaf = at == Cut::AfterServer as u8,
                    }
                }
                if server.write_all(said).await.is_err() { return }
            }
            read = server.read(&mut from_server) => {
                let Ok(length @ 1..) = read else { return };
                if deaf || client.write_all(&from_server[..length]).await.is_err() { return }
            }
        }
    }
}
