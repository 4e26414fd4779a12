//! What a hit costs over the bare store it is made of, and what counting costs: `cargo xtask bench hot-path`.
//!
//! Each round runs both sides, in changing order; what counts is the median of the rounds' ratios, which `cargo xtask
//! bench` makes of the JSON lines that this prints. The Redis is its own. `hot_path count l1-hit` does the work of one
//! operation for a tool that counts instructions (see [`counts`]).

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod counts;
mod crew;
mod l1;
mod l2;
mod world;

use anyhow::bail;
use test_support::measurement;
use world::World;

fn main() -> anyhow::Result<()> {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => compare(),
        ["count", operation] => counts::run(operation),
        _ => bail!("no arguments, or `count` and one of {}", counts::NAMES.join(", ")),
    }
}

/// So many caches of each side take turns.
const PAIRS: usize = 48;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn compare() -> anyhow::Result<()> {
    let world = World::open(1_000, 10_000, measurement::rounds(PAIRS)).await?;
    for threads in [1, 2] {
        l1::counted_against_uncounted(&world, threads);
    }
    for threads in [1, 2] {
        l1::against_bare_stores(&world, threads);
    }
    l1::one_key_of_two_threads(&world);
    for tasks in [1, 64] {
        l2::counted_against_uncounted(&world, tasks).await?;
    }
    Ok(())
}
