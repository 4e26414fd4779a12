//! A wire between a program and its server (Redis, PostgreSQL) that can fail: it can delay, stall, refuse, reset, or
//! lead to another server.
//!
//! Invariants: bytes are never lost, doubled or reordered while a connection lives. Data sent before a stall arrives
//! after it, even if the sender has closed its end, as on a real network. The faults of one proxy affect no other
//! proxy.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// Chunks in transit in one direction of one connection.
const IN_FLIGHT: usize = 1_024;
const CHUNK_BYTES: usize = 64 * 1024;
/// Part of the command by which a client requests invalidation messages.
const TRACKING: &[u8] = b"TRACKING";

/// The behaviour of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Everything passes.
    Pass,
    /// Replies and pushes arrive this much later.
    DelayReplies(Duration),
    /// Connections stay open, but nothing passes in either direction.
    Stall,
    /// Nothing passes on connections that requested pushes (`CLIENT TRACKING`); all others work.
    StallTracking,
    /// New connections are closed at once.
    Refuse,
}

/// A proxy on a loopback port. It ends when dropped, and so do its connections.
#[derive(Debug)]
pub struct FaultProxy {
    port: u16,
    server: Arc<AtomicU16>,
    wire: watch::Sender<Wire>,
    /// Connections made before the newest reset end.
    resets: watch::Sender<u64>,
    accepting: JoinHandle<()>,
}

/// The rules for one connection.
#[derive(Clone)]
struct Rules {
    wire: watch::Receiver<Wire>,
    resets: watch::Receiver<u64>,
    tracks: watch::Sender<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Requests,
    Replies,
}

impl FaultProxy {
    /// Starts a proxy to a port on the loopback. Its tasks run on the current runtime.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn start(server: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("find a port for a proxy")?;
        let port = listener.local_addr()?.port();
        let (wire, resets) = (watch::Sender::new(Wire::Pass), watch::Sender::new(0));
        let server = Arc::new(AtomicU16::new(server));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&server), wire.subscribe(), resets.subscribe()));
        Ok(Self { port, server, wire, resets, accepting })
    }

    /// The port to which programs connect.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on the wire behaves like this, for open connections too.
    pub fn set(&self, wire: Wire) {
        self.wire.send_replace(wire);
    }

    /// Breaks all connections.
    pub fn reset(&self) {
        self.resets.send_modify(|resets| *resets += 1);
    }

    /// Leads new connections to another port on the loopback.
    pub fn lead_to(&self, server: u16) {
        self.server.store(server, Ordering::SeqCst);
    }
}

impl Drop for FaultProxy {
    /// The connections notice that the senders of their rules were dropped.
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    server: Arc<AtomicU16>,
    wire: watch::Receiver<Wire>,
    resets: watch::Receiver<u64>,
) {
    while let Ok((client, _)) = listener.accept().await {
        if *wire.borrow() == Wire::Refuse {
            continue;
        }
        let mut resets = resets.clone();
        resets.mark_unchanged();
        let rules = Rules { wire: wire.clone(), resets, tracks: watch::Sender::new(false) };
        tokio::spawn(forward(client, server.load(Ordering::SeqCst), rules));
    }
}

/// Ends when both directions have ended, at a reset, or with the proxy.
async fn forward(client: TcpStream, server: u16, rules: Rules) {
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await else { return };
    // Without delay, so that small commands do not wait for each other.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let mut resets = rules.resets.clone();
    let both = async {
        tokio::join!(
            pump(from_client, to_server, rules.clone(), Direction::Requests),
            pump(from_server, to_client, rules, Direction::Replies),
        )
    };
    tokio::select! {
        _ = both => {}
        _ = resets.changed() => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut rules: Rules, direction: Direction) {
    let (sender, mut chunks) = mpsc::channel::<(Instant, Vec<u8>)>(IN_FLIGHT);
    let reading = rules.clone();
    let read = async move {
        let mut buffer = vec![0; CHUNK_BYTES];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            let chunk = buffer[..length].to_vec();
            if direction == Direction::Requests && chunk.windows(TRACKING.len()).any(|window| window == TRACKING) {
                reading.tracks.send_replace(true);
            }
            if sender.send((Instant::now() + reading.delay(direction), chunk)).await.is_err() {
                return;
            }
        }
    };
    let write = async move {
        while let Some((due, chunk)) = chunks.recv().await {
            sleep_until(due).await;
            if !rules.until_it_passes().await || to.write_all(&chunk).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(read, write);
}

impl Rules {
    fn delay(&self, direction: Direction) -> Duration {
        match *self.wire.borrow() {
            Wire::DelayReplies(delay) if direction == Direction::Replies => delay,
            _ => Duration::ZERO,
        }
    }

    /// Waits until a stall is over; returns false if the proxy is gone.
    async fn until_it_passes(&mut self) -> bool {
        let tracks = self.tracks.subscribe();
        let passes = |wire: &Wire| match wire {
            Wire::Stall => false,
            Wire::StallTracking => !*tracks.borrow(),
            Wire::Pass | Wire::DelayReplies(_) | Wire::Refuse => true,
        };
        self.wire.wait_for(passes).await.is_ok()
    }
}
