//! A slot has gone to another master, and a process has not heard of it.

use std::collections::BTreeSet;

use billing_cache::{Event, Tier};
use test_support::RedisServer;

use super::{Clustered, has_value, in_one_slot, is_anywhere, key, read_many, slot_of};
use crate::ledger::{InvoiceId, Invoices};
use crate::world::{invalidate, read, reading, until};

/// How often this node has sent somebody elsewhere.
fn redirections(server: &RedisServer) -> u64 {
    let errors = server.info("errorstats").unwrap();
    errors.get("errorstat_MOVED").map_or(0, |count| count.trim_start_matches("count=").parse().unwrap())
}

#[tokio::test]
async fn a_process_with_the_old_layout_is_sent_to_the_new_master_by_the_old_one() {
    let clustered = Clustered::of_masters();
    let cache = clustered.cache_of_user().await;
    let [read_before, batched, new, written] = in_one_slot();
    clustered.fill(&cache, &[read_before, batched, written], 1).await;
    let (old_master, new_master) = (clustered.owner(read_before), clustered.other_than_owner(read_before));
    clustered.refuse_to_tell_slots();
    clustered.cluster.move_slot(slot_of(read_before), new_master).unwrap();

    assert_eq!(read(&cache, read_before).await, (Some(1), Tier::L2));
    assert_eq!(read_many(&cache, &[batched]).await, [(Some(1), Tier::L2)]);
    clustered.world.ledger.put(new, 1);
    assert_eq!(read(&cache, new).await, (Some(1), Tier::Loaded));
    assert!(has_value(new_master, new) && !has_value(old_master, new));
    clustered.world.ledger.put(written, 2);
    let told = invalidate(&cache, &[written]).await;
    assert!(told.is_done());
    assert!(!is_anywhere(&clustered.cluster, written));
    assert!(redirections(old_master) > 0);
    assert_eq!(cache.count::<Invoices>(Event::Bypass), 0);
    assert_eq!(cache.count::<Invoices>(Event::RedisError), 0);

    clustered.tell_slots();
    until(|| async {
        let before = redirections(old_master);
        assert_eq!(read(&cache, written).await.0, Some(2));
        redirections(old_master) == before
    })
    .await;
    let told = invalidate(&cache, &[written]).await;
    let history = told.done[&cache.any_key::<Invoices>(&InvoiceId(written))].clone().unwrap();
    assert!(history.as_str().starts_with(&new_master.info("server").unwrap()["run_id"]));
}

#[tokio::test]
async fn of_reads_that_travel_together_each_is_sent_to_where_its_key_has_moved() {
    let clustered = Clustered::of_masters();
    let cache = clustered.cache_of_user().await;
    let moved: [i32; 8] = in_one_slot();
    let ids: BTreeSet<i32> = (100_000..100_056).chain(moved).collect();
    let ids: Vec<i32> = ids.into_iter().collect();
    clustered.fill(&cache, &ids, 1).await;
    let (old_master, new_master) = (clustered.owner(moved[0]), clustered.other_than_owner(moved[0]));
    clustered.refuse_to_tell_slots();
    clustered.cluster.move_slot(slot_of(moved[0]), new_master).unwrap();
    let before = redirections(old_master);
    let readers: Vec<_> = ids.iter().map(|id| reading(&cache, *id)).collect();
    for reader in readers {
        assert_eq!(reader.await.unwrap(), (Some(1), Tier::L2));
    }
    // A heartbeat or a flush of counters may be redirected as well.
    assert!(redirections(old_master) - before >= 8);
    assert_eq!(cache.count::<Invoices>(Event::RedisError), 0);
}

#[tokio::test]
async fn a_load_that_began_before_the_move_is_stored_after_it() {
    let clustered = Clustered::of_masters();
    let cache = clustered.cache_of_user().await;
    clustered.world.ledger.put(1, 1);
    clustered.world.ledger.hold_next(1);
    let early = reading(&cache, 1);
    clustered.world.ledger.until_held(1).await;
    let new_master = clustered.other_than_owner(1);
    clustered.refuse_to_tell_slots();
    clustered.cluster.move_slot(slot_of(1), new_master).unwrap();
    clustered.world.ledger.release();
    assert_eq!(early.await.unwrap(), (Some(1), Tier::Loaded));
    assert!(has_value(new_master, 1));
    assert_eq!(cache.count::<Invoices>(Event::FillStored), 1);
}

#[tokio::test]
async fn a_write_of_a_process_with_the_old_layout_beats_a_load_at_the_new_master() {
    let clustered = Clustered::of_masters();
    let (writer, reader) = (clustered.cache_of_user().await, clustered.cache().await);
    clustered.world.ledger.put(1, 1);
    clustered.refuse_to_tell_slots();
    clustered.cluster.move_slot(slot_of(1), clustered.other_than_owner(1)).unwrap();
    clustered.world.ledger.hold_next(1);
    let early = reading(&reader, 1);
    clustered.world.ledger.until_held(1).await;
    clustered.world.write(&writer, 1, 2).await;
    clustered.world.ledger.release();
    early.await.unwrap();
    assert_eq!(reader.count::<Invoices>(Event::FillLost), 1);
    assert_eq!(read(&writer, 1).await, (Some(2), Tier::L2));
}

#[tokio::test]
async fn a_batch_that_began_before_the_move_leaves_no_lease_behind() {
    let clustered = Clustered::of_masters();
    let cache = clustered.cache_of_user().await;
    let [moved, other] = in_one_slot();
    [moved, other].iter().for_each(|id| clustered.world.ledger.put(*id, 1));
    clustered.world.ledger.hold_next(1);
    let reader = cache.clone();
    let early = tokio::spawn(async move { read_many(&reader, &[moved, other]).await });
    clustered.world.ledger.until_held(1).await;
    clustered.refuse_to_tell_slots();
    clustered.cluster.move_slot(slot_of(moved), clustered.other_than_owner(moved)).unwrap();
    clustered.world.ledger.release();
    assert_eq!(early.await.unwrap(), [(Some(1), Tier::Loaded); 2]);
    assert_eq!(read(&cache, moved).await, (Some(1), Tier::Loaded), "nobody has to wait for {}", key(moved));
    assert_eq!(cache.count::<Invoices>(Event::Contended), 0);
}
