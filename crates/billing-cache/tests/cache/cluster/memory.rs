//! L1 over a cluster: it hears every master, and counts only while it does.

use std::time::Duration;

use billing_cache::{Cache, Tier};

use super::{Clustered, impatient, key, set_version, slot_of};
use crate::ledger::Ledger;
use crate::memory::{in_l1, until_in_l1, until_not_in_l1};
use crate::world::{read, until};

const SHORT: Duration = Duration::from_millis(500);

/// A process that soon gives up, and whose memory soon does not count without heartbeats.
async fn short_bound(clustered: &Clustered) -> Cache<Ledger> {
    let change = |options: &mut crate::world::Options| {
        impatient(options);
        options.cache.l1_staleness_bound_ms = u64::try_from(SHORT.as_millis()).unwrap();
    };
    clustered.l1_cache_with(change).await
}

#[tokio::test]
async fn a_change_at_any_master_whoever_made_it_is_heard() {
    let clustered = Clustered::of_masters();
    // The bound is so long that only an announcement can make an entry dead.
    let (cache, writer) = (clustered.l1_cache_with(|_| {}).await, clustered.cache().await);
    let ids = clustered.one_for_each_master();
    clustered.fill(&cache, &ids, 1).await;
    for id in &ids {
        until_in_l1(&cache, *id, 1).await;
    }
    for id in &ids {
        until_in_l1(&cache, *id, 1).await;
        set_version(clustered.owner(*id), *id, 2);
        until(|| async { read(&cache, *id).await.0 == Some(2) }).await;
        until_in_l1(&cache, *id, 2).await;
        clustered.world.write(&writer, *id, 3).await;
        until(|| async { read(&cache, *id).await.0 == Some(3) }).await;
        until_in_l1(&cache, *id, 3).await;
        clustered.owner(*id).command::<()>(&["FLUSHALL"]).unwrap();
        until_not_in_l1(&cache, *id).await;
    }
}

#[tokio::test]
async fn while_one_master_is_silent_memory_does_not_count() {
    let clustered = Clustered::of_masters();
    let cache = short_bound(&clustered).await;
    let ids = clustered.one_for_each_master();
    clustered.fill(&cache, &ids, 1).await;
    for silent in clustered.cluster.masters().unwrap() {
        for id in &ids {
            until_in_l1(&cache, *id, 1).await;
        }
        silent.pause().unwrap();
        for id in &ids {
            until_not_in_l1(&cache, *id).await;
        }
        for id in &ids {
            let expected = if clustered.home(*id) == silent.port() { Tier::Bypassed } else { Tier::L2 };
            until(|| async { read(&cache, *id).await == (Some(1), expected) }).await;
        }
        assert_eq!(cache.l1_is_live(), Some(false));
        silent.resume().unwrap();
    }
    until_in_l1(&cache, ids[0], 1).await;
}

impl Clustered {
    /// The port of the master of an invoice, when not all nodes can be asked.
    fn home(&self, id: i32) -> u16 {
        let place = usize::from(slot_of(id)) * 3 / usize::from(super::SLOTS);
        self.cluster.servers()[place].port()
    }
}

#[tokio::test]
async fn a_key_that_moved_with_its_slot_is_heard_of_at_its_new_master() {
    let clustered = Clustered::of_masters();
    // The bound is so long that only an announcement can make an entry dead.
    let (cache, writer) = (clustered.l1_cache_with(|_| {}).await, clustered.cache().await);
    for version in 1..=5 {
        clustered.world.write(&writer, 1, version).await;
        until(|| async { read(&cache, 1).await.0 == Some(version) }).await;
        until_in_l1(&cache, 1, version).await;
        clustered.cluster.move_slot(slot_of(1), clustered.other_than_owner(1)).unwrap();
        until_in_l1(&cache, 1, version).await;
    }
}

#[tokio::test]
async fn a_new_master_is_heard_before_memory_counts_again() {
    let clustered = Clustered::with_a_spare();
    let cache = clustered.l1_cache_with(|_| {}).await;
    let other = clustered.other_than_owner(1);
    let stays = (1..).find(|id| clustered.owner(*id).port() == other.port()).unwrap();
    clustered.fill(&cache, &[1, stays], 1).await;
    until_in_l1(&cache, 1, 1).await;
    until_in_l1(&cache, stays, 1).await;
    // It announces nothing.
    let spare = clustered.cluster.servers().last().unwrap();
    spare.command::<()>(&["ACL", "SETUSER", "default", "-client|tracking"]).unwrap();
    clustered.cluster.move_slot(slot_of(1), spare).unwrap();
    let refusals = || spare.command_stats().unwrap().get("client|tracking").map_or(0, |stats| stats.rejected);
    until(|| async { refusals() >= 2 }).await;
    for version in 2..=4 {
        assert_eq!(cache.l1_is_live(), Some(false));
        set_version(spare, 1, version);
        until(|| async { read(&cache, 1).await == (Some(version), Tier::L2) }).await;
        assert_eq!(read(&cache, stays).await, (Some(1), Tier::L2));
    }
    spare.command::<()>(&["ACL", "SETUSER", "default", "+client|tracking"]).unwrap();
    until_in_l1(&cache, 1, 4).await;
    set_version(spare, 1, 5);
    until(|| async { read(&cache, 1).await.0 == Some(5) }).await;
    until_in_l1(&cache, 1, 5).await;
}

#[tokio::test]
async fn a_master_that_is_about_to_get_its_first_slot_is_heard_too() {
    let clustered = Clustered::with_a_spare();
    let cache = clustered.l1_cache_with(|_| {}).await;
    clustered.fill(&cache, &[1], 1).await;
    until_in_l1(&cache, 1, 1).await;
    let spare = clustered.cluster.servers().last().unwrap();
    let half_way = clustered.cluster.begin_move(slot_of(1), spare).unwrap();
    half_way.move_key(&key(1)).unwrap();
    until_not_in_l1(&cache, 1).await;
    half_way.finish().unwrap();
    until_in_l1(&cache, 1, 1).await;
    set_version(spare, 1, 2);
    until(|| async { read(&cache, 1).await.0 == Some(2) }).await;
    until_in_l1(&cache, 1, 2).await;
    set_version(spare, 1, 3);
    until(|| async { read(&cache, 1).await.0 == Some(3) }).await;
    until_in_l1(&cache, 1, 3).await;
}

#[tokio::test]
async fn what_memory_held_before_another_layout_counts_no_more() {
    let clustered = Clustered::of_masters();
    let cache = clustered.l1_cache_with(|_| {}).await;
    let ids = clustered.one_for_each_master();
    clustered.fill(&cache, &ids, 1).await;
    for id in &ids {
        until_in_l1(&cache, *id, 1).await;
    }
    // A slot without keys: its move announces none.
    let empty = (0..super::SLOTS).find(|slot| ids.iter().all(|id| slot_of(*id) != *slot)).unwrap();
    let target = clustered.cluster.masters().unwrap()[2];
    clustered.cluster.move_slot(empty, target).unwrap();
    for id in &ids {
        until_not_in_l1(&cache, *id).await;
    }
    for id in &ids {
        until_in_l1(&cache, *id, 1).await;
        let told = target.command::<Option<String>>(&["GET", &key(*id)]);
        assert_eq!(told.is_ok(), clustered.owner(*id).port() == target.port());
    }
}

#[tokio::test]
async fn after_a_failover_the_successor_is_heard() {
    let clustered = Clustered::with_replicas();
    let cache = short_bound(&clustered).await;
    clustered.fill(&cache, &[1], 1).await;
    until_in_l1(&cache, 1, 1).await;
    let old = clustered.owner(1);
    assert_eq!(old.command::<u64>(&["WAIT", "1", "60000"]).unwrap(), 1);
    let new = clustered.cluster.replica_of(old).unwrap();
    old.kill().unwrap();
    until_not_in_l1(&cache, 1).await;
    clustered.cluster.wait_until_replaced(old, new).unwrap();
    until_in_l1(&cache, 1, 1).await;
    assert_eq!(in_l1(&cache, 1), Some(Some(1)));
    set_version(new, 1, 2);
    until(|| async { read(&cache, 1).await.0 == Some(2) }).await;
    until_in_l1(&cache, 1, 2).await;
}
