//! The tracking connections of L1: one to each primary. They receive an invalidation message for every change of a key
//! of the types that have L1, whichever program made it.
//!
//! They use RESP3 `CLIENT TRACKING ON BCAST` on the prefixes of the types. Heartbeats are sent over the data
//! connection to the same primary, and come back here. L1 does not count without their echoes from every primary
//! (`liveness`). Every entry is void after a connection is lost, a database is flushed or exchanged, the slot map
//! changes, or L1 becomes live again.
//!
//! The builder starts them if a type has L1.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{MultiplexedConnection, SendError};
use redis::{AsyncConnectionConfig, PushInfo, PushKind, Value};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::MissedTickBehavior;
use tracing::{debug, warn};

use super::guard::Guard;
use crate::clock::Moment;
use crate::connection::error::L2Error;
use crate::connection::link::{Data, Link, LinkId, Terms, Wire};
use crate::connection::shards::Shards;
use crate::connection::which_data;
use crate::declaration::key::{BOOKKEEPING, KeySpace};
use crate::mutation::keeps;

const RECONNECT_MIN: Duration = Duration::from_millis(50);
const RECONNECT_MAX: Duration = Duration::from_secs(2);
/// Heartbeats within one bound, so that some may be late or lost before L1 stops counting.
const BEATS_PER_BOUND: u32 = 4;
/// A heartbeat key is removed after one round trip. This time to live is for a removal that is not sent: the answer to
/// the first command came too late, or the process ended.
const HEARTBEAT_TTL_MS: u64 = 1_000;

/// A tracking connection to one primary.
struct Ear {
    shards: Arc<Shards>,
    guard: Arc<Guard>,
    link: Arc<Link>,
    heartbeat_prefix: String,
    lost: Notify,
}

/// Keeps a tracking connection to each primary of the slot map, until its cache is dropped.
pub(crate) async fn listen_to_all(shards: Arc<Shards>, guard: Arc<Guard>, space: KeySpace) {
    let mut changes = shards.changes();
    let mut ears = JoinSet::new();
    let mut listening: HashMap<LinkId, AbortHandle> = HashMap::new();
    loop {
        let layout = shards.layout();
        listening.retain(|id, ear| {
            let stays = layout.links().iter().any(|link| link.id() == *id);
            if !stays {
                ear.abort();
            }
            stays
        });
        for link in layout.links() {
            let ear = || Ear::new(Arc::clone(&shards), Arc::clone(&guard), Arc::clone(link), &space);
            listening.entry(link.id()).or_insert_with(|| ears.spawn(listen(ear())));
        }
        // The sender lives as long as the links do.
        let _ = changes.changed().await;
        while ears.try_join_next().is_some() {}
    }
}

/// Receives the messages of one primary, forever.
async fn listen(ear: Arc<Ear>) {
    let mut pause = RECONNECT_MIN;
    let mut told = false;
    loop {
        match ear.open().await {
            Ok(connection) => {
                (pause, told) = (RECONNECT_MIN, false);
                // Epochs also advance here, not only when a heartbeat finds L1 not live: a heartbeat that the previous
                // connection received late may have made L1 live again, although messages were missed between the two
                // connections.
                if keeps("bump-on-resubscription") {
                    ear.guard.stamps.bump_all();
                }
                ear.beat(connection).await;
                debug!(endpoint = ear.link.endpoint(), "the ear of L1 was lost");
            }
            Err(error) if !told => {
                told = true;
                warn!(endpoint = ear.link.endpoint(), %error, "L1 is off: Redis does not announce changes");
            }
            Err(_) => {}
        }
        ear.end();
        tokio::time::sleep(pause.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
        pause = (pause * 2).min(RECONNECT_MAX);
    }
}

impl Ear {
    fn new(shards: Arc<Shards>, guard: Arc<Guard>, link: Arc<Link>, space: &KeySpace) -> Arc<Self> {
        let process: u64 = rand::random();
        let heartbeat_prefix = format!("{}{BOOKKEEPING}heartbeat:{process:016x}:", space.prefix());
        Arc::new(Self { shards, guard, link, heartbeat_prefix, lost: Notify::new() })
    }

    /// Connects and turns tracking on.
    async fn open(self: &Arc<Self>) -> Result<MultiplexedConnection, L2Error> {
        let ear = Arc::downgrade(self);
        let hear = move |push: PushInfo| {
            let ear = ear.upgrade().ok_or(SendError)?;
            ear.hear(&push);
            Ok::<(), SendError>(())
        };
        let limit = self.shards.connect_limit();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(limit))
            .set_response_timeout(Some(limit))
            .set_push_sender(hear);
        let client = self.link.resp3_client().await?;
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        let mut tracking = redis::cmd("CLIENT");
        tracking.arg("TRACKING").arg("ON").arg("BCAST");
        for prefix in without_covered(self.guard.prefixes().to_vec()) {
            tracking.arg("PREFIX").arg(prefix);
        }
        tracking.arg("PREFIX").arg(&self.heartbeat_prefix);
        tracking.exec_async(&mut connection).await?;
        Ok(connection)
    }

    /// Sends heartbeats until the connection is lost or they do not come back.
    async fn beat(&self, _connection: MultiplexedConnection) {
        let mut beats = tokio::time::interval(self.guard.bound() / BEATS_PER_BOUND);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut connections = self.link.connections();
        let mut silent = 0;
        loop {
            tokio::select! {
                () = self.lost.notified() => return,
                // Values may now come from another server than messages, until a heartbeat shows that they do not.
                _ = connections.changed() => self.end(),
                _ = beats.tick() => {}
            }
            silent = if self.guard.liveness.is_heard(self.link.id(), Moment::now()) { 0 } else { silent + 1 };
            if silent > 2 * BEATS_PER_BOUND {
                return;
            }
            self.send_heartbeat().await;
        }
    }

    /// Sends one heartbeat. The key carries the time at which it was sent, so that its echo needs no memory, and a tag
    /// in braces that puts it on this primary.
    ///
    /// The key is set, and removed only when that was answered. So Redis has usually begun another cycle, and announces
    /// the key twice, and the second echo proves the heartbeat of the first.
    ///
    /// Before it is sent, the server is asked which data it has. Without that answer no heartbeat is sent, so L1 counts
    /// no longer than one bound after the data were checked.
    async fn send_heartbeat(&self) {
        let (layout, is_cluster) = (self.shards.layout(), self.shards.is_cluster());
        // A primary that has lost its slots will soon have no tracking connection.
        let Some(tag) = layout.tag_of(self.link.id()) else { return };
        let now = Moment::now();
        let key = format!("{}{{{tag}}}:{}:{}", self.heartbeat_prefix, now.monotonic_ms, now.wall_ms);
        let limit = self.shards.command_limit();
        match which_data::look(&self.link, limit).await {
            Ok(Data::Same) => {}
            Ok(Data::Others(_)) => self.end(),
            Err(error) => return debug!(%error, "it is not known which data redis has"),
        }
        let terms = Terms::tell(limit);
        let key = &key;
        let beat = |wire: Wire| async move {
            // A primary that is about to receive its first slot accepts its keys only this way.
            let mut wire = if is_cluster { wire.asking() } else { wire };
            wire.query::<Value>(redis::cmd("SET").arg(key).arg("").arg("PX").arg(HEARTBEAT_TTL_MS)).await?;
            wire.query::<Value>(redis::cmd("UNLINK").arg(key)).await
        };
        if let Err(error) = self.link.run(terms, beat).await {
            debug!(%error, "a heartbeat of L1 was not sent");
        }
    }

    /// Messages are no longer received.
    fn end(&self) {
        self.guard.liveness.end(self.link.id());
    }

    /// Runs in the reader of the connection, in the order of the messages.
    fn hear(&self, push: &PushInfo) {
        match push.kind {
            PushKind::Invalidate => self.hear_invalidation(&push.data),
            PushKind::Disconnection => {
                self.end();
                self.lost.notify_one();
            }
            _ => {}
        }
    }

    fn hear_invalidation(&self, data: &[Value]) {
        let [Value::Array(keys)] = data else {
            // FLUSHDB and FLUSHALL name no keys.
            self.guard.stamps.bump_all();
            return;
        };
        let mut newest_echo = None;
        for key in keys {
            let Value::BulkString(key) = key else { continue };
            let Ok(key) = std::str::from_utf8(key) else { continue };
            match key.strip_prefix(&self.heartbeat_prefix) {
                Some(heartbeat) => newest_echo = newest_echo.max(sent_at(heartbeat)),
                None => self.guard.stamps.bump(key),
            }
        }
        if let Some(sent) = newest_echo {
            self.guard.echoed(self.link.id(), sent);
        }
    }
}

/// When this heartbeat was sent, which the rest of its key says.
fn sent_at(heartbeat: &str) -> Option<Moment> {
    let (_tag, times) = heartbeat.split_once(':')?;
    let (monotonic, wall) = times.split_once(':')?;
    Some(Moment { monotonic_ms: monotonic.parse().ok()?, wall_ms: wall.parse().ok()? })
}

/// Redis refuses prefixes if one begins with another. The shorter one covers both.
fn without_covered(mut prefixes: Vec<String>) -> Vec<String> {
    prefixes.sort_unstable();
    prefixes.dedup_by(|longer, shorter| longer.starts_with(shorter.as_str()));
    prefixes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_prefixes_of_which_one_begins_with_the_other_the_shorter_is_tracked() {
        let prefixes = ["tax_rate", "invoice_lines", "invoice", "active_discounts", "invoice"];
        let kept = without_covered(prefixes.map(str::to_owned).to_vec());
        assert_eq!(kept, ["active_discounts", "invoice", "tax_rate"]);
    }
}
