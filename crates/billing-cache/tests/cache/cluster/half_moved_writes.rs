//! A slot is open at two masters: a write is acknowledged only when neither has an old value, or the right to fill one.

use billing_cache::{Event, Tier};

use super::{
    Clustered, has_lease, has_value, in_one_slot, is_anywhere, key, set_arriving_version, set_version, slot_of,
};
use crate::ledger::{InvoiceId, Invoices};
use crate::world::{invalidate, lease, read, reading, until};

#[tokio::test]
async fn an_invalidation_removes_value_and_lease_wherever_each_of_them_is() {
    let clustered = Clustered::of_masters();
    let cache = clustered.cache().await;
    let ids: [i32; 9] = in_one_slot();
    let [both, both_moved, value_moved, lease_moved, only_value, only_value_moved, only_lease, only_lease_moved, none] =
        ids;
    let source = clustered.owner(none);
    for id in [both, both_moved, value_moved, lease_moved, only_value, only_value_moved] {
        set_version(source, id, 1);
    }
    for id in [both, both_moved, value_moved, lease_moved, only_lease, only_lease_moved] {
        source.command::<()>(&["SET", &lease(&key(id)), "r-of-another-process", "PX", "600000"]).unwrap();
    }
    let values = [both_moved, value_moved, only_value_moved].map(key);
    let leases = [both_moved, lease_moved, only_lease_moved].map(|id| lease(&key(id)));
    let (_half_way, target) = clustered.open_slot(none, &[values, leases].concat());
    // A migration that broke off may leave a key on both.
    set_arriving_version(target, only_value, 1);
    assert!(has_value(target, only_value) && has_value(source, only_value));
    assert!(has_value(target, value_moved) && has_lease(source, value_moved));
    assert!(has_lease(target, lease_moved) && has_value(source, lease_moved));
    let told = invalidate(&cache, &ids).await;
    assert!(told.is_done(), "{told:?}");
    for id in ids {
        assert!(!is_anywhere(&clustered.cluster, id), "{id}");
        let history = &told.done[&cache.any_key::<Invoices>(&InvoiceId(id))];
        assert_eq!(history.is_some(), id == both, "a key that is on its way belongs to no history: {id}");
    }
}

/// The main guarantee, with the lease left at the source or moved, and the move ended before the load or not.
#[tokio::test]
async fn a_load_begun_before_a_write_in_the_middle_of_the_move_is_never_stored() {
    for (moves_lease, ends_first) in [(false, false), (false, true), (true, false), (true, true)] {
        let clustered = Clustered::of_masters();
        let (slow, writer) = (clustered.cache().await, clustered.cache().await);
        clustered.world.ledger.put(1, 1);
        clustered.world.ledger.hold_next(1);
        let early = reading(&slow, 1);
        clustered.world.ledger.until_held(1).await;
        let moved = [lease(&key(1))];
        let (half_way, target) = clustered.open_slot(1, if moves_lease { &moved } else { &[] });
        assert!(has_lease(if moves_lease { target } else { half_way.from() }, 1));
        clustered.world.write(&writer, 1, 2).await;
        assert!(!is_anywhere(&clustered.cluster, 1), "moves_lease: {moves_lease}");
        if ends_first {
            half_way.finish().unwrap();
        }
        clustered.world.ledger.release();
        assert!(early.await.unwrap().0.is_some(), "who came before the write may have either");
        assert_eq!(slow.count::<Invoices>(Event::FillStored), u64::from(ends_first), "of the second load");
        if !ends_first {
            assert!(!is_anywhere(&clustered.cluster, 1), "moves_lease: {moves_lease}");
            half_way.finish().unwrap();
        }
        for cache in [&slow, &writer] {
            assert_eq!(read(cache, 1).await.0, Some(2), "moves_lease: {moves_lease}, ends_first: {ends_first}");
        }
    }
}

/// The lease of a refresh goes with its value, and both may be stored over at the target.
#[tokio::test]
async fn a_renewal_in_the_middle_of_the_move_does_not_outlive_a_write() {
    let clustered = Clustered::of_masters();
    let (slow, writer) = (clustered.cache().await, clustered.cache().await);
    clustered.fill(&slow, &[1], 1).await;
    clustered.world.ledger.hold_next(1);
    let renewing = slow.clone();
    let renewal = tokio::spawn(async move { renewing.renew::<Invoices>(&[InvoiceId(1)], &mut |_| {}).await.unwrap() });
    clustered.world.ledger.until_held(1).await;
    let (half_way, _) = clustered.open_slot(1, &[lease(&key(1)), key(1)]);
    clustered.world.write(&writer, 1, 2).await;
    clustered.world.ledger.release();
    assert_eq!(renewal.await.unwrap().stored, 0);
    half_way.finish().unwrap();
    assert_eq!(read(&writer, 1).await.0, Some(2));
}

/// Its first slot makes a master part of the layout; until that is known, nobody reads there or can tell it anything.
#[tokio::test]
async fn a_master_that_is_about_to_get_its_first_slot_is_used_as_soon_as_it_is_known() {
    let clustered = Clustered::with_a_spare();
    let caches = [clustered.cache_of_user().await, clustered.cache_of_user().await];
    let [at_source, at_target, absent] = in_one_slot();
    clustered.fill(&caches[0], &[at_source, at_target], 1).await;
    clustered.world.ledger.put(absent, 1);
    clustered.refuse_to_tell_slots();
    let spare = clustered.cluster.servers().last().unwrap();
    let half_way = clustered.cluster.begin_move(slot_of(absent), spare).unwrap();
    half_way.move_key(&key(at_target)).unwrap();
    assert_eq!(read(&caches[0], at_source).await, (Some(1), Tier::L2));
    for id in [at_target, absent] {
        assert_eq!(read(&caches[0], id).await, (Some(1), Tier::Bypassed));
    }
    let written = [at_source, at_target, absent];
    written.iter().for_each(|id| clustered.world.ledger.put(*id, 2));
    let told = invalidate(&caches[0], &written).await;
    assert!(told.done.is_empty(), "nobody knows what the new master has: {told:?}");
    for (id, cache) in written.iter().flat_map(|id| caches.iter().map(move |cache| (*id, cache))) {
        assert_eq!(read(cache, id).await, (Some(2), Tier::Bypassed), "{id}");
    }

    clustered.tell_slots();
    until(|| async { caches[0].suspect_keys() == 0 }).await;
    assert!(written.iter().all(|id| !is_anywhere(&clustered.cluster, *id)));
    half_way.finish().unwrap();
    for id in written {
        until(|| async {
            let (version, tier) = read(&caches[1], id).await;
            assert_eq!(version, Some(2), "{id}");
            tier == Tier::L2
        })
        .await;
        assert!(has_value(spare, id));
    }
}
