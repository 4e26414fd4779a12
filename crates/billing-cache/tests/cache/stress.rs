//! Writers and readers in two processes, with a checker of the promise: a read that starts after a write was
//! acknowledged never returns an older value.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use billing_cache::{Cache, ClearMode, TypeInfo};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::ledger::{InvoiceId, Invoices, Ledger};
use crate::world::{World, invalidate, lease, seen};

const KEYS: i32 = 4;
const READERS: u64 = 12;
const WRITERS: u64 = 4;
const READS: usize = 800;
const WRITES: usize = 150;

/// The last acknowledged version of each invoice.
type Acknowledged = Arc<[AtomicU64; KEYS as usize]>;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_read_that_starts_after_an_acknowledged_write_returns_an_older_value() {
    storm(seed()).await;
}

#[tokio::test]
async fn nor_does_one_when_all_tasks_share_a_thread() {
    storm(seed()).await;
}

/// `BILLING_TEST_SEED` repeats a run as far as the scheduler lets it.
fn seed() -> u64 {
    let seed = std::env::var("BILLING_TEST_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    eprintln!("BILLING_TEST_SEED={seed}");
    seed
}

async fn storm(seed: u64) {
    let world = Arc::new(World::new());
    world.ledger.yield_in_loads(5);
    let caches = [world.cache().await, world.cache().await];
    let acknowledged: Acknowledged = Arc::default();
    let mut tasks = Vec::new();
    for number in 0..READERS + WRITERS {
        let cache = caches[usize::try_from(number % 2).unwrap()].clone();
        let (ledger, acknowledged) = (world.ledger.clone(), Arc::clone(&acknowledged));
        let random = SmallRng::seed_from_u64(seed.wrapping_add(number));
        tasks.push(if number < READERS {
            tokio::spawn(keep_reading(cache, acknowledged, random))
        } else {
            tokio::spawn(keep_writing(cache, ledger, acknowledged, random))
        });
    }
    let disturbance = tokio::spawn(disturb(Arc::clone(&world), caches[0].clone(), SmallRng::seed_from_u64(seed)));
    for task in tasks {
        task.await.unwrap();
    }
    disturbance.abort();
    assert!(disturbance.await.unwrap_err().is_cancelled());
    for (id, version) in (0..).zip(acknowledged.iter()) {
        let last = caches[0].get::<Invoices>(&InvoiceId(id)).await.unwrap();
        assert_eq!(seen(&last).0.unwrap_or(0), version.load(Ordering::SeqCst));
    }
}

async fn keep_reading(cache: Cache<Ledger>, acknowledged: Acknowledged, mut random: SmallRng) {
    for _ in 0..READS {
        let count = if random.random_bool(0.2) { 3 } else { 1 };
        let ids: Vec<i32> = (0..count).map(|_| random.random_range(0..KEYS)).collect();
        let floors: Vec<u64> = ids.iter().map(|id| version_of(&acknowledged, *id).load(Ordering::SeqCst)).collect();
        let keys: Vec<_> = ids.iter().copied().map(InvoiceId).collect();
        let answers = match keys.as_slice() {
            [key] => vec![cache.get::<Invoices>(key).await.unwrap()],
            keys => cache.get_many::<Invoices>(keys).await.unwrap(),
        };
        for ((id, floor), answer) in ids.iter().zip(floors).zip(&answers) {
            let (version, tier) = seen(answer);
            let version = version.unwrap_or(0);
            assert!(version >= floor, "invoice {id}: read {version} ({tier:?}) after {floor} was acknowledged");
        }
    }
}

async fn keep_writing(cache: Cache<Ledger>, ledger: Ledger, acknowledged: Acknowledged, mut random: SmallRng) {
    for _ in 0..WRITES {
        let id = random.random_range(0..KEYS);
        let version = ledger.put_next(id);
        for _ in 0..random.random_range(0..3) {
            tokio::task::yield_now().await;
        }
        assert!(invalidate(&cache, &[id]).await.is_done());
        version_of(&acknowledged, id).fetch_max(version, Ordering::SeqCst);
        for _ in 0..random.random_range(0..30) {
            tokio::task::yield_now().await;
        }
    }
}

fn version_of(acknowledged: &Acknowledged, id: i32) -> &AtomicU64 {
    &acknowledged[usize::try_from(id).unwrap()]
}

/// What else happens to a cache: evictions, lost leases, forgotten scripts, warm-ups, clears. Until it is aborted.
async fn disturb(world: Arc<World>, cache: Cache<Ledger>, mut random: SmallRng) {
    loop {
        let key = format!("invoice:{}", random.random_range(0..KEYS));
        match random.random_range(0..5) {
            0 => drop(world.server.command::<u64>(&["DEL", &key]).unwrap()),
            1 => drop(world.server.command::<u64>(&["DEL", &lease(&key)]).unwrap()),
            2 => world.server.command(&["SCRIPT", "FLUSH"]).unwrap(),
            3 => {
                let keys: Vec<_> = (0..KEYS).map(InvoiceId).collect();
                cache.warm_up::<Invoices>(&keys, &mut |_| {}).await.unwrap();
            }
            _ => {
                let types = [TypeInfo::of::<Invoices>()];
                cache.clear(&types, ClearMode::Remove, &mut |_| {}).await.unwrap();
            }
        }
        tokio::task::yield_now().await;
    }
}
