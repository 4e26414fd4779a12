//! Writers and readers in four processes with memory, with a checker of what section 8 of the protocol promises: the
//! writing process reads its own writes; elsewhere memory answers no older value than one that was current within the
//! bound, and what does not come from memory is not older than any acknowledged write.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use billing_cache::{Cache, ClearMode, Tier, TypeInfo};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::ledger::{InvoiceId, Invoices, Ledger};
use crate::world::{World, invalidate, lease, seen, until};

const PROCESSES: usize = 4;
const KEYS: i32 = 4;
const READERS: u64 = 12;
const WRITERS: u64 = 4;
const READS: usize = 1_500;
const WRITES: usize = 60;
const BOUND: Duration = Duration::from_millis(200);

/// What was acknowledged: of each invoice, when, by which process, and which version.
#[derive(Default)]
struct Acknowledged([Mutex<Vec<(Instant, usize, u64)>>; KEYS as usize]);

impl Acknowledged {
    fn add(&self, id: i32, process: usize, version: u64) {
        // The moment under the lock, so that they are in order.
        let mut of_key = self.of(id);
        of_key.push((Instant::now(), process, version));
    }

    /// The newest version that was acknowledged by this moment, by this process or by any.
    fn floor(&self, id: i32, by: Instant, process: Option<usize>) -> u64 {
        let of_key = self.of(id);
        let counts = |entry: &&(Instant, usize, u64)| entry.0 <= by && process.is_none_or(|process| entry.1 == process);
        of_key.iter().filter(counts).map(|entry| entry.2).max().unwrap_or(0)
    }

    fn of(&self, id: i32) -> std::sync::MutexGuard<'_, Vec<(Instant, usize, u64)>> {
        self.0[usize::try_from(id).unwrap()].lock().unwrap()
    }
}

struct Process {
    number: usize,
    cache: Cache<Ledger>,
    acknowledged: Arc<Acknowledged>,
    random: SmallRng,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_keeps_its_promises_in_a_storm() {
    storm(seed()).await;
}

#[tokio::test]
async fn and_when_all_tasks_share_a_thread() {
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
    world.ledger.yield_in_loads(3);
    let mut caches = Vec::new();
    for _ in 0..PROCESSES {
        let bound_ms = u64::try_from(BOUND.as_millis()).unwrap();
        caches.push(world.l1_cache_with(|options| options.cache.l1_staleness_bound_ms = bound_ms).await);
    }
    let acknowledged = Arc::new(Acknowledged::default());
    let process = |task: u64| {
        let number = usize::try_from(task).unwrap() % PROCESSES;
        let random = SmallRng::seed_from_u64(seed.wrapping_add(task));
        Process { number, cache: caches[number].clone(), acknowledged: Arc::clone(&acknowledged), random }
    };
    let readers: Vec<_> = (0..READERS).map(|task| tokio::spawn(process(task).keep_reading())).collect();
    let ledger = &world.ledger;
    let writers = (READERS..READERS + WRITERS).map(|task| tokio::spawn(process(task).keep_writing(ledger.clone())));
    let writers: Vec<_> = writers.collect();
    let disturbance = tokio::spawn(disturb(Arc::clone(&world), caches[0].clone(), SmallRng::seed_from_u64(seed)));
    let mut hits = 0;
    for reader in readers {
        hits += reader.await.unwrap();
    }
    for writer in writers {
        writer.await.unwrap();
    }
    disturbance.abort();
    assert!(disturbance.await.unwrap_err().is_cancelled());
    assert!(hits > 0, "nothing came from memory");
    for cache in &caches {
        for id in 0..KEYS {
            let last = acknowledged.floor(id, Instant::now(), None);
            until(|| async { version(cache, id).await.0 == last }).await;
        }
    }
}

async fn version(cache: &Cache<Ledger>, id: i32) -> (u64, Tier) {
    let (version, tier) = seen(&cache.get::<Invoices>(&InvoiceId(id)).await.unwrap());
    (version.unwrap_or(0), tier)
}

impl Process {
    /// Says how many answers came from memory.
    async fn keep_reading(mut self) -> usize {
        let mut hits = 0;
        for _ in 0..READS {
            let count = if self.random.random_bool(0.2) { 3 } else { 1 };
            let keys: Vec<_> = (0..count).map(|_| InvoiceId(self.random.random_range(0..KEYS))).collect();
            let started = Instant::now();
            let own = self.floors(&keys, started, Some(self.number));
            let long_ago = started.checked_sub(BOUND).unwrap();
            let (late, all) = (self.floors(&keys, long_ago, None), self.floors(&keys, started, None));
            let answers = match keys.as_slice() {
                [key] => vec![self.cache.get::<Invoices>(key).await.unwrap()],
                keys => self.cache.get_many::<Invoices>(keys).await.unwrap(),
            };
            for (place, answer) in answers.iter().enumerate() {
                let (version, tier) = seen(answer);
                let (version, key, process) = (version.unwrap_or(0), keys[place], self.number);
                let read = format!("process {process} read version {version} of invoice {key} from {tier:?}");
                assert!(version >= own[place], "{read} after it had acknowledged {} itself", own[place]);
                if tier == Tier::L1 {
                    hits += 1;
                    assert!(version >= late[place], "{read}, later than the bound after {}", late[place]);
                } else {
                    assert!(version >= all[place], "{read} after {} was acknowledged", all[place]);
                }
            }
            tokio::task::yield_now().await;
        }
        hits
    }

    fn floors(&self, keys: &[InvoiceId], by: Instant, process: Option<usize>) -> Vec<u64> {
        keys.iter().map(|key| self.acknowledged.floor(key.0, by, process)).collect()
    }

    async fn keep_writing(mut self, ledger: Ledger) {
        for _ in 0..WRITES {
            let id = self.random.random_range(0..KEYS);
            let version = ledger.put_next(id);
            for _ in 0..self.random.random_range(0..3) {
                tokio::task::yield_now().await;
            }
            assert!(invalidate(&self.cache, &[id]).await.is_done(), "Redis is there all the time");
            self.acknowledged.add(id, self.number, version);
            // Long enough for values to get into memory and be read there.
            for _ in 0..self.random.random_range(0..300) {
                tokio::task::yield_now().await;
            }
        }
    }
}

/// What else happens: changes by others, lost leases, lost ears, clears. Until it is aborted.
async fn disturb(world: Arc<World>, cache: Cache<Ledger>, mut random: SmallRng) {
    loop {
        let key = format!("invoice:{}", random.random_range(0..KEYS));
        match random.random_range(0..8) {
            0 => drop(world.server.command::<u64>(&["DEL", &key]).unwrap()),
            1 => drop(world.server.command::<u64>(&["DEL", &lease(&key)]).unwrap()),
            2 => drop(world.server.command::<u64>(&["PEXPIRE", &key, "5"]).unwrap()),
            3 => {
                world.kill_clients(&['B']);
            }
            4 => {
                cache.clear(&[TypeInfo::of::<Invoices>()], ClearMode::Remove, &mut |_| {}).await.unwrap();
            }
            5 => world.server.command(&["FLUSHDB"]).unwrap(),
            _ => {}
        }
        for _ in 0..random.random_range(0..400) {
            tokio::task::yield_now().await;
        }
    }
}
