//! Hits in the memory of the process, against the bare stores that one would use instead.

use std::hint::black_box;
use std::sync::Arc;
use std::thread;

use billing_cache::{Cache, Tier};
use futures_util::FutureExt;
use test_support::rounds;

use crate::world::{Id, InMemory, Row, Rows, World};

const ROUNDS: usize = 100;
/// A difference of a hundredth is to be seen.
const COUNTING_ROUNDS: usize = 400;
/// Times that a thread reads each of its keys in one side of a round.
const REPEATS: usize = 100;

/// The store that L1 is made of, with the same hasher, weigher and room.
type QuickCache = quick_cache::sync::Cache<Id, Arc<Row>, quick_cache::UnitWeighter, foldhash::fast::RandomState>;
type Moka = moka::sync::Cache<Id, Arc<Row>, foldhash::fast::RandomState>;

pub(crate) async fn against_bare_stores(world: &World, threads: usize) -> anyhow::Result<()> {
    let keys = &world.keys;
    let (quick, moka) = (quick_cache_of(keys), moka_of(keys));
    let what = format!("L1 hit, {}", shown(threads));
    let operations = u32::try_from(keys.len() * REPEATS)?;
    let ours = async |_: usize| on(threads, || read_through(&world.counted, keys));
    let other = async |_: usize| on(threads, || read(keys, |key| quick.get(key)));
    rounds::run(ROUNDS, ours, other).await?.print(&what, "bare quick_cache", operations);
    let ours = async |_: usize| on(threads, || read_through(&world.counted, keys));
    let other = async |_: usize| on(threads, || read(keys, |key| moka.get(key)));
    rounds::run(ROUNDS, ours, other).await?.print(&what, "bare moka", operations);
    Ok(())
}

pub(crate) async fn counted_against_uncounted(world: &World, threads: usize) -> anyhow::Result<()> {
    let keys = &world.keys;
    let ours = async |_: usize| on(threads, || read_through(&world.counted, keys));
    let other = async |_: usize| on(threads, || read_through(&world.uncounted, keys));
    let measured = rounds::run(COUNTING_ROUNDS, ours, other).await?;
    let what = format!("L1 hit, {}, counted", shown(threads));
    measured.print(&what, "the same, uncounted", u32::try_from(keys.len() * REPEATS)?);
    Ok(())
}

/// Two threads that share one value share its reference count, whoever hands it out.
pub(crate) async fn one_key_of_two_threads(world: &World) -> anyhow::Result<()> {
    let keys = vec![Id(7); world.keys.len()];
    let quick = quick_cache_of(&keys);
    let ours = async |_: usize| on(2, || read_through(&world.counted, &keys));
    let other = async |_: usize| on(2, || read(&keys, |key| quick.get(key)));
    let measured = rounds::run(ROUNDS, ours, other).await?;
    measured.print("L1 hit, 2 threads, one key", "bare quick_cache", u32::try_from(keys.len() * REPEATS)?);
    Ok(())
}

fn shown(threads: usize) -> String {
    if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") }
}

fn quick_cache_of(keys: &[Id]) -> QuickCache {
    let store = QuickCache::with(
        1 << 16,
        1 << 16,
        quick_cache::UnitWeighter,
        foldhash::fast::RandomState::default(),
        quick_cache::sync::DefaultLifecycle::default(),
    );
    keys.iter().for_each(|key| store.insert(*key, Arc::new(Row::of(*key))));
    store
}

fn moka_of(keys: &[Id]) -> Moka {
    let store =
        moka::sync::Cache::builder().max_capacity(1 << 16).build_with_hasher(foldhash::fast::RandomState::default());
    keys.iter().for_each(|key| store.insert(*key, Arc::new(Row::of(*key))));
    store
}

/// Runs `work` on so many threads at once.
fn on(threads: usize, work: impl Fn() + Sync) -> anyhow::Result<()> {
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(&work);
        }
    });
    Ok(())
}

/// A hit in memory is an answer at the first poll, so all of them together are.
fn read_through(cache: &Cache<Rows>, keys: &[Id]) {
    let read = async {
        for _ in 0..REPEATS {
            for key in keys {
                let cached = cache.get::<InMemory>(black_box(key)).await.expect("no load fails");
                assert_eq!(cached.tier, Tier::L1);
                check(key, cached.value.expect("there is such a row"));
            }
        }
    };
    read.now_or_never().expect("nothing is waited for");
}

fn read(keys: &[Id], get: impl Fn(&Id) -> Option<Arc<Row>>) {
    for _ in 0..REPEATS {
        for key in keys {
            check(key, get(black_box(key)).expect("a hit in memory"));
        }
    }
}

fn check(key: &Id, row: Arc<Row>) {
    assert_eq!(row.id, key.0);
    black_box(row);
}
