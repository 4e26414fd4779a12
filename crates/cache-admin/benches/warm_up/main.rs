//! What a warm-up is worth after a clear in the middle of the day: `cargo xtask bench warm-up`.
//!
//! Two services replay the morning of a day whose reads follow Zipf's law over a hot set that shifts. At noon the cache
//! is cleared, and the same ten minutes are replayed after each kind of warm-up: none, the newest first, by use, and by
//! an oracle that knows these ten minutes. Redis, the database and `cache-admin` are real; time is compressed (see
//! `clock`).
//!
//! Needs BENCH_REDIS_PORT and BENCH_DATABASE_URL of servers that it may fill; `cargo xtask bench warm-up` starts such.

mod clock;
mod contenders;
mod replay;
mod site;
mod trace;

use anyhow::Result;

use clock::Minutes;
use contenders::Contender;
use replay::Tally;
use site::Site;
use trace::Trace;

/// The morning begins eight half-lives of reads before noon: what was read earlier weighs nothing any more.
const MORNING: Minutes = Minutes(8 * 60);
const AFTERWARDS: Minutes = Minutes(10);
/// A warm-up may load so many values of each type.
const LIMIT: u64 = 1_000;
/// A result counts as the mean of so many clears, a simulated half hour apart.
const ROUNDS: u32 = 3;
const BETWEEN: Minutes = Minutes(30);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let site = Site::open().await?;
    let mut trace = Trace::new(site.key_counts());
    eprintln!("database: {}; {}", site.describe_database(), site.describe_keys());
    eprintln!("{}", clock::describe());
    replay::run(&site.services(site::Counting::On).await?, trace.next(MORNING)).await?;
    let mut tallies = vec![Vec::new(); Contender::ALL.len()];
    for _ in 0..ROUNDS {
        let future = trace.next(AFTERWARDS);
        for (contender, tallies) in Contender::ALL.iter().zip(&mut tallies) {
            site.clear().await?;
            contender.warm_up(&site, &future).await?;
            tallies.push(replay::run(&site.services(site::Counting::Off).await?, future.clone()).await?);
        }
        replay::run(&site.services(site::Counting::On).await?, trace.next(BETWEEN)).await?;
    }
    for (contender, tallies) in Contender::ALL.iter().zip(&tallies) {
        Tally::print(contender.name(), tallies);
    }
    Ok(())
}
