//! The state of a link: its current connection, how operations run on it, and what happens when it is lost.
//!
//! Invariant: a connection is given up once, by the first task that finds it broken, and no operation waits here for
//! the next one.
//!
//! Used by `link` and its supervision.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use deadpool_redis::PoolError;
use redis::{ConnectionAddr, RedisError, RedisResult};
use tokio::sync::{Notify, watch};
use tracing::warn;

use super::gathering::{Answers, Commands, Gathering, NotSent};
use super::ids::ConnectionNumber;
use super::options::{Admission, Changes, Conduct, Terms};
use super::pool::{Pooled, is_of_server};
use super::wire::Wire;
use crate::connection::address::Address;
use crate::connection::breaker::{Breaker, BreakerState, Permit, Verdict};
use crate::connection::data_id::DataId;
use crate::connection::error::{L2Error, advice, advice_of_cluster, is_read_only, timeout_of, verdict};
use crate::connection::info::{info_field, is_replica};
use crate::connection::redirect::is_elsewhere;
use crate::declaration::settings::RedisSettings;
use crate::mutation::keeps;

pub(super) struct Live {
    pub(super) wire: Wire,
    pub(super) number: ConnectionNumber,
    pub(super) server: ConnectionAddr,
}

/// Which data a look has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    /// The same as at the look before, or it was the first look.
    Same,
    /// Other data; the connection has this number from now on.
    Others(ConnectionNumber),
}

impl Data {
    /// The current number of a connection that had the number `asked` before the look.
    pub(crate) fn number(self, asked: ConnectionNumber) -> ConnectionNumber {
        if let Self::Others(number) = self { number } else { asked }
    }
}

/// A call that was let through.
struct Call<'a> {
    terms: Terms,
    live: Arc<Live>,
    /// `None` for a write, or a question of the cache itself, while the server is skipped.
    permit: Option<Permit<'a>>,
}

/// The state; see the module.
pub(super) struct Shared {
    pub(super) address: Address,
    /// The pool for the server of the last connection attempt; `None` if the server or its certificates may have
    /// changed since.
    pub(super) pool: ArcSwapOption<Pooled>,
    pub(super) endpoint: String,
    pub(super) settings: RedisSettings,
    pub(super) live: ArcSwapOption<Live>,
    pub(super) lost: Notify,
    pub(super) connections: watch::Sender<Option<ConnectionNumber>>,
    /// Counts each change of the connection.
    pub(super) changes: Changes,
    pub(super) admission: Admission,
    pub(super) is_of_cluster: bool,
    /// The number of the connection that reads may use; 0 for none.
    pub(super) admitted: AtomicU64,
    pub(super) breaker: Breaker,
    pub(super) gathering: Gathering,
    /// Whether the values in Redis belong to this source.
    pub(super) is_ours: Arc<AtomicBool>,
    pub(super) data_key: Option<String>,
    /// The number of the connection, and the data found at the latest look on it.
    known_data: Mutex<Option<(ConnectionNumber, Option<DataId>)>>,
    /// When the size of values was last checked.
    pub(super) weighed: Mutex<Option<Instant>>,
}

impl Shared {
    pub(super) fn new(address: Address, conduct: &Conduct) -> Arc<Self> {
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
            gathering: Gathering::default(),
            is_ours: Arc::clone(&conduct.is_ours),
            data_key: conduct.data_key.clone(),
            known_data: Mutex::default(),
            weighed: Mutex::default(),
        })
    }

    pub(super) async fn run<T, F>(&self, terms: Terms, operation: impl FnOnce(Wire) -> F) -> Result<T, L2Error>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let call = self.begin(terms)?;
        let answered = tokio::time::timeout(terms.limit, operation(call.live.wire.clone())).await;
        self.end(call, answered.ok())
    }

    /// Sends the commands of one read, which may travel with those of other reads.
    pub(super) async fn read(&self, limit: Duration, commands: Commands) -> Result<Answers, L2Error> {
        let call = self.begin(Terms::read(limit))?;
        let asked = self.gathering.ask(call.live.number, &call.live.wire.connection, commands);
        match tokio::time::timeout(limit, asked).await {
            Ok(Err(NotSent)) => Err(self.refusal(&call.live).unwrap_or(L2Error::Away)),
            Ok(Ok(answer)) => self.end(call, Some(answer)),
            Err(_) => self.end(call, None),
        }
    }

    fn begin(&self, terms: Terms) -> Result<Call<'_>, L2Error> {
        let live = self.live.load_full().ok_or(L2Error::Away)?;
        if let Some(refusal) = terms.are_to_read().then(|| self.refusal(&live)).flatten() {
            return Err(refusal);
        }
        let permit = self.breaker.permit(terms.limit);
        if terms.are_to_read() && permit.is_none() {
            return Err(L2Error::BreakerOpen);
        }
        Ok(Call { terms, live, permit })
    }

    /// Why reads must not use this connection now.
    fn refusal(&self, live: &Live) -> Option<L2Error> {
        if !self.is_ours.load(Ordering::Acquire) {
            return Some(L2Error::OtherSource);
        }
        (!self.may_read(live)).then_some(L2Error::Quarantined)
    }

    /// Whether reads that were let through earlier may be sent on this connection now.
    pub(super) fn may_send(&self, live: &Live) -> bool {
        self.refusal(live).is_none() && self.breaker.state() != BreakerState::Open
    }

    /// Judges a call by its answer; `None` if there was none in time.
    fn end<T>(&self, Call { terms, live, permit }: Call<'_>, answer: Option<RedisResult<T>>) -> Result<T, L2Error> {
        let (verdict, answer) = match answer {
            Some(Ok(answer)) => (Some(Verdict::Success), Ok(answer)),
            Some(Err(error)) => {
                let broken = error.is_unrecoverable_error() || error.is_io_error() || is_read_only(&error);
                if broken {
                    self.give_up(&live, &error);
                }
                // A server that refuses a write can still be read. The caller of the write handles the error.
                let says = self.verdict(&error).filter(|_| broken || terms.are_to_read());
                (says, Err(error.into()))
            }
            None => (Some(Verdict::Failure), Err(timeout_of(terms.limit))),
        };
        if let (Some(permit), Some(verdict)) = (permit, verdict) {
            permit.judge(verdict);
            if self.breaker.state() == BreakerState::Open {
                // Perhaps only this connection is dead, so the next trial uses a new one.
                self.give_up(&live, &"the breaker has opened");
            }
        }
        answer
    }

    /// What an error says about the server. A cluster node that no longer has the key works well. But a cluster node
    /// that the settings name as a single server is of no use.
    fn verdict(&self, error: &RedisError) -> Option<Verdict> {
        if is_elsewhere(error) {
            return Some(if self.is_of_cluster { Verdict::Success } else { Verdict::Failure });
        }
        verdict(error)
    }

    pub(super) fn may_read(&self, live: &Live) -> bool {
        self.admission == Admission::Immediate || self.admitted.load(Ordering::SeqCst) == live.number.get()
    }

    pub(super) async fn checkout(&self) -> Result<(deadpool_redis::Connection, ConnectionAddr), L2Error> {
        let pooled = match self.pool.load_full() {
            Some(pooled) => pooled,
            None => self.renew_pool().await?,
        };
        let connection = pooled.checkout().await.map_err(|error| {
            if is_of_server(&error) {
                // Perhaps the server moved, or its certificates changed.
                self.pool.store(None);
            }
            match error {
                PoolError::Backend(error) => error.into(),
                _ => timeout_of(self.settings.connect_timeout()),
            }
        })?;
        Ok((connection, pooled.server.clone()))
    }

    /// A new pool for the current server, with the current TLS files.
    async fn renew_pool(&self) -> Result<Arc<Pooled>, L2Error> {
        let server = self.address.server().await?;
        let info = self.address.connection_info_of(server.clone())?;
        let pooled = Arc::new(Pooled::new(server, info, &self.settings)?);
        self.pool.store(Some(Arc::clone(&pooled)));
        Ok(pooled)
    }

    /// The next step after an error.
    pub(super) fn advice(&self, error: &L2Error) -> &'static str {
        if self.address.may_move() && error.is_unreachable() {
            "a failover may be going on: try again in a few seconds, and if that does not help, see the log of the sentinels"
        } else if self.address.is_node() && error.is_unreachable() {
            advice_of_cluster(error)
        } else if !self.address.has_tls() {
            advice(error)
        } else if error.is_timeout() {
            // A server without TLS waits for the end of what it treats as a line.
            "is the server running, are REDIS_HOST and REDIS_PORT right, and does it speak TLS on this port?"
        } else if error.is_closed() {
            // The alert with the reason may be lost with the connection.
            "the server closed the connection: is it at its limit of clients, or does it want another REDIS_TLS_CLIENT_CERT?"
        } else {
            advice(error)
        }
    }

    /// Drops the connection `live`, unless it was already replaced, and wakes the supervisor.
    pub(super) fn give_up(&self, live: &Live, error: &dyn std::fmt::Display) {
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

    /// Notes which data this connection was found to have. Other data give the connection a new number. So everything
    /// that follows from a new connection (reads wait until they are admitted, L1 is emptied) also follows from other
    /// data.
    pub(super) fn note_data(&self, connection: ConnectionNumber, found: Option<DataId>) -> Data {
        let mut known = self.known_data.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(live) = self.live.load_full().filter(|live| live.number == connection) else { return Data::Same };
        let before = known.replace((connection, found.clone()));
        if before.is_none_or(|(of, id)| of != connection || id == found) {
            return Data::Same;
        }
        let number = ConnectionNumber::next();
        let renewed = Arc::new(Live { wire: live.wire.clone(), number, server: live.server.clone() });
        let replaced = self.live.compare_and_swap(&live, Some(renewed));
        if replaced.as_ref().is_some_and(|replaced| Arc::ptr_eq(replaced, &live)) {
            *known = Some((number, found));
            let hint = "somebody ran SWAPDB or FLUSHDB, or the key that names the data was evicted";
            warn!(endpoint = self.endpoint, hint, "redis has other data than before");
            self.connections.send_replace(Some(number));
            self.changes.note();
        }
        Data::Others(number)
    }

    /// Whether this connection was found to have data with an id.
    pub(super) fn knows_data_id(&self, connection: ConnectionNumber) -> bool {
        let known = self.known_data.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().is_some_and(|(of, id)| *of == connection && id.is_some())
    }

    /// Connects and notes the run id.
    pub(super) async fn dial(&self) -> Result<(), L2Error> {
        let limit = self.settings.connect_timeout();
        self.pool.store(None);
        let dialled = tokio::time::timeout(limit, self.greet()).await.map_err(|_| timeout_of(limit))??;
        let number = dialled.number;
        self.live.store(Some(Arc::new(dialled)));
        self.connections.send_replace(Some(number));
        self.changes.note();
        Ok(())
    }

    /// Accepts only a primary: a replica may not have received an acknowledged invalidation yet.
    async fn greet(&self) -> Result<Live, L2Error> {
        let (connection, server) = self.checkout().await?;
        let mut connection = deadpool_redis::Connection::take(connection);
        // A server that hides INFO is used too; its rows then carry no history.
        let info: Option<String> = redis::cmd("INFO").query_async(&mut connection).await.ok();
        refuse_replica(info.as_deref())?;
        let run_id = info.as_deref().and_then(|info| info_field(info, "run_id")).map(Arc::from);
        Ok(Live { wire: Wire { connection, run_id, asking: false }, number: ConnectionNumber::next(), server })
    }
}

/// Accepts only a primary.
pub(super) fn refuse_replica(info: Option<&str>) -> Result<(), L2Error> {
    if keeps("redis-primary") && info.is_some_and(is_replica) { Err(L2Error::Replica) } else { Ok(()) }
}
