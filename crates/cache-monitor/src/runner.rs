//! Runs a workload with a number of tasks. Each task sends a request, waits for the answer, and sends the next one (a
//! closed loop).
//!
//! Invariants: the two sides of a pair change their order from request to request, so that neither profits from what
//! the other one has warmed up; a read is never dropped half-way, because its load would continue and could fill a key
//! after the clear; every task has ended when [`Runner::run`] returns.
//!
//! A closed loop does not show how long independent users would wait while the system stalls, because a waiting task
//! sends no requests (coordinated omission: Tene, How NOT to Measure Latency). Reports say so. The comparison of the
//! two sides of a pair is not affected.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use billing_cache::{ReadError, RedisUnreachable, Tier};
use billing_core::cached::BillingCache;
use billing_outbox::database::DatabaseError;
use billing_outbox::registry::Probe;
use cli_support::interruption::interrupted;
use futures_util::future::try_join_all;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::measurement::{Measurement, Pair};
use crate::workload::{Request, TraceFailure, Workload};

/// Rounds of loads that open connections and prepare statements before anything is counted.
const WARM_UP_ROUNDS: usize = 3;
/// A request that loads may need a second connection.
const FEWEST_CONNECTIONS: usize = 2;

/// Why a measurement ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stopped {
    /// Ctrl-C or SIGTERM.
    #[error("interrupted")]
    Interrupted,
    /// Redis cannot be reached any more.
    #[error("the measurement was stopped, because without Redis it would be untrue: {0}")]
    RedisLost(#[source] RedisUnreachable),
    /// A request failed. Only the database can be the cause.
    #[error("the measurement was stopped")]
    Read(#[from] ReadError<DatabaseError>),
    /// A direct load failed.
    #[error("the measurement was stopped: load past the cache")]
    Load(#[from] DatabaseError),
    /// The access log cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceFailure),
}

/// The measurements so far, by the index of the type.
pub(crate) type Sheets = Arc<Vec<Mutex<Measurement>>>;

/// Empty sheets for this many types.
pub(crate) fn blank_sheets(types: usize) -> Sheets {
    Arc::new((0..types).map(|_| Mutex::new(Measurement::new())).collect())
}

/// The tasks and conditions of a run.
#[derive(Clone)]
pub(crate) struct Runner {
    /// The cache, in a separate key space.
    pub(crate) cache: BillingCache,
    /// Number of tasks that send requests at the same time.
    pub(crate) tasks: usize,
    /// The first requests of a type, up to this number, are not counted.
    pub(crate) warm_up: u64,
}

impl Runner {
    /// Opens the connections to the database. The connection to Redis has been used already, so it is open. This stores
    /// no key in the cache.
    pub(crate) async fn open_connections(&self, probe: &dyn Probe) -> Result<(), Stopped> {
        for _ in 0..WARM_UP_ROUNDS {
            let loads = try_join_all((0..self.tasks.max(FEWEST_CONNECTIONS)).map(|_| probe.load(0)));
            tokio::select! {
                loaded = loads => drop(loaded?),
                () = interrupted() => return Err(Stopped::Interrupted),
            }
        }
        Ok(())
    }

    /// Makes every request of the workload, and calls `progress` after each. The sheets contain the measurements up to
    /// an error.
    pub(crate) async fn run(
        &self,
        workload: &Arc<Workload>,
        sheets: &Sheets,
        progress: Arc<dyn Fn() + Send + Sync>,
    ) -> Result<(), Stopped> {
        let (halt, halted) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for _ in 0..self.tasks {
            let task = Task {
                cache: self.cache.clone(),
                workload: Arc::clone(workload),
                sheets: Arc::clone(sheets),
                warm_up: self.warm_up,
                halted: halted.clone(),
                progress: Arc::clone(&progress),
            };
            tasks.spawn(task.work());
        }
        drop(halted);
        self.join(tasks, &halt).await
    }

    /// Waits for all tasks. The first error or an interruption makes the other tasks end.
    async fn join(&self, mut tasks: JoinSet<Result<(), Stopped>>, halt: &watch::Sender<bool>) -> Result<(), Stopped> {
        let mut outcome = Ok(());
        loop {
            let ended = tokio::select! {
                joined = tasks.join_next() => match joined {
                    Some(joined) => joined.unwrap_or_else(panic_on),
                    None => return outcome,
                },
                () = interrupted(), if outcome.is_ok() => Err(Stopped::Interrupted),
            };
            if ended.is_err() {
                halt.send_replace(true);
                outcome = outcome.and(ended);
            }
        }
    }
}

/// Follows the Thue-Morse sequence, which has no period, so that no periodic log can favour one side.
fn loads_first(number: u64) -> bool {
    number.count_ones().is_multiple_of(2)
}

/// No task is ever aborted, so a failed join is a panic of the task.
fn panic_on(error: JoinError) -> Result<(), Stopped> {
    std::panic::resume_unwind(error.into_panic())
}

/// One task.
struct Task {
    cache: BillingCache,
    workload: Arc<Workload>,
    sheets: Sheets,
    warm_up: u64,
    halted: watch::Receiver<bool>,
    progress: Arc<dyn Fn() + Send + Sync>,
}

impl Task {
    async fn work(mut self) -> Result<(), Stopped> {
        while let Some(request) = self.next_request().await? {
            let Some(pair) = self.measure(&request).await? else { return Ok(()) };
            if request.number >= self.warm_up {
                self.sheets[request.type_index].lock().unwrap_or_else(PoisonError::into_inner).record(pair);
            }
            (self.progress)();
        }
        Ok(())
    }

    /// `None` if there are no more requests or the run should end.
    async fn next_request(&mut self) -> Result<Option<Request>, Stopped> {
        tokio::select! {
            biased;
            _ = self.halted.wait_for(|halted| *halted) => Ok(None),
            request = self.workload.next() => Ok(request?),
        }
    }

    /// `None` if the run should end before the pair is complete.
    async fn measure(&mut self, request: &Request) -> Result<Option<Pair>, Stopped> {
        let began = Instant::now();
        if loads_first(request.number) {
            let Some(load) = self.load(request).await? else { return Ok(None) };
            let (tier, request) = self.read(request).await?;
            return Ok(Some(Pair { tier, request, load, began }));
        }
        let (tier, answered) = self.read(request).await?;
        let load = self.load(request).await?;
        Ok(load.map(|load| Pair { tier, request: answered, load, began }))
    }

    async fn load(&mut self, request: &Request) -> Result<Option<Duration>, Stopped> {
        let started = Instant::now();
        tokio::select! {
            loaded = request.probe.load(request.place) => loaded?,
            _ = self.halted.wait_for(|halted| *halted) => return Ok(None),
        }
        Ok(Some(started.elapsed()))
    }

    async fn read(&self, request: &Request) -> Result<(Tier, Duration), Stopped> {
        let started = Instant::now();
        let tier = request.probe.read(request.place).await?;
        let duration = started.elapsed();
        if tier == Tier::Bypassed {
            // A single timeout is counted as a bypass. If the server is gone, the measurement ends.
            self.cache.check_redis().await.map_err(Stopped::RedisLost)?;
        }
        Ok((tier, duration))
    }
}
