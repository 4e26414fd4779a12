//! One operation many times within one function, [`measured`], for callgrind: its count of instructions repeats on a
//! machine whose times do not. `cargo xtask test` holds the counts to their bounds.
//!
//! There is one thread, so what the operation has done by tasks of the runtime is counted too; what Redis does is not.

use std::hint::black_box;

use anyhow::{bail, ensure};
use billing_cache::{Cache, Tier};
use tokio::runtime::{Builder, Runtime};

use crate::world::{Id, InMemory, InRedis, Rows, World};

/// The operations there are.
pub(crate) const NAMES: [&str; 4] = ["l1-hit", "l1-hit-uncounted", "l2-hit", "miss"];

const KEYS: i32 = 64;
const L1_HITS: i32 = 64_000;
const L2_HITS: i32 = 640;
const MISSES: i32 = 320;

/// Prints how many operations were measured.
pub(crate) fn run(operation: &str) -> anyhow::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    // Noting is bounded by time, so how many reads are noted is a matter of speed, and not for counts.
    // Which of several keys meet others on their way through a hash table is up to the seed of the hasher.
    let keys = if operation.starts_with("l1-hit") { 1 } else { KEYS };
    let world = runtime.block_on(World::open(keys, 0, 1))?;
    let operations = match operation {
        "l1-hit" => l1_hits(&runtime, world.counted(0))?,
        "l1-hit-uncounted" => l1_hits(&runtime, world.uncounted(0))?,
        "l2-hit" => l2_reads(&runtime, &world, 0..L2_HITS, |read| read % KEYS, Tier::L2)?,
        "miss" => l2_reads(&runtime, &world, 0..MISSES, |read| KEYS + read, Tier::Loaded)?,
        _ => bail!("{operation} is none of {}", NAMES.join(", ")),
    };
    println!("{operations}");
    Ok(())
}

fn l1_hits(runtime: &Runtime, cache: &Cache<Rows>) -> anyhow::Result<i32> {
    let read_all = async {
        for _ in 0..L1_HITS {
            let cached = cache.get::<InMemory>(black_box(&Id(0))).await?;
            ensure!(cached.tier == Tier::L1, "{:?} instead of a hit in memory", cached.tier);
            black_box(cached);
        }
        Ok(L1_HITS)
    };
    measured(|| runtime.block_on(read_all))
}

fn l2_reads(
    runtime: &Runtime,
    world: &World,
    reads: std::ops::Range<i32>,
    key: impl Fn(i32) -> i32,
    expected: Tier,
) -> anyhow::Result<i32> {
    let count = reads.end - reads.start;
    let read_all = async {
        for read in reads {
            let cached = world.counted(0).get::<InRedis>(&Id(key(read))).await?;
            ensure!(cached.tier == expected, "{:?} instead of {expected:?}", cached.tier);
            black_box(cached);
        }
        Ok(())
    };
    measured(|| runtime.block_on(read_all))?;
    Ok(count)
}

/// Callgrind counts from where this is entered to where it is left.
#[inline(never)]
fn measured<R>(work: impl FnOnce() -> R) -> R {
    black_box(work())
}
