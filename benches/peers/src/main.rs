//! A side of the comparison as a process: `peers SIDE` reads works from stdin and answers each with what it took. The
//! sides in Python and Node speak the same lines; `cargo xtask bench` asks all of them in turn, so that their rounds
//! are interleaved.
//!
//! A work is a line such as `{"work":"hit","tasks":64,"operations":200,"first":1}`, an answer one such as
//! `{"seconds":0.5}` or `{"lacks":"no read of many keys"}`. `peers seed` fills the database. BENCH_REDIS_PORT and
//! BENCH_DATABASE_URL name the servers.

mod cached_redis;
mod fred_get;
mod in_process;
mod ours;
mod raw;
mod side;
mod site;
mod two_tiers;
mod work;

use anyhow::{Result, bail};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("seed") => site::seed().await,
        Some("ours") => work::serve(ours::Ours::open().await?).await,
        Some("raw") => work::serve(raw::Raw::open().await?).await,
        Some("fred") => work::serve(fred_get::FredGet::open().await?).await,
        Some("multi-tier") => work::serve(two_tiers::TwoTiers::open().await?).await,
        Some("cached") => work::serve(cached_redis::CachedRedis::open().await?).await,
        Some("moka") => work::serve(in_process::InProcess::open().await?).await,
        other => bail!("name a side: ours, raw, fred, cached, moka or multi-tier, or seed; not {other:?}"),
    }
}
