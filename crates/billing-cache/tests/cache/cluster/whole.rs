//! All masters are well and no slot moves: what works on one server works on three.

use std::collections::{BTreeMap, BTreeSet};

use billing_cache::{Event, Tier, TypeInfo};

use test_support::RedisServer;

use super::{Clustered, has_value, key, read_many};
use crate::ledger::{InvoiceId, Invoices};
use crate::world::{invalidate, read, reading};

const COUNT: i32 = 120;

/// Every key is at the master of its slot and nowhere else, and there is nothing beside them, such as a lease.
fn assert_at_owners(clustered: &Clustered, ids: impl Iterator<Item = i32>) {
    let mut expected: BTreeMap<u16, BTreeSet<String>> = BTreeMap::new();
    for id in ids {
        expected.entry(clustered.owner(id).port()).or_default().insert(key(id));
    }
    let names = |server: &RedisServer| server.command::<BTreeSet<String>>(&["KEYS", "*"]).unwrap();
    let found = clustered.cluster.servers().iter().map(|server| (server.port(), names(server)));
    assert_eq!(found.collect::<BTreeMap<_, _>>(), expected);
}

#[tokio::test]
async fn every_key_is_filled_at_the_master_of_its_slot_and_read_from_there() {
    let clustered = Clustered::of_masters();
    let cache = clustered.cache().await;
    cache.check_redis().await.unwrap();
    for id in 0..30 {
        clustered.world.ledger.put(id, 7);
        assert_eq!(read(&cache, id).await, (Some(7), Tier::Loaded));
        assert_eq!(read(&cache, id).await, (Some(7), Tier::L2));
    }
    assert_at_owners(&clustered, 0..30);
    assert!(cache.uses_redis());
    assert_eq!(cache.key_count().await.unwrap().unwrap(), 30);
    assert_eq!(cache.count::<Invoices>(Event::RedisError), 0);
    assert_eq!(clustered.world.server.command::<u64>(&["DBSIZE"]).unwrap(), 0, "the other setting's server");
}

#[tokio::test]
async fn many_keys_of_all_shards_are_read_in_one_batch_and_loaded_in_one() {
    let clustered = Clustered::of_masters();
    let cache = clustered.cache().await;
    let ids: Vec<i32> = (0..COUNT).collect();
    ids.iter().for_each(|id| clustered.world.ledger.put(*id, 7));
    assert_eq!(read_many(&cache, &ids).await, vec![(Some(7), Tier::Loaded); ids.len()]);
    assert_eq!(clustered.world.ledger.loads(), 1);
    assert_eq!(read_many(&cache, &ids).await, vec![(Some(7), Tier::L2); ids.len()]);
    assert_eq!(clustered.world.ledger.loads(), 1);
    assert_at_owners(&clustered, 0..COUNT);
}

#[tokio::test]
async fn a_warm_up_fills_all_shards_and_leaves_what_is_there() {
    let clustered = Clustered::of_masters();
    let cache = clustered.cache().await;
    for id in 0..COUNT {
        clustered.world.ledger.put(id, 7);
    }
    read_many(&cache, &[0, 1, 2, 3, 4, 5]).await;
    let keys: Vec<_> = (0..COUNT).map(InvoiceId).collect();
    let warmed = cache.warm_up::<Invoices>(&keys, &mut |_| {}).await.unwrap();
    assert_eq!((warmed.stored, warmed.skipped, warmed.not_stored), (114, 6, 0));
    assert_at_owners(&clustered, 0..COUNT);
    (0..COUNT).for_each(|id| clustered.world.ledger.put(id, 8));
    let renewed = cache.renew::<Invoices>(&keys, &mut |_| {}).await.unwrap();
    assert_eq!((renewed.stored, renewed.skipped, renewed.not_stored), (120, 0, 0));
    let ids: Vec<i32> = (0..COUNT).collect();
    assert_eq!(read_many(&cache, &ids).await, vec![(Some(8), Tier::L2); ids.len()]);
}

#[tokio::test]
async fn an_invalidation_removes_keys_of_all_shards_and_names_the_history_of_each() {
    let clustered = Clustered::of_masters();
    let (cache, other) = (clustered.cache().await, clustered.cache().await);
    let ids: Vec<i32> = (0..30).collect();
    clustered.fill(&cache, &ids, 1).await;
    ids.iter().for_each(|id| clustered.world.ledger.put(*id, 2));
    let told = invalidate(&cache, &ids).await;
    assert!(told.is_done());
    assert_eq!(told.done.len(), ids.len());
    for id in &ids {
        let owner = clustered.owner(*id);
        let history = told.done[&cache.any_key::<Invoices>(&InvoiceId(*id))].as_ref().unwrap();
        let (server, replication) = (owner.info("server").unwrap(), owner.info("replication").unwrap());
        assert_eq!(history.as_str(), format!("{}:{}", server["run_id"], replication["master_replid"]));
        assert!(!has_value(owner, *id));
    }
    assert_eq!(read_many(&other, &ids).await, vec![(Some(2), Tier::Loaded); ids.len()]);
    let primaries = cache.primaries().await.unwrap();
    assert!(primaries.are_all() && primaries.are_many());
    let named: BTreeSet<_> = told.done.into_values().flatten().chain(primaries.history_of_all()).collect();
    assert_eq!(primaries.histories(), named, "those of three masters, and that of all together");
}

#[tokio::test]
async fn one_process_loads_a_key_for_all_who_ask_at_once() {
    let clustered = Clustered::of_masters();
    let caches = [clustered.cache().await, clustered.cache().await];
    let ids = clustered.one_for_each_master();
    for id in &ids {
        clustered.world.ledger.put(*id, 7);
        let readers = caches.iter().flat_map(|cache| (0..20).map(|_| reading(cache, *id)));
        for reader in readers.collect::<Vec<_>>() {
            assert_eq!(reader.await.unwrap().0, Some(7));
        }
    }
    assert_eq!(clustered.world.ledger.loads(), ids.len() as u64);
}

#[tokio::test]
async fn scripts_that_a_master_forgot_are_loaded_again() {
    let clustered = Clustered::of_masters();
    let cache = clustered.cache().await;
    for server in clustered.cluster.masters().unwrap() {
        server.command::<()>(&["SCRIPT", "FLUSH"]).unwrap();
    }
    let ids: Vec<i32> = (0..COUNT).collect();
    clustered.fill(&cache, &ids, 7).await;
    let types = [TypeInfo::of::<Invoices>()];
    let cleared = cache.clear(&types, billing_cache::ClearMode::Remove, &mut |_| {}).await.unwrap();
    assert_eq!(cleared[0].keys, 120);
}
