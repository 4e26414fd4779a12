//! The link: one multiplexed connection to one primary, shared by the whole read path, and the task that restores it.
//!
//! Invariants: a caller never waits for a connection attempt, only for a command, and for that no longer than its
//! limit; nothing is resent by the link, because a resent ACQUIRE would break the protocol. One shared connection
//! batches the commands of many tasks; a checkout from a pool for each command costs a second round trip, so the pool
//! serves only what wants a connection of its own.

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
use state::{Shared, refuse_replica};
use supervision::supervise;

pub use ids::ConnectionNumber;
pub(crate) use ids::LinkId;
pub(crate) use options::{Admission, Changes, Conduct, Terms};
pub(crate) use pool::OwnConnection;
pub(crate) use state::Data;
pub(crate) use wire::Wire;

/// Between two questions how large values are that could not be read in time.
const WEIGH_EVERY: Duration = Duration::from_secs(1);

/// See the module.
pub(crate) struct Link {
    id: LinkId,
    shared: Arc<Shared>,
    supervisor: AbortHandle,
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
        Self { id: LinkId::next(), shared, supervisor }
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

    /// Under which key the data id stands; none in a cluster.
    pub(crate) fn data_key(&self) -> Option<&str> {
        self.shared.data_key.as_deref()
    }

    /// Only who replays sets a data id.
    pub(crate) fn if_no_data_id(&self) -> IfNone {
        if self.shared.admission == Admission::AfterReplay { IfNone::Set } else { IfNone::Leave }
    }

    /// Takes note of the data that this connection was found to have.
    pub(crate) fn note_data(&self, connection: ConnectionNumber, found: Option<DataId>) -> Data {
        self.shared.note_data(connection, found)
    }

    /// Lets reads use this connection; without effect if there is another one by now.
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
        self.supervisor.abort();
    }
}
