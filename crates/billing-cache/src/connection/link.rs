//! The link: one multiplexed connection to one primary, shared by the whole read path, and the task that restores it.
//!
//! Invariants: a caller never waits for a connection attempt, only for a command, and never longer than its limit. The
//! link sends nothing twice, because a repeated ACQUIRE would break the protocol. One shared connection batches the
//! commands of many tasks. A checkout from a pool for each command would cost a second round trip, so only operations
//! that need a separate connection use the pool.
//!
//! `shards` opens the links. The protocol runs its commands on them.

mod gathering;
mod groups;
mod ids;
mod options;
mod pool;
mod state;
mod supervision;
mod wire;

use std::future::Future;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use redis::RedisResult;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tracing::warn;

use super::address::Address;
use super::breaker::{BreakerState, Change};
use super::data_id::{DataId, IfNone};
use super::error::cluster::ClusterError;
use super::error::{L2Error, RedisUnreachable, timeout_of};
use super::info::is_node;
use groups::Gatherer;
use state::{Shared, refuse_replica};
use supervision::supervise;

pub(crate) use gathering::{Answers, Commands};
pub use ids::ConnectionNumber;
pub(crate) use ids::LinkId;
pub(crate) use options::{Admission, Changes, Conduct, Terms};
pub(crate) use pool::OwnConnection;
pub(crate) use state::Data;
pub(crate) use wire::Wire;

/// Pause between two checks of the size of values that could not be read in time.
const WEIGH_EVERY: Duration = Duration::from_secs(1);

/// A link; see the module.
pub(crate) struct Link {
    id: LinkId,
    shared: Arc<Shared>,
    /// The supervision, and the task that sends groups of reads.
    tasks: [AbortHandle; 2],
}

impl Link {
    /// Tries to connect once. If that fails, attempts continue in the background.
    pub(crate) async fn open(address: Address, conduct: &Conduct) -> Self {
        let shared = Shared::new(address, conduct);
        if let Err(error) = shared.dial().await {
            warn!(endpoint = shared.endpoint, %error, "redis is away, reads go to the database");
            shared.lost.notify_one();
        }
        Self::supervised(shared)
    }

    /// Connects in the background.
    pub(crate) fn start(address: Address, conduct: &Conduct) -> Self {
        let shared = Shared::new(address, conduct);
        shared.lost.notify_one();
        Self::supervised(shared)
    }

    fn supervised(shared: Arc<Shared>) -> Self {
        let supervisor = tokio::spawn(supervise(Arc::clone(&shared))).abort_handle();
        let gatherer = tokio::spawn(Gatherer::new(Arc::clone(&shared)).send_groups()).abort_handle();
        Self { id: LinkId::next(), shared, tasks: [supervisor, gatherer] }
    }

    pub(crate) fn id(&self) -> LinkId {
        self.id
    }

    /// The address of the server, without any secret.
    pub(crate) fn endpoint(&self) -> &str {
        &self.shared.endpoint
    }

    /// Limit of a connection attempt.
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
    /// May be dropped at any await: the connection discards the late answer.
    pub(crate) async fn run<T, F>(&self, terms: Terms, operation: impl FnOnce(Wire) -> F) -> Result<T, L2Error>
    where
        F: Future<Output = RedisResult<T>>,
    {
        self.shared.run(terms, operation).await
    }

    /// Sends the commands of one read on the shared connection, together with other reads that wait.
    ///
    /// May be dropped at any await: the late answer is discarded.
    pub(crate) async fn read(&self, limit: Duration, commands: Commands) -> Result<Answers, L2Error> {
        self.shared.read(limit, commands).await
    }

    /// A separate connection, for scans over many keys, which must not delay reads.
    pub(crate) async fn own_connection(&self) -> Result<OwnConnection, RedisUnreachable> {
        let limit = self.shared.settings.connect_timeout();
        let taken = tokio::time::timeout(limit, self.shared.checkout()).await;
        let taken = taken.unwrap_or_else(|_| Err(timeout_of(limit)));
        let (connection, _) = taken.map_err(|error| self.unreachable(error))?;
        Ok(OwnConnection { connection, limit: self.shared.settings.batch_timeout() })
    }

    /// The address of the server.
    pub(crate) fn address(&self) -> &Address {
        &self.shared.address
    }

    /// Checks that the server can be used.
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

    /// Takes the changes of the breaker since the last call, the oldest first.
    pub(crate) fn take_breaker_changes(&self) -> Vec<Change> {
        self.shared.breaker.take_changes()
    }

    /// The current connection, and each change of it.
    pub(crate) fn connections(&self) -> watch::Receiver<Option<ConnectionNumber>> {
        self.shared.connections.subscribe()
    }

    /// The number of the current connection.
    pub(crate) fn connection(&self) -> Option<ConnectionNumber> {
        self.shared.live.load().as_ref().map(|live| live.number)
    }

    /// Whether to check now how large values are. A `true` is given once, then not again for a while.
    pub(crate) fn may_weigh(&self) -> bool {
        let mut weighed = self.shared.weighed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = weighed.is_none_or(|before| before.elapsed() >= WEIGH_EVERY);
        if is_due {
            *weighed = Some(Instant::now());
        }
        is_due
    }

    /// The key of the data id; `None` in a cluster.
    pub(crate) fn data_key(&self) -> Option<&str> {
        self.shared.data_key.as_deref()
    }

    /// Whether to set a missing data id. Only a process that replays sets one.
    pub(crate) fn if_no_data_id(&self) -> IfNone {
        if self.shared.admission == Admission::AfterReplay { IfNone::Set } else { IfNone::Leave }
    }

    /// Whether this connection was found to have data with an id.
    pub(crate) fn knows_data_id(&self, connection: ConnectionNumber) -> bool {
        self.shared.knows_data_id(connection)
    }

    /// Notes which data this connection was found to have.
    pub(crate) fn note_data(&self, connection: ConnectionNumber, found: Option<DataId>) -> Data {
        self.shared.note_data(connection, found)
    }

    /// Lets reads use this connection. Has no effect if the link has a new one by now.
    pub(crate) fn admit(&self, connection: ConnectionNumber) {
        if self.connection() == Some(connection) {
            self.shared.admitted.store(connection.get(), Ordering::SeqCst);
        }
    }

    /// Keeps reads away from this connection until it is admitted again.
    pub(crate) fn suspend_reads(&self, connection: ConnectionNumber) {
        let _ = self.shared.admitted.compare_exchange(connection.get(), 0, Ordering::SeqCst, Ordering::SeqCst);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}
