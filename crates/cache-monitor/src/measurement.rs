//! Measures one cached type: so many requests through the cache and, next to each, a load of the same key past it.
//!
//! Invariants: "database" times are of true loads only; the two operations of a step change places from step to step, so
//! that neither profits from what the other has warmed; a read is never dropped half way, because its load would go on and
//! could fill a key after the clear.

use std::time::{Duration, Instant};

use billing_cache::{ReadError, RedisUnreachable, Tier};
use billing_core::cached::{BillingCache, Probe};
use billing_core::database::DatabaseError;
use futures_util::future::try_join;

use crate::interruption::Interruption;
use crate::key_sequence::{Draw, KeySequence};
use crate::latencies::Latencies;

/// Loads that open the connections and prepare the statements, before anything is counted.
const WARM_UP_ROUNDS: usize = 3;

/// How much is measured of each type, and how keys are drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Requests of each type.
    pub(crate) iterations: u64,
    /// How keys are drawn.
    pub(crate) draw: Draw,
}

/// What was measured of one type.
#[derive(Debug)]
pub(crate) struct Measurement {
    /// Loads past the cache.
    pub(crate) database: Latencies,
    /// Requests by what answered them, for each of [`Tier::ALL`].
    pub(crate) requests: Vec<(Tier, Latencies)>,
    /// How long it all took.
    pub(crate) elapsed: Duration,
}

impl Measurement {
    fn new() -> Self {
        let requests = Tier::ALL.into_iter().map(|tier| (tier, Latencies::new())).collect();
        Self { database: Latencies::new(), requests, elapsed: Duration::ZERO }
    }

    fn record_request(&mut self, tier: Tier, duration: Duration) {
        let requests = self.requests.iter_mut().find(|(known, _)| *known == tier);
        requests.expect("Tier::ALL has every tier").1.record(duration);
    }
}

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
}

/// What one measurement works with.
pub(crate) struct Subject<'a> {
    /// The cache, in a key space of its own.
    pub(crate) cache: &'a BillingCache,
    /// The keys of the type.
    pub(crate) probe: &'a dyn Probe,
    /// Ends it before its time.
    pub(crate) interruption: Interruption,
}

impl Subject<'_> {
    /// Measures the type; `None` if there is no key to measure. `progress` hears of each step.
    pub(crate) async fn measure(&mut self, plan: Plan, progress: impl Fn()) -> Result<Option<Measurement>, Stopped> {
        let Some(mut sequence) = KeySequence::new(plan.draw, self.probe.len()) else { return Ok(None) };
        self.warm_up().await?;
        let mut measurement = Measurement::new();
        let started = Instant::now();
        for step in 0..plan.iterations {
            self.step(&mut measurement, step, sequence.next_place()).await?;
            progress();
        }
        measurement.elapsed = started.elapsed();
        Ok(Some(measurement))
    }

    async fn step(&mut self, measurement: &mut Measurement, step: u64, place: usize) -> Result<(), Stopped> {
        if self.interruption.has_come() {
            return Err(Stopped::Interrupted);
        }
        if step.is_multiple_of(2) {
            measurement.database.record(self.load(place).await?);
        }
        let (tier, duration) = self.read(place).await?;
        measurement.record_request(tier, duration);
        if !step.is_multiple_of(2) {
            measurement.database.record(self.load(place).await?);
        }
        Ok(())
    }

    /// Opens the connections to the database: two at a time, since a request that loads may need a second one. The
    /// connection to Redis is warm from its greeting. No key comes into the cache by this.
    async fn warm_up(&mut self) -> Result<(), Stopped> {
        for _ in 0..WARM_UP_ROUNDS {
            let loads = try_join(self.probe.load(0), self.probe.load(0));
            tokio::select! {
                loaded = loads => drop(loaded?),
                () = self.interruption.wait() => return Err(Stopped::Interrupted),
            }
        }
        Ok(())
    }

    async fn load(&mut self, place: usize) -> Result<Duration, Stopped> {
        let started = Instant::now();
        tokio::select! {
            loaded = self.probe.load(place) => loaded?,
            () = self.interruption.wait() => return Err(Stopped::Interrupted),
        }
        Ok(started.elapsed())
    }

    async fn read(&self, place: usize) -> Result<(Tier, Duration), Stopped> {
        let started = Instant::now();
        let tier = self.probe.read(place).await?;
        let duration = started.elapsed();
        if tier == Tier::Bypassed {
            // A single timeout is counted. A server that is gone ends the measurement.
            self.cache.check_redis().await.map_err(Stopped::RedisLost)?;
        }
        Ok((tier, duration))
    }
}
