//! Hits in the memory of the process, against the bare stores that one would use instead.

use std::hint::black_box;
use std::sync::Arc;

use billing_cache::{Cache, Tier};
use futures_util::FutureExt;

use crate::crew::{self, Side};
use crate::world::{Id, InMemory, Row, Rows, World};

/// The store that L1 is made of, with the same hasher, weigher and room.
type QuickCache = quick_cache::sync::Cache<Id, Arc<Row>, quick_cache::UnitWeighter, foldhash::fast::RandomState>;
type Moka = moka::sync::Cache<Id, Arc<Row>, foldhash::fast::RandomState>;

pub(crate) fn against_bare_stores(world: &World, threads: u32) {
    let keys = &world.keys;
    let (quick, moka) = (quick_cache_of(keys), moka_of(keys));
    let compare = |bare: Side<'_>, name| {
        let measured = crew::in_turn(threads, world.pairs(), &|pair| read_through(world.counted(pair), keys), bare);
        measured.print(&format!("L1 hit, {}", shown(threads)), name, operations(keys));
    };
    compare(&|_| read(keys, |key| quick.get(key)), "bare quick_cache");
    compare(&|_| read(keys, |key| moka.get(key)), "bare moka");
}

pub(crate) fn counted_against_uncounted(world: &World, threads: u32) {
    let keys = &world.keys;
    let counted = |pair| read_through(world.counted(pair), keys);
    let uncounted = |pair| read_through(world.uncounted(pair), keys);
    let what = format!("L1 hit, {}, counted", shown(threads));
    crew::in_turn(threads, world.pairs(), &counted, &uncounted).print(&what, "the same, uncounted", operations(keys));
}

/// Two threads that share one value share its reference count, whoever hands it out.
pub(crate) fn one_key_of_two_threads(world: &World) {
    let keys = vec![Id(7); world.keys.len()];
    let quick = quick_cache_of(&keys);
    let ours = |pair| read_through(world.counted(pair), &keys);
    let bare = |_| read(&keys, |key| quick.get(key));
    crew::in_turn(2, world.pairs(), &ours, &bare).print(
        "L1 hit, 2 threads, one key",
        "bare quick_cache",
        operations(&keys),
    );
}

/// Of one work.
fn operations(keys: &[Id]) -> u32 {
    u32::try_from(keys.len()).expect("a small number")
}

fn shown(threads: u32) -> String {
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

/// A hit in memory is an answer at the first poll, so all of them together are.
fn read_through(cache: &Cache<Rows>, keys: &[Id]) {
    let read = async {
        for key in keys {
            let cached = cache.get::<InMemory>(black_box(key)).await.expect("no load fails");
            assert_eq!(cached.tier, Tier::L1);
            check(key, cached.value.expect("there is such a row"));
        }
    };
    read.now_or_never().expect("nothing is waited for");
}

fn read(keys: &[Id], get: impl Fn(&Id) -> Option<Arc<Row>>) {
    for key in keys {
        check(key, get(black_box(key)).expect("a hit in memory"));
    }
}

fn check(key: &Id, row: Arc<Row>) {
    assert_eq!(row.id, key.0);
    black_box(row);
}
