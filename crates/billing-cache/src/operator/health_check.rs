//! Checks the server itself, on separate connections, which bypass the breaker and the shared connection.
//!
//! Invariants: only a probe key is written, which ends within seconds. A fact that cannot be found out is an error and
//! not a guess. The caller judges the facts.
//!
//! Used by `health`.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use redis::aio::SendError;
use redis::{AsyncConnectionConfig, PushInfo, PushKind, Value};
use tokio::sync::mpsc;

use super::keyspace::server::ServerInfo;
use super::rights::{self, Missing, probe_key};
use crate::connection::error::L2Error;
use crate::connection::info::{evicted_keys, info_field, is_node};
use crate::connection::link::{Link, OwnConnection};
use crate::connection::sentinel::SentinelFacts;
use crate::connection::tls::look::TlsFacts;
use crate::protocol::fill::idle_fill;
use crate::read::shared::Shared;

/// An odd number, so that the median is one of them.
const PINGS: usize = 21;
/// A probe key is removed at once. This time to live is for a server that dies between the two commands.
const PROBE_TTL_MS: u64 = 10_000;

/// The facts about a Redis that answers.
#[derive(Debug)]
#[non_exhaustive]
pub struct Examination {
    /// Its address, without any secret.
    pub endpoint: String,
    /// The facts from `INFO`.
    pub server: Result<ServerFacts, L2Error>,
    /// The TLS in use; `None` without TLS.
    pub tls: Result<Option<TlsFacts>, L2Error>,
    /// What the sentinels report; `None` without sentinels.
    pub sentinels: Result<Option<SentinelFacts>, L2Error>,
    /// The rights that the user lacks, and the commands that the server lacks.
    pub missing: Result<Missing, L2Error>,
    /// Whether a second connection received an invalidation message for a change of a key, which L1 needs.
    pub announcements: Result<(), L2Error>,
    /// Whether the scripts of the protocol can be run.
    pub scripts: Result<(), L2Error>,
    /// Durations of single PINGs, one after the other, the shortest first; never empty.
    pub pings: Result<Vec<Duration>, L2Error>,
    /// The difference between the clock of the server and the clock of this machine.
    pub clock: Result<ClockOffset, L2Error>,
}

/// The facts about a server from `INFO`.
#[derive(Clone, Debug)]
pub struct ServerFacts {
    /// Version, role, memory.
    pub info: ServerInfo,
    /// Whether it is a node of a Redis Cluster.
    pub is_cluster: bool,
    /// Number of connected replicas.
    pub replicas: u64,
    /// Whether it refuses writes while too few replicas follow (`min-replicas-to-write`).
    pub requires_replicas: bool,
    /// Whether it writes an append-only file.
    pub appends: bool,
    /// Whether its last snapshot on disk succeeded. After a failed one it refuses writes by default.
    pub last_snapshot_succeeded: bool,
    /// Keys evicted since its start, of any program.
    pub evicted_keys: u64,
}

/// The difference between two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockOffset {
    /// The other clock minus this machine's, in milliseconds.
    pub offset_ms: i64,
    /// The possible error in milliseconds: half the duration of the question.
    pub uncertainty_ms: u64,
}

impl ClockOffset {
    /// The offset of a clock that was asked at `asked`, answered after `took`, and showed `other` since 1970.
    #[must_use]
    pub fn between(asked: SystemTime, took: Duration, other: Duration) -> Self {
        let here = asked.duration_since(UNIX_EPOCH).unwrap_or_default() + took / 2;
        let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self { offset_ms: millis(other).saturating_sub(millis(here)), uncertainty_ms: millis(took / 2).unsigned_abs() }
    }

    /// The smallest possible difference between the two clocks, in milliseconds.
    #[must_use]
    pub fn at_least_ms(&self) -> u64 {
        self.offset_ms.unsigned_abs().saturating_sub(self.uncertainty_ms)
    }
}

/// Waits for a first answer. A server that needs a password, is still loading, or is no Redis does not answer anything
/// else either. A missing right to PING is not an error here, because the check of rights reports it.
pub(crate) async fn greet(connection: &mut OwnConnection) -> Result<(), L2Error> {
    match connection.command::<Value>(&redis::cmd("PING")).await {
        Err(error) if !error.is_refusal() => Err(error),
        _ => Ok(()),
    }
}

/// Runs all checks. A check that fails does not prevent the others.
pub(crate) async fn examine(connection: &mut OwnConnection, shared: &Shared, link: &Link, tag: &str) -> Examination {
    let probe = probe_key(shared, tag);
    let is_here = |key: &str| shared.shards.link_of(key).is_ok_and(|owner| owner.id() == link.id());
    let of_type = rights::probe_of_type(shared, is_here);
    Examination {
        endpoint: link.endpoint().to_owned(),
        server: server_facts(connection).await,
        tls: look_at_tls(link).await,
        sentinels: link.address().sentinels().await,
        missing: rights::missing(connection, shared, &probe).await,
        announcements: hear_announcement(connection, link, &probe).await,
        scripts: run_scripts(connection, of_type.as_ref().unwrap_or(&probe)).await,
        pings: ping(connection).await,
        clock: clock(connection).await,
    }
}

async fn look_at_tls(link: &Link) -> Result<Option<TlsFacts>, L2Error> {
    let looked = tokio::time::timeout(link.connect_limit(), link.address().look_at_tls()).await;
    looked.unwrap_or(Err(L2Error::Unexpected { command: "a TLS handshake" }))
}

async fn server_facts(connection: &mut OwnConnection) -> Result<ServerFacts, L2Error> {
    let info: String = connection.command(&redis::cmd("INFO")).await?;
    let number = |field| info_field(&info, field).and_then(|value| value.parse().ok()).unwrap_or(0);
    Ok(ServerFacts {
        info: ServerInfo::of(&info),
        is_cluster: is_node(&info),
        replicas: number("connected_slaves"),
        requires_replicas: info_field(&info, "min_slaves_good_slaves").is_some(),
        appends: info_field(&info, "aof_enabled") == Some("1"),
        last_snapshot_succeeded: info_field(&info, "rdb_last_bgsave_status") != Some("err"),
        evicted_keys: evicted_keys(&info),
    })
}

/// Changes a key over one connection and waits for the invalidation message on another, like a tracking connection of
/// L1.
async fn hear_announcement(connection: &mut OwnConnection, link: &Link, key: &str) -> Result<(), L2Error> {
    let (sender, mut heard) = mpsc::unbounded_channel();
    let hear = move |push: PushInfo| match push.kind {
        PushKind::Invalidate => sender.send(()).map_err(|_| SendError),
        _ => Ok(()),
    };
    let limit = link.connect_limit();
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(limit))
        .set_response_timeout(Some(limit))
        .set_push_sender(hear);
    let mut ear = link.resp3_client().await?.get_multiplexed_async_connection_with_config(&config).await?;
    redis::cmd("CLIENT").arg(&["TRACKING", "ON", "BCAST", "PREFIX", key]).exec_async(&mut ear).await?;
    let mut change = redis::pipe();
    change.cmd("SET").arg(key).arg("").arg("PX").arg(PROBE_TTL_MS).ignore().cmd("UNLINK").arg(key).ignore();
    connection.pipeline::<()>(&change).await?;
    match tokio::time::timeout(limit, heard.recv()).await {
        Ok(Some(())) => Ok(()),
        _ => Err(L2Error::Unexpected { command: "CLIENT TRACKING" }),
    }
}

/// Runs FILL under a lease that nobody holds, which stores nothing.
async fn run_scripts(connection: &mut OwnConnection, key: &str) -> Result<(), L2Error> {
    match connection.command(&idle_fill(key)).await? {
        Value::Int(0) => Ok(()),
        _ => Err(L2Error::Unexpected { command: "FILL" }),
    }
}

async fn ping(connection: &mut OwnConnection) -> Result<Vec<Duration>, L2Error> {
    let mut times = Vec::with_capacity(PINGS);
    for _ in 0..PINGS {
        let sent = Instant::now();
        connection.command::<()>(&redis::cmd("PING")).await?;
        times.push(sent.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

async fn clock(connection: &mut OwnConnection) -> Result<ClockOffset, L2Error> {
    let (asked, started) = (SystemTime::now(), Instant::now());
    let (seconds, micros): (u64, u64) = connection.command(&redis::cmd("TIME")).await?;
    let shown = Duration::from_secs(seconds) + Duration::from_micros(micros);
    Ok(ClockOffset::between(asked, started.elapsed(), shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_compared_at_the_middle_of_the_question() {
        let asked = UNIX_EPOCH + Duration::from_secs(100);
        let (took, other) = (Duration::from_millis(20), Duration::from_millis(97_000));
        let offset = ClockOffset::between(asked, took, other);
        assert_eq!(offset, ClockOffset { offset_ms: -3_010, uncertainty_ms: 10 });
        assert_eq!(offset.at_least_ms(), 3_000);
    }
}
