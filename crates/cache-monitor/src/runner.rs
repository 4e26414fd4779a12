//! Works through a workload with so many tasks, each of them asking, waiting and asking again (a closed loop).
//!
//! Invariants: the two sides of a pair change places from request to request, so that neither profits from what the
//! other has warmed; a read is never dropped half way, because its load would go on and could fill a key after the
//! clear; every task has ended when [`Runner::run`] returns.
//!
//! A closed loop does not show how long people would wait who come at their own pace while the system stalls
//! (coordinated omission: Tene, How NOT to Measure Latency): while a task waits, it asks nothing. Reports say so; the
//! comparison of the two sides of a pair is not touched by it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use billing_cache::{ReadError, RedisUnreachable, Tier};
use billing_core::cached::{BillingCache, Probe};
use billing_core::database::DatabaseError;
use futures_util::future::try_join_all;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::interruption::Interruption;
use crate::measurement::{Measurement, Pair};
use crate::workload::{Request, TraceFailure, Workload};

/// Loads by which the connections are opened and the statements prepared, before anything is counted.
const WARM_UP_ROUNDS: usize = 3;
/// A request that loads may need a second connection.
const FEWEST_CONNECTIONS: usize = 2;

/// Why a measurement ended before its time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stopped {
    /// Somebody pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// What is measured is not there any more.
    #[error("the measurement was stopped, because without Redis it would be untrue: {0}")]
    RedisLost(#[source] RedisUnreachable),
    /// A request failed; only the database can be the reason.
    #[error("the measurement was stopped")]
    Read(#[from] ReadError<DatabaseError>),
    /// A load past the cache failed.
    #[error("the measurement was stopped: load past the cache")]
    Load(#[from] DatabaseError),
    /// The log of requests cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceFailure),
}

/// What was measured so far, by the place of the type.
pub(crate) type Sheets = Arc<Vec<Mutex<Measurement>>>;

/// Sheets for so many types.
pub(crate) fn blank_sheets(types: usize) -> Sheets {
    Arc::new((0..types).map(|_| Mutex::new(Measurement::new())).collect())
}

/// How to work through a workload.
#[derive(Clone)]
pub(crate) struct Runner {
    /// The cache, in a key space of its own.
    pub(crate) cache: BillingCache,
    /// Tasks that ask at the same time.
    pub(crate) tasks: usize,
    /// So many of the first requests of a type are not counted.
    pub(crate) warm_up: u64,
    /// Ends it before its time.
    pub(crate) interruption: Interruption,
}

impl Runner {
    /// Opens the connections to the database. The connection to Redis is warm from its greeting. No key comes into the
    /// cache by this.
    pub(crate) async fn open_connections(&self, probe: &dyn Probe) -> Result<(), Stopped> {
        let mut interruption = self.interruption.clone();
        for _ in 0..WARM_UP_ROUNDS {
            let loads = try_join_all((0..self.tasks.max(FEWEST_CONNECTIONS)).map(|_| probe.load(0)));
            tokio::select! {
                loaded = loads => drop(loaded?),
                () = interruption.wait() => return Err(Stopped::Interrupted),
            }
        }
        Ok(())
    }

    /// Makes every request of the workload; `progress` hears of each. What was measured until an error is in the
    /// sheets.
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

    /// Waits for all tasks; the first error, or an interruption, makes the others come to an end.
    async fn join(&self, mut tasks: JoinSet<Result<(), Stopped>>, halt: &watch::Sender<bool>) -> Result<(), Stopped> {
        let mut interruption = self.interruption.clone();
        let mut outcome = Ok(());
        loop {
            let ended = tokio::select! {
                joined = tasks.join_next() => match joined {
                    Some(joined) => joined.unwrap_or_else(panic_on),
                    None => return outcome,
                },
                () = interruption.wait(), if outcome.is_ok() => Err(Stopped::Interrupted),
            };
            if ended.is_err() {
                halt.send_replace(true);
                outcome = outcome.and(ended);
            }
        }
    }
}

/// By the Thue-Morse sequence, which repeats itself nowhere: no period of a recorded log can favour one side.
fn loads_first(number: u64) -> bool {
    number.count_ones().is_multiple_of(2)
}

/// No task is ever aborted, so a failed join is a panic of the task.
fn panic_on(error: JoinError) -> Result<(), Stopped> {
    std::panic::resume_unwind(error.into_panic())
}

/// One of those that ask.
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

    /// `None` when there are no more or the run is to end.
    async fn next_request(&mut self) -> Result<Option<Request>, Stopped> {
        tokio::select! {
            biased;
            _ = self.halted.wait_for(|halted| *halted) => Ok(None),
            request = self.workload.next() => Ok(request?),
        }
    }

    /// `None` if the run is to end before the pair is whole.
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
            // A single timeout is counted. A server that is gone ends the measurement.
            self.cache.check_redis().await.map_err(Stopped::RedisLost)?;
        }
        Ok((tier, duration))
    }
}
