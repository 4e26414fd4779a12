//! What the cache costs and saves, as ratios of two sides measured in turn in one run: `cargo xtask bench`.
//!
//! Needs BENCH_REDIS_PORT and BENCH_DATABASE_URL of servers that it may fill; `cargo xtask bench` starts such. Each
//! round runs both sides, in changing order, since the machine's speed drifts; what counts is the median of the rounds'
//! ratios, which `cargo xtask bench` makes of the JSON lines that this prints.

mod bulk;
mod data;
mod hang;
mod reads;
mod warm_up;
mod writes;

use anyhow::Context;
use billing_core::cached;
use billing_core::migration;
use billing_core::service::BillingService;
use billing_core::settings::{Overrides, Settings};
use billing_outbox::database::{Database, MissingFile};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let settings = settings()?;
    let database = Database::open(&settings.database, MissingFile::Create).await?;
    migration::migrate(&database, &cached::declarations()).await?;
    let cache = cached::open_cache(database, &settings.redis, settings.cache.clone()).await?;
    cache.check_redis().await?;
    let service = BillingService::without_relay(cache);
    let ids = data::fill(&service).await.context("fill the database")?;
    eprintln!("database: {}", service.cache().source().describe());

    reads::one_task(&service, &settings, &ids).await?;
    reads::many_tasks(&service, &settings, &ids).await?;
    reads::miss(&service, &ids).await?;
    hang::while_redis_hangs(&service, &ids).await?;
    warm_up::batches_against_single_reads(&service, &ids).await?;
    writes::with_and_without_triggers(&service, &ids).await?;
    bulk::changes(&service, &settings).await?;
    service.close().await;
    Ok(())
}

/// The defaults, with longer limits: a noisy machine must not turn a hit into a bypass in the middle of a measurement.
fn settings() -> anyhow::Result<Settings> {
    let port = std::env::var("BENCH_REDIS_PORT").context("BENCH_REDIS_PORT is not set; run `cargo xtask bench`")?;
    let url = std::env::var("BENCH_DATABASE_URL").context("BENCH_DATABASE_URL is not set; run `cargo xtask bench`")?;
    let values = [
        ("redis.host", "127.0.0.1".to_owned()),
        ("redis.port", port),
        ("redis.command_timeout_ms", "2000".to_owned()),
        ("redis.batch_timeout_ms", "10000".to_owned()),
        ("cache.load_deadline_ms", "20000".to_owned()),
        ("cache.lease_ttl_ms", "30000".to_owned()),
        ("database.url", url),
    ];
    let values = values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Ok(Settings::load(&Overrides { file: None, values })?)
}
