//! Reads: an L2 hit against a raw GET with the same decoding, and a miss against the bare load.

use std::sync::Arc;

use billing_cache::{CachedType, Tier};
use billing_core::cached::{InvoiceId, Invoices};
use billing_core::dict::InvoiceDetails;
use billing_core::service::BillingService;
use billing_core::settings::Settings;
use redis::aio::MultiplexedConnection;
use test_support::rounds;

const ROUNDS: usize = 40;
const READS: usize = 500;
const TASKS: usize = 64;
const READS_PER_TASK: usize = 200;
const MISSES: usize = 100;
/// Keys read by the hit benchmarks.
const KEYS: usize = 1_000;

/// An L2 hit of one task.
pub(crate) async fn one_task(service: &BillingService, settings: &Settings, ids: &[i32]) -> anyhow::Result<()> {
    fill_cache(service, ids).await?;
    let raw = raw_connection(settings).await?;
    let ours = async |round: usize| read_through(service, ids, round * READS, READS).await;
    let other = async |round: usize| read_raw(raw.clone(), ids, round * READS, READS).await;
    let measured = rounds::run(ROUNDS, ours, other).await?;
    measured.print("L2 hit, 1 task", "raw multiplexed GET + decode", u32::try_from(READS)?);
    Ok(())
}

/// L2 hits of many tasks in one process.
pub(crate) async fn many_tasks(service: &BillingService, settings: &Settings, ids: &[i32]) -> anyhow::Result<()> {
    fill_cache(service, ids).await?;
    let raw = raw_connection(settings).await?;
    let ids: Arc<[i32]> = ids.into();
    let ours = async |_: usize| {
        let read = |task: usize| {
            let (service, ids) = (service.clone(), Arc::clone(&ids));
            async move { read_through(&service, &ids, task * READS_PER_TASK, READS_PER_TASK).await }
        };
        all((0..TASKS).map(read)).await
    };
    let other = async |_: usize| {
        let read = |task: usize| {
            let (raw, ids) = (raw.clone(), Arc::clone(&ids));
            async move { read_raw(raw, &ids, task * READS_PER_TASK, READS_PER_TASK).await }
        };
        all((0..TASKS).map(read)).await
    };
    let measured = rounds::run(ROUNDS, ours, other).await?;
    measured.print("L2 hits, 64 tasks", "raw multiplexed GET + decode", u32::try_from(TASKS * READS_PER_TASK)?);
    Ok(())
}

/// A miss: GET, ACQUIRE, load, FILL.
pub(crate) async fn miss(service: &BillingService, ids: &[i32]) -> anyhow::Result<()> {
    let place = |round: usize, index: usize| (round * MISSES + index) % ids.len();
    service
        .cache()
        .clear(&[billing_cache::TypeInfo::of::<Invoices>()], billing_cache::ClearMode::Remove, &mut |_| {})
        .await?;
    let ours = async |round: usize| {
        for index in 0..MISSES {
            let read = service.invoice_details(ids[place(round, index)]).await?;
            anyhow::ensure!(read.tier == Tier::Loaded, "not a miss: {:?}", read.tier);
        }
        Ok(())
    };
    let other = async |round: usize| {
        for index in 0..MISSES {
            Invoices::load(service.cache().source(), &[InvoiceId(ids[place(round, index)])]).await?;
        }
        Ok(())
    };
    let measured = rounds::run(ROUNDS, ours, other).await?;
    measured.print("miss", "the bare load", u32::try_from(MISSES)?);
    Ok(())
}

async fn all<F: Future<Output = anyhow::Result<()>> + Send + 'static>(
    tasks: impl Iterator<Item = F>,
) -> anyhow::Result<()> {
    let tasks: Vec<_> = tasks.map(tokio::spawn).collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}

async fn fill_cache(service: &BillingService, ids: &[i32]) -> anyhow::Result<()> {
    service.invoices_details(&ids[..KEYS]).await?;
    Ok(())
}

async fn read_through(service: &BillingService, ids: &[i32], from: usize, count: usize) -> anyhow::Result<()> {
    for index in from..from + count {
        let read = service.invoice_details(ids[index % KEYS]).await?;
        anyhow::ensure!(read.tier == Tier::L2, "not a hit: {:?}", read.tier);
    }
    Ok(())
}

async fn read_raw(mut raw: MultiplexedConnection, ids: &[i32], from: usize, count: usize) -> anyhow::Result<()> {
    for index in from..from + count {
        let key = format!("invoice:{}", ids[index % KEYS]);
        let json: Option<Vec<u8>> = redis::cmd("GET").arg(key).query_async(&mut raw).await?;
        let value: Option<InvoiceDetails> = serde_json::from_slice(&json.unwrap_or_default())?;
        std::hint::black_box(value.map(Arc::new));
    }
    Ok(())
}

pub(crate) async fn raw_connection(settings: &Settings) -> anyhow::Result<MultiplexedConnection> {
    let client = redis::Client::open(("127.0.0.1", settings.redis.port))?;
    Ok(client.get_multiplexed_async_connection().await?)
}
