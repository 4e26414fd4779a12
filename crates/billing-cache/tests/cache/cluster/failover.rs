//! A master dies or is deposed: the others go on, and nobody who wrote meanwhile is forgotten.

use billing_cache::{BreakerState, Cache, Tier};
use test_support::RedisServer;

use super::{Clustered, has_value, impatient, read_many};
use crate::ledger::{InvoiceId, Invoices, Ledger};
use crate::world::{invalidate, read, until};

/// Reads until the invoice comes from Redis; it must have this version from wherever it comes.
async fn until_from_redis(cache: &Cache<Ledger>, id: i32, version: u64) {
    until(|| async {
        let (seen, tier) = read(cache, id).await;
        assert_eq!(seen, Some(version), "{tier:?}");
        tier == Tier::L2
    })
    .await;
}

/// Everything that this master was told is at its replica too.
fn wait_for_replica(master: &RedisServer) {
    assert_eq!(master.command::<u64>(&["WAIT", "1", "60000"]).unwrap(), 1);
}

#[tokio::test]
async fn while_a_master_is_dead_its_keys_come_from_the_database_and_all_others_from_redis() {
    let clustered = Clustered::of_masters();
    let cache = clustered.impatient_cache().await;
    let ids = clustered.one_for_each_master();
    clustered.fill(&cache, &ids, 1).await;
    let dead = clustered.owner(ids[1]);
    dead.kill().unwrap();
    let tiers = [Tier::L2, Tier::Bypassed, Tier::L2];
    until(|| async { read(&cache, ids[1]).await.1 == Tier::Bypassed }).await;
    for _ in 0..5 {
        assert_eq!(read_many(&cache, &ids).await, tiers.map(|tier| (Some(1), tier)));
        for (id, tier) in ids.iter().zip(tiers) {
            assert_eq!(read(&cache, *id).await, (Some(1), tier));
        }
    }
    assert!(!cache.uses_redis(), "not for every key");
    assert!(cache.check_redis().await.is_err());

    ids.iter().for_each(|id| clustered.world.ledger.put(*id, 2));
    let told = invalidate(&cache, &ids).await;
    let keys: Vec<_> = ids.iter().map(|id| cache.any_key::<Invoices>(&InvoiceId(*id))).collect();
    assert_eq!(told.pending, [keys[1].clone()].into());
    assert_eq!(told.done.keys().collect::<Vec<_>>().len(), 2);
    assert!([0, 2].iter().all(|place| told.done[&keys[*place]].is_some()));
    assert_eq!(cache.suspect_keys(), 1);
    assert_eq!(
        read_many(&cache, &ids).await,
        [(Some(2), Tier::Loaded), (Some(2), Tier::Bypassed), (Some(2), Tier::Loaded)]
    );

    dead.restart().unwrap();
    until(|| async { cache.suspect_keys() == 0 }).await;
    until_from_redis(&cache, ids[1], 2).await;
    assert_eq!(cache.primaries().await.unwrap().iter().count(), 3);
}

#[tokio::test]
async fn a_master_that_hangs_is_skipped_and_the_others_are_not() {
    let clustered = Clustered::of_masters();
    let cache = clustered.impatient_cache().await;
    let ids = clustered.one_for_each_master();
    clustered.fill(&cache, &ids, 1).await;
    let hanging = clustered.owner(ids[2]);
    hanging.pause().unwrap();
    until(|| async {
        assert_eq!(read(&cache, ids[2]).await, (Some(1), Tier::Bypassed));
        cache.breaker_state() == BreakerState::Open
    })
    .await;
    for _ in 0..20 {
        assert_eq!(read(&cache, ids[0]).await, (Some(1), Tier::L2));
        assert_eq!(read(&cache, ids[1]).await, (Some(1), Tier::L2));
    }
    hanging.resume().unwrap();
    until(|| async { read(&cache, ids[2]).await == (Some(1), Tier::L2) && cache.uses_redis() }).await;
}

#[tokio::test]
async fn a_warm_up_stores_what_the_living_masters_have_while_one_is_dead() {
    let clustered = Clustered::of_masters();
    let cache = clustered.impatient_cache().await;
    let ids = clustered.one_for_each_master();
    ids.iter().for_each(|id| clustered.world.ledger.put(*id, 1));
    clustered.owner(ids[0]).kill().unwrap();
    let keys: Vec<_> = ids.iter().copied().map(InvoiceId).collect();
    let warmed = cache.warm_up::<Invoices>(&keys, &mut |_| {}).await.unwrap();
    assert_eq!((warmed.stored, warmed.skipped, warmed.not_stored), (2, 0, 1));
    assert!(ids[1..].iter().all(|id| has_value(clustered.owner(*id), *id)));
}

#[tokio::test]
async fn what_was_written_while_a_master_was_dead_is_told_to_its_successor() {
    let clustered = Clustered::with_replicas();
    let (writer, other) = (clustered.impatient_cache().await, clustered.impatient_cache().await);
    let ids = clustered.one_for_each_master();
    clustered.fill(&writer, &ids, 1).await;
    let old = clustered.owner(ids[0]);
    let new = clustered.cluster.replica_of(old).unwrap();
    wait_for_replica(old);
    old.kill().unwrap();
    clustered.world.ledger.put(ids[0], 2);
    assert!(!invalidate(&writer, &[ids[0]]).await.is_done());
    assert_eq!(read(&writer, ids[0]).await.0, Some(2));
    clustered.cluster.wait_until_replaced(old, new).unwrap();
    assert!(has_value(new, ids[0]) || writer.suspect_keys() == 0, "the old value came along");
    until_from_redis(&writer, ids[0], 2).await;
    until(|| async { writer.suspect_keys() == 0 }).await;
    until_from_redis(&other, ids[0], 2).await;
    for id in &ids[1..] {
        assert_eq!(read(&other, *id).await, (Some(1), Tier::L2));
    }
    let told = invalidate(&other, &[ids[0]]).await;
    let history = told.done.into_values().next().flatten().unwrap();
    assert!(history.as_str().starts_with(&new.info("server").unwrap()["run_id"]));
}

#[tokio::test]
async fn a_failover_that_somebody_asks_for_is_followed_without_a_pending_write() {
    let clustered = Clustered::with_replicas();
    let cache = clustered.cache().await;
    clustered.fill(&cache, &[1], 1).await;
    let old = clustered.owner(1);
    wait_for_replica(old);
    let new = clustered.cluster.fail_over(old).unwrap();
    clustered.world.write(&cache, 1, 2).await;
    until_from_redis(&cache, 1, 2).await;
    assert!(has_value(new, 1));
    until(|| async { cache.check_redis().await.is_ok() && cache.uses_redis() }).await;
}

#[tokio::test]
async fn a_master_that_hangs_and_wakes_up_deposed_is_not_read_from_again() {
    let clustered = Clustered::with_replicas();
    let cache = clustered.impatient_cache().await;
    clustered.fill(&cache, &[1], 1).await;
    let old = clustered.owner(1);
    let new = clustered.cluster.replica_of(old).unwrap();
    wait_for_replica(old);
    old.pause().unwrap();
    clustered.cluster.wait_until_replaced(old, new).unwrap();
    clustered.world.ledger.put(1, 2);
    until(|| async { invalidate(&cache, &[1]).await.is_done() }).await;
    until_from_redis(&cache, 1, 2).await;
    old.resume().unwrap();
    // It has the old value until it has followed its successor.
    for _ in 0..50 {
        assert_eq!(read(&cache, 1).await.0, Some(2));
    }
    clustered.cluster.wait_until_whole().unwrap();
    assert_eq!(read(&cache, 1).await.0, Some(2));
    let late = clustered.cache_with(impatient).await;
    assert_eq!(read(&late, 1).await, (Some(2), Tier::L2));
}
