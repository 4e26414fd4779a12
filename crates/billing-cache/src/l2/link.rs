//! The link: one multiplexed connection to one primary, shared by the whole read path, and the task that restores it.
//!
//! Invariants: a caller never waits for a connection attempt, only for a command, and for that no longer than its limit;
//! nothing is resent by the link, because a resent ACQUIRE would break the protocol. One shared connection batches the
//! commands of many tasks; a checkout from a pool for each command costs a second round trip, so the pool serves only what
//! wants a connection of its own.

mod pool;
mod supervision;
mod wire;

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use deadpool_redis::PoolError;
use redis::{ConnectionAddr, RedisError, RedisResult};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tracing::warn;

use super::address::Address;
use super::error::cluster::ClusterError;
use super::error::{L2Error, RedisUnreachable, advice, advice_of_cluster, is_read_only, timeout_of, verdict};
use super::info::{info_field, is_node, is_replica};
use super::shards::is_elsewhere;
use crate::breaker::{Breaker, BreakerSettings, BreakerState, Change, Verdict};
use crate::settings::RedisSettings;
use pool::{Pooled, is_of_server};
use supervision::supervise;

pub(crate) use pool::OwnConnection;
pub(crate) use wire::Wire;

/// Between two questions how large values are that could not be read in time.
const WEIGH_EVERY: Duration = Duration::from_secs(1);

struct Live {
    wire: Wire,
    number: ConnectionNumber,
    server: ConnectionAddr,
}

/// Which of the connections of a process it is, to whatever server, in the order in which they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionNumber(u64);

/// The number of the next connection.
static DIALS: AtomicU64 = AtomicU64::new(1);

/// Whether a new connection may be read from at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Yes: for tools, and where nobody replays.
    Immediate,
    /// Only after [`Link::admit`]: the server may have lost acknowledged invalidations, and somebody applies them again.
    AfterReplay,
}

/// See the module.
pub(crate) struct Link {
    id: LinkId,
    shared: Arc<Shared>,
    supervisor: AbortHandle,
}

/// Which of the links of a process it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LinkId(u64);

impl LinkId {
    /// Stands for what the masters of a cluster say together of who has which slots.
    pub(crate) const LAYOUT: Self = Self(0);
}

#[cfg(test)]
impl LinkId {
    pub(crate) const fn of_test(number: u64) -> Self {
        Self(number)
    }
}

static LINKS: AtomicU64 = AtomicU64::new(1);

struct Shared {
    address: Address,
    /// Connections as they were made at the last dialling; none if the next one may have to be made otherwise.
    pool: ArcSwapOption<Pooled>,
    endpoint: String,
    settings: RedisSettings,
    live: ArcSwapOption<Live>,
    lost: Notify,
    connections: watch::Sender<Option<ConnectionNumber>>,
    /// Told of each change of the connection.
    changes: Changes,
    admission: Admission,
    is_of_cluster: bool,
    /// The number of the connection that may be read from; 0 for none.
    admitted: AtomicU64,
    breaker: Breaker,
    /// Whether the values in Redis are of this source.
    is_ours: Arc<AtomicBool>,
    /// When it was last asked how large values are.
    weighed: Mutex<Option<Instant>>,
}

/// Counts the connections that came and went, over all links of a process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes(Arc<watch::Sender<u64>>);

impl Changes {
    pub(crate) fn note(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}

/// What all links of a process have in common.
#[derive(Clone)]
pub(crate) struct Conduct {
    pub(crate) settings: RedisSettings,
    pub(crate) breaker: BreakerSettings,
    pub(crate) admission: Admission,
    pub(crate) is_of_cluster: bool,
    pub(crate) changes: Changes,
    /// Whether the values in Redis are of this source, so that reads may use them.
    pub(crate) is_ours: Arc<AtomicBool>,
}

impl Link {
    /// Dials once, and goes on dialling in the background if that fails.
    pub(crate) async fn open(address: Address, conduct: &Conduct) -> Self {
        let shared = Shared::new(address, conduct);
        if let Err(error) = shared.dial().await {
            warn!(endpoint = shared.endpoint, %error, "redis is away, reads go to the database");
            shared.lost.notify_one();
        }
        Self::supervised(shared)
    }

    /// Dials in the background.
    pub(crate) fn start(address: Address, conduct: &Conduct) -> Self {
        let shared = Shared::new(address, conduct);
        shared.lost.notify_one();
        Self::supervised(shared)
    }

    fn supervised(shared: Arc<Shared>) -> Self {
        let supervisor = tokio::spawn(supervise(Arc::clone(&shared))).abort_handle();
        Self { id: LinkId(LINKS.fetch_add(1, Ordering::Relaxed)), shared, supervisor }
    }

    pub(crate) fn id(&self) -> LinkId {
        self.id
    }

    /// Where the server is, without any secret.
    pub(crate) fn endpoint(&self) -> &str {
        &self.shared.endpoint
    }

    /// How long a connection attempt may take.
    pub(crate) fn connect_limit(&self) -> Duration {
        self.shared.settings.connect_timeout()
    }

    /// A client for connections that speak RESP3.
    pub(crate) async fn resp3_client(&self) -> Result<redis::Client, L2Error> {
        let info = self.shared.address.connection_info().await?;
        let redis = info.redis_settings().clone().set_protocol(redis::ProtocolVersion::RESP3);
        Ok(redis::Client::open(info.set_redis_settings(redis))?)
    }

    /// Runs an operation on the shared connection.
    ///
    /// May be dropped at any await: the late answer is thrown away by the connection.
    pub(crate) async fn run<T, F>(&self, terms: Terms, operation: impl FnOnce(Wire) -> F) -> Result<T, L2Error>
    where
        F: Future<Output = RedisResult<T>>,
    {
        self.shared.run(terms, operation).await
    }

    /// A connection of one's own, for walks over many keys that must not stand in the way of reads.
    pub(crate) async fn own_connection(&self) -> Result<OwnConnection, RedisUnreachable> {
        let limit = self.shared.settings.connect_timeout();
        let taken = tokio::time::timeout(limit, self.shared.checkout()).await;
        let taken = taken.unwrap_or_else(|_| Err(timeout_of(limit)));
        let (connection, _) = taken.map_err(|error| self.unreachable(error))?;
        Ok(OwnConnection { connection, limit: self.shared.settings.batch_timeout() })
    }

    /// Where the server is.
    pub(crate) fn address(&self) -> &Address {
        &self.shared.address
    }

    /// Asks the server whether it can be used.
    pub(crate) async fn check(&self) -> Result<(), RedisUnreachable> {
        let mut connection = self.own_connection().await?;
        let ping = connection.command::<()>(&redis::cmd("PING")).await;
        ping.map_err(|error| self.unreachable(error))?;
        let info: Option<String> = connection.command(&redis::cmd("INFO")).await.ok();
        refuse_replica(info.as_deref()).map_err(|error| self.unreachable(error))?;
        if !self.address().is_node() && info.as_deref().is_some_and(is_node) {
            return Err(self.unreachable(ClusterError::NotNamed.into()));
        }
        Ok(())
    }

    /// Wraps an error into a sentence for people.
    pub(crate) fn unreachable(&self, source: L2Error) -> RedisUnreachable {
        RedisUnreachable { endpoint: self.endpoint().to_owned(), advice: self.shared.advice(&source), source }
    }

    /// Whether reads use the server now: it is connected, may be read from, and is not skipped.
    pub(crate) fn is_in_use(&self) -> bool {
        let live = self.shared.live.load();
        let may_read = live.as_deref().is_some_and(|live| self.shared.may_read(live));
        may_read && self.shared.is_ours.load(Ordering::Acquire) && self.breaker_state() != BreakerState::Open
    }

    /// The state of the breaker.
    pub(crate) fn breaker_state(&self) -> BreakerState {
        self.shared.breaker.state()
    }

    /// The changes of the breaker since the last call, the oldest first.
    pub(crate) fn take_breaker_changes(&self) -> Vec<Change> {
        self.shared.breaker.take_changes()
    }

    /// The connection there is, and each change of it.
    pub(crate) fn connections(&self) -> watch::Receiver<Option<ConnectionNumber>> {
        self.shared.connections.subscribe()
    }

    /// The number of the connection there is.
    pub(crate) fn connection(&self) -> Option<ConnectionNumber> {
        self.shared.live.load().as_ref().map(|live| live.number)
    }

    /// Whether to ask now how large values are; takes the turn, and there is no other for a while.
    pub(crate) fn may_weigh(&self) -> bool {
        let mut weighed = self.shared.weighed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = weighed.is_none_or(|before| before.elapsed() >= WEIGH_EVERY);
        if is_due {
            *weighed = Some(Instant::now());
        }
        is_due
    }

    /// Lets reads use this connection; without effect if there is another one by now.
    pub(crate) fn admit(&self, connection: ConnectionNumber) {
        if self.connection() == Some(connection) {
            self.shared.admitted.store(connection.0, Ordering::SeqCst);
        }
    }

    /// Keeps reads away from this connection until it is admitted again.
    pub(crate) fn suspend_reads(&self, connection: ConnectionNumber) {
        let _ = self.shared.admitted.compare_exchange(connection.0, 0, Ordering::SeqCst, Ordering::SeqCst);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

/// On what terms an operation is run: for what, and how long it may take.
#[derive(Clone, Copy)]
pub(crate) struct Terms {
    purpose: Purpose,
    limit: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Its answer is served.
    Read,
    /// The server shall know something.
    Tell,
}

impl Terms {
    /// Its answer is served: only by a connection that may be read from, and not while the server is skipped.
    pub(crate) fn read(limit: Duration) -> Self {
        Self { purpose: Purpose::Read, limit }
    }

    /// Whether the answer is served.
    pub(crate) fn are_to_read(self) -> bool {
        self.purpose == Purpose::Read
    }

    /// The server shall know something, whether it may be read from or not.
    pub(crate) fn tell(limit: Duration) -> Self {
        Self { purpose: Purpose::Tell, limit }
    }
}

impl Shared {
    fn new(address: Address, conduct: &Conduct) -> Arc<Self> {
        Arc::new(Self {
            pool: ArcSwapOption::empty(),
            endpoint: address.describe(),
            address,
            settings: conduct.settings.clone(),
            live: ArcSwapOption::empty(),
            lost: Notify::new(),
            connections: watch::Sender::new(None),
            changes: conduct.changes.clone(),
            admission: conduct.admission,
            is_of_cluster: conduct.is_of_cluster,
            admitted: AtomicU64::new(0),
            breaker: Breaker::new(conduct.breaker.clone()),
            is_ours: Arc::clone(&conduct.is_ours),
            weighed: Mutex::default(),
        })
    }

    async fn run<T, F>(&self, terms: Terms, operation: impl FnOnce(Wire) -> F) -> Result<T, L2Error>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let Terms { purpose, limit } = terms;
        let live = self.live.load_full().ok_or(L2Error::Away)?;
        let live = live.as_ref();
        if purpose == Purpose::Read && !self.is_ours.load(Ordering::Acquire) {
            return Err(L2Error::OtherSource);
        }
        if purpose == Purpose::Read && !self.may_read(live) {
            return Err(L2Error::Quarantined);
        }
        let permit = self.breaker.permit(limit);
        if purpose == Purpose::Read && permit.is_none() {
            return Err(L2Error::BreakerOpen);
        }
        let (verdict, answer) = match tokio::time::timeout(limit, operation(live.wire.clone())).await {
            Ok(Ok(answer)) => (Some(Verdict::Success), Ok(answer)),
            Ok(Err(error)) => {
                let broken = error.is_unrecoverable_error() || error.is_io_error() || is_read_only(&error);
                if broken {
                    self.give_up(live, &error);
                }
                // A server that refuses to be told something can still be read; whoever told it knows what to do.
                let says = self.verdict(&error).filter(|_| broken || purpose == Purpose::Read);
                (says, Err(error.into()))
            }
            Err(_) => (Some(Verdict::Failure), Err(timeout_of(limit))),
        };
        if let (Some(permit), Some(verdict)) = (permit, verdict) {
            permit.judge(verdict);
            if self.breaker.state() == BreakerState::Open {
                // Perhaps it is only this connection that is dead; the next trial has a new one.
                self.give_up(live, &"the breaker has opened");
            }
        }
        answer
    }

    /// What an error says about the server. A node of a cluster is well that has the key no longer; but one that is used as a
    /// server of its own is of no use.
    fn verdict(&self, error: &RedisError) -> Option<Verdict> {
        if is_elsewhere(error) {
            return Some(if self.is_of_cluster { Verdict::Success } else { Verdict::Failure });
        }
        verdict(error)
    }

    fn may_read(&self, live: &Live) -> bool {
        self.admission == Admission::Immediate || self.admitted.load(Ordering::SeqCst) == live.number.0
    }

    async fn checkout(&self) -> Result<(deadpool_redis::Connection, ConnectionAddr), L2Error> {
        let pooled = match self.pool.load_full() {
            Some(pooled) => pooled,
            None => self.renew_pool().await?,
        };
        let connection = pooled.checkout().await.map_err(|error| {
            if is_of_server(&error) {
                // Perhaps the server is elsewhere by now, or wants other certificates.
                self.pool.store(None);
            }
            match error {
                PoolError::Backend(error) => error.into(),
                _ => timeout_of(self.settings.connect_timeout()),
            }
        })?;
        Ok((connection, pooled.server.clone()))
    }

    /// Connections to where the server is by now, with what the files of TLS hold by now.
    async fn renew_pool(&self) -> Result<Arc<Pooled>, L2Error> {
        let server = self.address.server().await?;
        let info = self.address.connection_info_of(server.clone())?;
        let pooled = Arc::new(Pooled::new(server, info, &self.settings)?);
        self.pool.store(Some(Arc::clone(&pooled)));
        Ok(pooled)
    }

    /// The next step after an error.
    fn advice(&self, error: &L2Error) -> &'static str {
        if self.address.may_move() && error.is_unreachable() {
            "a failover may be going on: try again in a few seconds, and if that does not help, see the log of the sentinels"
        } else if self.address.is_node() && error.is_unreachable() {
            advice_of_cluster(error)
        } else if !self.address.has_tls() {
            advice(error)
        } else if error.is_timeout() {
            // A server without TLS waits for the end of what it takes for a line.
            "is the server running, are REDIS_HOST and REDIS_PORT right, and does it speak TLS on this port?"
        } else if error.is_closed() {
            // The alert that says why may be lost with the connection.
            "the server closed the connection: is it at its limit of clients, or does it want another REDIS_TLS_CLIENT_CERT?"
        } else {
            advice(error)
        }
    }

    /// Drops the connection `live`, unless it was already replaced, and wakes the supervisor.
    fn give_up(&self, live: &Live, error: &dyn std::fmt::Display) {
        let current = self.live.load();
        if current.as_ref().is_some_and(|current| current.number == live.number) {
            let before = self.live.compare_and_swap(&*current, None);
            if before.as_ref().is_some_and(|before| before.number == live.number) {
                warn!(endpoint = self.endpoint, %error, "redis connection lost, reads go to the database");
                self.connections.send_replace(None);
                self.changes.note();
                self.pool.store(None);
                self.lost.notify_one();
            }
        }
    }

    /// Connects and notes the run id.
    async fn dial(&self) -> Result<(), L2Error> {
        let limit = self.settings.connect_timeout();
        self.pool.store(None);
        let dialled = tokio::time::timeout(limit, self.greet()).await.map_err(|_| timeout_of(limit))??;
        let number = dialled.number;
        self.live.store(Some(Arc::new(dialled)));
        self.connections.send_replace(Some(number));
        self.changes.note();
        Ok(())
    }

    /// Only a primary will do: a replica may not have heard of an invalidation yet that was acknowledged.
    async fn greet(&self) -> Result<Live, L2Error> {
        let (connection, server) = self.checkout().await?;
        let mut connection = deadpool_redis::Connection::take(connection);
        // A server that hides INFO is served all the same; its rows then carry no history.
        let info: Option<String> = redis::cmd("INFO").query_async(&mut connection).await.ok();
        refuse_replica(info.as_deref())?;
        let run_id = info.as_deref().and_then(|info| info_field(info, "run_id")).map(Arc::from);
        Ok(Live {
            wire: Wire { connection, run_id, asking: false },
            number: ConnectionNumber(DIALS.fetch_add(1, Ordering::Relaxed)),
            server,
        })
    }
}

fn refuse_replica(info: Option<&str>) -> Result<(), L2Error> {
    if info.is_some_and(is_replica) { Err(L2Error::Replica) } else { Ok(()) }
}
