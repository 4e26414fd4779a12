//! What a hit costs over the bare store it is made of, and what counting costs: `cargo xtask bench hot-path`.
//!
//! Each round runs both sides, in changing order; what counts is the median of the rounds' ratios. The Redis is its own.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod l1;
mod l2;
mod world;

use world::World;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let world = World::open().await?;
    for threads in [1, 2] {
        l1::against_bare_stores(&world, threads).await?;
        l1::counted_against_uncounted(&world, threads).await?;
    }
    l1::one_key_of_two_threads(&world).await?;
    for tasks in [1, 64] {
        l2::counted_against_uncounted(&world, tasks).await?;
    }
    Ok(())
}
