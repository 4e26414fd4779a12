//! Redis hangs under load: the longest that a read waited until the breaker was open, and what reads cost from then on,
//! over the bare load. A server of its own is stopped (SIGSTOP); the time limits are the defaults.

use std::time::{Duration, Instant};

use anyhow::Context;
use billing_cache::{BreakerState, CachedType, RedisSettings, Tier};
use billing_core::cached::{self, InvoiceId, Invoices};
use billing_core::service::BillingService;
use billing_core::settings::Settings;
use test_support::RedisServer;
use test_support::measurement::{self, Measurement, OURS, milliseconds};

const OUTAGES: usize = 6;
/// Pairs of sides in one outage.
const ROUNDS: usize = 5;
/// In one side of a round, of all tasks together.
const READS: usize = 400;
/// As many as loads that may go on at once (`cache.max_loads`), so that no read waits for its turn.
const TASKS: usize = 16;
/// For a server that is stopped or goes on, and for reads to be in full flow.
const PAUSE: Duration = Duration::from_millis(50);

/// Added latencies of one round: at the median and at the 99th percentile, in milliseconds.
type Added = [f64; 2];

pub(crate) async fn while_redis_hangs(service: &BillingService, ids: &[i32]) -> anyhow::Result<()> {
    let server = RedisServer::start()?;
    let defaults = Settings::defaults();
    let redis = RedisSettings { host: "127.0.0.1".into(), port: server.port(), ..defaults.redis };
    let cache = cached::open_cache(service.cache().source().clone(), &redis, defaults.cache).await?;
    let service = BillingService::without_relay(cache);
    let (mut waits, mut bare) = (Vec::new(), Vec::new());
    let (mut one_task, mut many_tasks) = (Vec::new(), Vec::new());
    for outage in 0..=measurement::rounds(OUTAGES) {
        until_redis_is_used(&service, ids).await?;
        let wait = wait_until_open(&service, &server, ids).await?;
        for round in 0..ROUNDS {
            one_task.push(added(&service, ids, 1, round).await?.0);
            let (more, worst_load) = added(&service, ids, TASKS, round).await?;
            many_tasks.push(more);
            bare.push(worst_load);
        }
        server.resume()?;
        if outage > 0 {
            waits.push(wait);
        }
    }
    let work = format!("Redis hangs: the longest read until the breaker opens, {TASKS} tasks");
    for (figure, times) in [("longest read", waits), ("longest bare load", bare)] {
        let rounds = milliseconds(times);
        Measurement { work: &work, side: OURS, figure, unit: "ms", against: None, rounds: &rounds }.print();
    }
    print("Redis hangs, breaker open, 1 task: added to a bare load", &one_task[ROUNDS..]);
    print(&format!("Redis hangs, breaker open, {TASKS} tasks: added to a bare load"), &many_tasks[ROUNDS..]);
    Ok(())
}

/// What a read costs over the bare load, both measured now, in changing order; and the longest bare load.
async fn added(service: &BillingService, ids: &[i32], tasks: usize, round: usize) -> anyhow::Result<(Added, Duration)> {
    let (ours, theirs);
    if round.is_multiple_of(2) {
        ours = latencies(tasks, ids, service, bypassed).await?;
        theirs = latencies(tasks, ids, service, bare_load).await?;
    } else {
        theirs = latencies(tasks, ids, service, bare_load).await?;
        ours = latencies(tasks, ids, service, bypassed).await?;
    }
    let added = [50, 99].map(|percent| at(&ours, percent).as_secs_f64() - at(&theirs, percent).as_secs_f64());
    Ok((added.map(|seconds| seconds * 1_000.0), at(&theirs, 100)))
}

async fn bypassed(service: BillingService, id: i32) -> anyhow::Result<()> {
    let read = service.invoice_details(id).await?;
    anyhow::ensure!(read.tier == Tier::Bypassed, "not past the cache: {:?}", read.tier);
    Ok(())
}

async fn bare_load(service: BillingService, id: i32) -> anyhow::Result<()> {
    Invoices::load(service.cache().source(), &[InvoiceId(id)]).await?;
    Ok(())
}

/// Times of single reads of many tasks, the shortest first.
async fn latencies<R, F>(tasks: usize, ids: &[i32], service: &BillingService, read: R) -> anyhow::Result<Vec<Duration>>
where
    R: Fn(BillingService, i32) -> F + Copy + Send + 'static,
    F: Future<Output = anyhow::Result<()>> + Send,
{
    let start = |ids: &[i32]| {
        let (ids, service) = (ids.to_vec(), service.clone());
        tokio::spawn(async move {
            let mut times = Vec::with_capacity(ids.len());
            for id in ids {
                let started = Instant::now();
                read(service.clone(), id).await?;
                times.push(started.elapsed());
            }
            anyhow::Ok(times)
        })
    };
    let running: Vec<_> = ids[..READS].chunks(READS / tasks).map(start).collect();
    let mut all = Vec::new();
    for task in running {
        all.extend(task.await??);
    }
    all.sort_unstable();
    Ok(all)
}

/// Stops the server under readers in full flow; answers the longest read that any of them made until the breaker was
/// open.
async fn wait_until_open(service: &BillingService, server: &RedisServer, ids: &[i32]) -> anyhow::Result<Duration> {
    let read_until_open = |id: i32| {
        let service = service.clone();
        tokio::spawn(async move {
            let mut worst = Duration::ZERO;
            while service.cache().breaker_state() != BreakerState::Open {
                let started = Instant::now();
                service.invoice_details(id).await?;
                worst = worst.max(started.elapsed());
            }
            anyhow::Ok(worst)
        })
    };
    let readers: Vec<_> = ids[..TASKS].iter().copied().map(read_until_open).collect();
    tokio::time::sleep(PAUSE).await;
    server.pause()?;
    let mut worst = Duration::ZERO;
    for reader in readers {
        worst = worst.max(reader.await??);
    }
    Ok(worst)
}

async fn until_redis_is_used(service: &BillingService, ids: &[i32]) -> anyhow::Result<()> {
    for _ in 0..1_000 {
        let read = service.invoices_details(&ids[..TASKS]).await?;
        let all_hit = read.iter().all(|read| read.as_ref().is_ok_and(|read| read.tier == Tier::L2));
        if all_hit && service.cache().breaker_state() == BreakerState::Closed {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    None.context("Redis goes on, and is not used")
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

fn print(work: &str, rounds: &[Added]) {
    for (place, figure) in ["p50", "p99"].into_iter().enumerate() {
        let rounds: Vec<f64> = rounds.iter().map(|added| added[place]).collect();
        Measurement { work, side: OURS, figure, unit: "ms", against: None, rounds: &rounds }.print();
    }
}
