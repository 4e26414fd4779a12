//! Readers and writers in two processes while a slot goes from one master to another and back, or a replica takes over
//! when it is asked to, with the checker of the promise: a read that starts after a write was acknowledged never
//! returns an older value.
//!
//! While a replica takes over less is promised (`docs/consistency.md`): the old master answers until it has heard of
//! its successor, and what the successor was told meanwhile it does not know. So reads that start then are held against
//! what was acknowledged before.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use billing_cache::Cache;
use test_support::{RedisCluster, RedisOptions, RedisServer};

use super::{Clustered, in_one_slot, read_many, slot_of};
use crate::ledger::Ledger;
use crate::world::{PATIENT, invalidate, read};

const KEYS: usize = 3;
const MOVES: usize = 6;
const WHOLE_MOVES: usize = 30;
const FAILOVERS: usize = 2;
/// Writes of each invoice after a failover.
const ROUNDS_BETWEEN: u64 = 20;

/// Invoices, with the last acknowledged version of each.
struct Acknowledged {
    invoices: [(i32, AtomicU64); KEYS],
    /// What was acknowledged when the take-over began that goes on now.
    before_take_over: Mutex<Option<[u64; KEYS]>>,
}

impl Acknowledged {
    fn of(ids: [i32; KEYS]) -> Arc<Self> {
        Arc::new(Self { invoices: ids.map(|id| (id, AtomicU64::new(0))), before_take_over: Mutex::default() })
    }

    fn ids(&self) -> [i32; KEYS] {
        self.invoices.each_ref().map(|(id, _)| *id)
    }

    fn now(&self) -> [u64; KEYS] {
        self.invoices.each_ref().map(|(_, version)| version.load(Ordering::SeqCst))
    }

    /// What a read that starts now must not be older than.
    fn floors(&self) -> [u64; KEYS] {
        self.before_take_over.lock().unwrap().unwrap_or_else(|| self.now())
    }

    fn take_over(&self, take_over: impl FnOnce()) {
        *self.before_take_over.lock().unwrap() = Some(self.now());
        take_over();
        *self.before_take_over.lock().unwrap() = None;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_read_is_older_than_an_acknowledged_write_while_slots_move() {
    storm(Clustered::of_masters(), move_to_and_fro).await;
}

/// On a server that moves slots at once, none is ever seen half way.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_read_is_older_than_an_acknowledged_write_while_slots_move_without_a_stop() {
    storm(Clustered::of_masters(), move_without_a_stop).await;
}

/// Nothing is lost then: the old master waits until the replica has everything. Replicas that take over unasked,
/// because the machine is so busy that a master seems dead, may lag.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_acknowledged_is_lost_when_replicas_take_over_that_are_asked_to() {
    let options = RedisOptions::default().config("cluster-replica-no-failover", "yes");
    storm(Clustered::over(RedisCluster::start(&options).unwrap()), take_over).await;
}

async fn storm(clustered: Clustered, disturb: impl FnOnce(&Clustered, &Acknowledged)) {
    clustered.world.ledger.yield_in_loads(5);
    let caches = [clustered.cache().await, clustered.cache().await];
    let acknowledged = Acknowledged::of(in_one_slot());
    let mut tasks = Vec::new();
    for number in 0..8 {
        let (cache, acknowledged) = (caches[number % 2].clone(), Arc::clone(&acknowledged));
        let ledger = clustered.world.ledger.clone();
        tasks.push(match number {
            0..4 => tokio::spawn(keep_reading(cache, acknowledged)),
            _ => tokio::spawn(keep_writing(cache, ledger, acknowledged, number % KEYS)),
        });
    }
    tokio::task::block_in_place(|| disturb(&clustered, &acknowledged));
    for task in tasks {
        task.abort();
        let ended = task.await;
        assert!(ended.is_err_and(|error| error.is_cancelled()), "a task found something wrong");
    }
    for (id, version) in &acknowledged.invoices {
        // A write that was cut off may have been committed.
        let (seen, tier) = read(&caches[0], *id).await;
        assert!(seen.unwrap_or(0) >= version.load(Ordering::SeqCst), "{id}: {seen:?} {tier:?}");
        assert!(version.load(Ordering::SeqCst) > 0);
    }
}

fn move_to_and_fro(clustered: &Clustered, acknowledged: &Acknowledged) {
    let [id, ..] = acknowledged.ids();
    for _ in 0..MOVES {
        let target: &RedisServer = clustered.other_than_owner(id);
        let half_way = clustered.cluster.begin_move(slot_of(id), target).unwrap();
        for _ in 0..20 {
            half_way.move_keys(1).unwrap();
        }
        half_way.finish().unwrap();
    }
}

fn move_without_a_stop(clustered: &Clustered, acknowledged: &Acknowledged) {
    let [id, ..] = acknowledged.ids();
    for _ in 0..WHOLE_MOVES {
        clustered.cluster.move_slot(slot_of(id), clustered.other_than_owner(id)).unwrap();
    }
}

fn take_over(clustered: &Clustered, acknowledged: &Acknowledged) {
    let [id, ..] = acknowledged.ids();
    for _ in 0..FAILOVERS {
        acknowledged.take_over(|| {
            clustered.cluster.fail_over(clustered.owner(id)).unwrap();
            clustered.cluster.wait_until_whole().unwrap();
        });
        // What is read from here on is held against all again.
        let (before, ends) = (acknowledged.now(), Instant::now() + PATIENT);
        while acknowledged.now().iter().zip(before).any(|(now, before)| *now < before + ROUNDS_BETWEEN) {
            assert!(Instant::now() < ends, "nobody writes any more");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

async fn keep_reading(cache: Cache<Ledger>, acknowledged: Arc<Acknowledged>) {
    for round in 0.. {
        let (floors, ids) = (acknowledged.floors(), acknowledged.ids());
        let answers = if round % 5 == 0 {
            read_many(&cache, &ids).await
        } else {
            let place = round % KEYS;
            let mut answers: Vec<_> = floors.map(|floor| (Some(floor), billing_cache::Tier::L2)).to_vec();
            answers[place] = read(&cache, ids[place]).await;
            answers
        };
        for ((id, floor), (version, tier)) in ids.into_iter().zip(floors).zip(answers) {
            let version = version.unwrap_or(0);
            assert!(version >= floor, "invoice {id}: read {version} ({tier:?}) after {floor} was acknowledged");
        }
        tokio::task::yield_now().await;
    }
}

async fn keep_writing(cache: Cache<Ledger>, ledger: Ledger, acknowledged: Arc<Acknowledged>, place: usize) {
    let (id, last) = &acknowledged.invoices[place];
    loop {
        let version = ledger.put_next(*id);
        assert!(invalidate(&cache, &[*id]).await.is_done());
        last.fetch_max(version, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
