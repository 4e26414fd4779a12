//! Replaying reads at the pace of the compressed clock, and counting where the answers came from.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use billing_cache::Tier;
use billing_core::cached::{BillingCache, CACHED_TYPES};
use billing_outbox::registry::Probe;
use futures_util::{StreamExt, TryStreamExt, stream};
use test_support::measurement::Measurement;

use crate::clock::Minutes;
use crate::trace::{READS_A_MINUTE, Read};

/// Requests that go on at once.
const AT_ONCE: usize = 16;
/// The clock is kept this often.
const TICKS_A_MINUTE: usize = 20;
/// A replay that takes longer than its span by this factor was no replay.
const LATE: f64 = 1.2;

/// Hits and reads, minute by minute.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    minutes: Vec<(usize, usize)>,
}

impl Tally {
    /// Reports hit rates of the beginning and of all, and reads without a hit: a round for each replay.
    pub(crate) fn print(side: &str, tallies: &[Self]) {
        let line = |figure: &str, unit: &str, of: &dyn Fn(&Self) -> f64| {
            let rounds: Vec<f64> = tallies.iter().map(of).collect();
            Measurement { work: "after the clear", side, figure, unit, against: None, rounds: &rounds }.print();
        };
        line("hit rate, first minute", "%", &|tally| tally.hit_rate(1));
        line("hit rate, first 3 minutes", "%", &|tally| tally.hit_rate(3));
        line("hit rate, 10 minutes", "%", &|tally| tally.hit_rate(usize::MAX));
        line("reads without a hit", "", &|tally| tally.minutes.iter().map(|(hits, reads)| float(reads - hits)).sum());
    }

    /// Of the first so many minutes, in percent.
    fn hit_rate(&self, minutes: usize) -> f64 {
        let (hits, reads) = self.minutes.iter().take(minutes).fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
        100.0 * float(hits) / float(reads)
    }
}

/// Reads, each through the next of the services.
pub(crate) async fn run(services: &[BillingCache], reads: Vec<Read>) -> Result<Tally> {
    let mut probes: Vec<Vec<Arc<dyn Probe>>> = Vec::new();
    for service in services {
        let mut of_service = Vec::new();
        for cached in CACHED_TYPES {
            of_service.push(cached.probe(service, u64::MAX >> 1).await?);
        }
        probes.push(of_service);
    }
    let (mut tally, started) = (Tally::default(), Instant::now());
    let tick = Minutes(1).real() / u32::try_from(TICKS_A_MINUTE)?;
    for (number, minute) in reads.chunks(READS_A_MINUTE).enumerate() {
        let mut hits = 0;
        for (tick_number, reads) in minute.chunks(READS_A_MINUTE.div_ceil(TICKS_A_MINUTE)).enumerate() {
            hits += read_all(&probes, reads).await?;
            let ticks = u32::try_from(number * TICKS_A_MINUTE + tick_number + 1)?;
            tokio::time::sleep_until((started + tick * ticks).into()).await;
        }
        tally.minutes.push((hits, minute.len()));
    }
    let planned = Minutes(u32::try_from(tally.minutes.len())?).real();
    check_pace(started.elapsed(), planned)?;
    for service in services {
        service.flush_counters().await;
    }
    Ok(tally)
}

/// How many were hits.
async fn read_all(probes: &[Vec<Arc<dyn Probe>>], reads: &[Read]) -> Result<usize> {
    let reading = stream::iter(reads.iter().enumerate()).map(|(turn, read)| {
        let probe = &probes[turn % probes.len()][read.cached_type];
        async move { probe.read(read.key).await.map(Tier::is_hit) }
    });
    let hits: Vec<bool> = reading.buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(hits.into_iter().filter(|hit| *hit).count())
}

fn check_pace(took: Duration, planned: Duration) -> Result<()> {
    let late = took.as_secs_f64() / planned.as_secs_f64();
    ensure!(late <= LATE, "the machine is too slow for this compression: {planned:.1?} took {took:.1?}");
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "some thousands")]
fn float(number: usize) -> f64 {
    number as f64
}
