//! Hits in Redis, counted against uncounted.

use std::hint::black_box;
use std::sync::Arc;

use billing_cache::{Cache, Tier};
use test_support::rounds;

use crate::world::{Id, InRedis, Rows, World};

const ROUNDS: usize = 200;
/// In one side of a round, of all tasks together.
const READS: usize = 1_024;

pub(crate) async fn counted_against_uncounted(world: &World, tasks: usize) -> anyhow::Result<()> {
    let keys: Arc<[Id]> = world.keys.as_slice().into();
    let ours = async |round| read_all(world.counted(world.pair_of(round)), &keys, tasks).await;
    let other = async |round| read_all(world.uncounted(world.pair_of(round)), &keys, tasks).await;
    let measured = rounds::run(ROUNDS, ours, other).await?;
    let what = format!("L2 hit, {tasks} task{}, counted", if tasks == 1 { "" } else { "s" });
    measured.print(&what, "the same, uncounted", u32::try_from(READS)?);
    Ok(())
}

async fn read_all(cache: &Cache<Rows>, keys: &Arc<[Id]>, tasks: usize) -> anyhow::Result<()> {
    let read = |task: usize| {
        let (cache, keys) = (cache.clone(), Arc::clone(keys));
        tokio::spawn(async move {
            for read in 0..READS / tasks {
                let key = keys[(task * READS / tasks + read) % keys.len()];
                let cached = cache.get::<InRedis>(&key).await?;
                anyhow::ensure!(cached.tier == Tier::L2, "not a hit: {:?}", cached.tier);
                black_box(cached);
            }
            Ok(())
        })
    };
    let running: Vec<_> = (0..tasks).map(read).collect();
    for task in running {
        task.await??;
    }
    Ok(())
}
