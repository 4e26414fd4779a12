//! Readers and writers in two processes while a slot goes from one master to another and back, or a replica takes over when it is
//! asked to, with the checker of the promise: a read that starts after a write was acknowledged never returns an older value.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use billing_cache::Cache;
use test_support::RedisServer;

use super::{Clustered, in_one_slot, read_many, slot_of};
use crate::ledger::Ledger;
use crate::world::{invalidate, read};

const KEYS: usize = 3;
const MOVES: usize = 6;
const FAILOVERS: usize = 2;

/// An invoice, and its last acknowledged version.
type Acknowledged = Arc<[(i32, AtomicU64); KEYS]>;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_read_is_older_than_an_acknowledged_write_while_slots_move() {
    storm(Clustered::of_masters(), move_to_and_fro).await;
}

/// Nothing is lost then: the old master waits until the replica has everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nor_while_replicas_take_over_when_they_are_asked_to() {
    storm(Clustered::with_replicas(), take_over).await;
}

async fn storm(clustered: Clustered, disturb: impl FnOnce(&Clustered, i32)) {
    clustered.world.ledger.yield_in_loads(5);
    let caches = [clustered.cache().await, clustered.cache().await];
    let acknowledged: Acknowledged = Arc::new(in_one_slot().map(|id| (id, AtomicU64::new(0))));
    let mut tasks = Vec::new();
    for number in 0..8 {
        let (cache, acknowledged) = (caches[number % 2].clone(), Arc::clone(&acknowledged));
        let ledger = clustered.world.ledger.clone();
        tasks.push(match number {
            0..4 => tokio::spawn(keep_reading(cache, acknowledged)),
            _ => tokio::spawn(keep_writing(cache, ledger, acknowledged, number % KEYS)),
        });
    }
    tokio::task::block_in_place(|| disturb(&clustered, acknowledged[0].0));
    for task in tasks {
        task.abort();
        let ended = task.await;
        assert!(ended.is_err_and(|error| error.is_cancelled()), "a task found something wrong");
    }
    for (id, version) in acknowledged.iter() {
        // A write that was cut off may have been committed.
        let (seen, tier) = read(&caches[0], *id).await;
        assert!(seen.unwrap_or(0) >= version.load(Ordering::SeqCst), "{id}: {seen:?} {tier:?}");
        assert!(version.load(Ordering::SeqCst) > 0);
    }
}

fn move_to_and_fro(clustered: &Clustered, id: i32) {
    for _ in 0..MOVES {
        let target: &RedisServer = clustered.other_than_owner(id);
        let half_way = clustered.cluster.begin_move(slot_of(id), target).unwrap();
        for _ in 0..20 {
            half_way.move_keys(1).unwrap();
        }
        half_way.finish().unwrap();
    }
}

fn take_over(clustered: &Clustered, id: i32) {
    for _ in 0..FAILOVERS {
        clustered.cluster.fail_over(clustered.owner(id)).unwrap();
        clustered.cluster.wait_until_whole().unwrap();
    }
}

async fn keep_reading(cache: Cache<Ledger>, acknowledged: Acknowledged) {
    for round in 0.. {
        let floors = acknowledged.each_ref().map(|(_, version)| version.load(Ordering::SeqCst));
        let ids = acknowledged.each_ref().map(|(id, _)| *id);
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

async fn keep_writing(cache: Cache<Ledger>, ledger: Ledger, acknowledged: Acknowledged, place: usize) {
    let (id, last) = &acknowledged[place];
    loop {
        let version = ledger.put_next(*id);
        assert!(invalidate(&cache, &[*id]).await.is_done());
        last.fetch_max(version, Ordering::SeqCst);
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}
