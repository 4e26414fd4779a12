//! A slot is open at two masters, some of its keys are on one and some on the other: what readers and operators get.

use std::time::Duration;

use billing_cache::{BreakerState, Cache, ClearMode, Event, Standing, Tier, TypeInfo};
use test_support::{RedisServer, SlotMove};

use super::{
    Clustered, has_lease, has_value, in_one_slot, is_anywhere, key, read_many, set_arriving_version, set_version,
    slot_of,
};
use crate::ledger::{InvoiceId, Invoices, Ledger};
use crate::world::{invalidate, lease, read, reading, until};

impl Clustered {
    /// Opens the slot of an invoice for a move to another master, and moves these names.
    pub(super) fn open_slot(&self, id: i32, moved: &[String]) -> (SlotMove<'_>, &RedisServer) {
        let target = self.other_than_owner(id);
        let half_way = self.cluster.begin_move(slot_of(id), target).unwrap();
        moved.iter().for_each(|name| half_way.move_key(name).unwrap());
        (half_way, target)
    }
}

async fn clear(cache: &Cache<Ledger>, progress: &mut (dyn FnMut(u64) + Send)) -> Result<u64, String> {
    let cleared = cache.clear(&[TypeInfo::of::<Invoices>()], ClearMode::Remove, progress).await;
    cleared.map(|cleared| cleared[0].keys).map_err(|error| error.to_string())
}

#[tokio::test]
async fn what_has_not_gone_ahead_is_a_hit_and_all_else_is_read_from_the_database() {
    let clustered = Clustered::of_masters();
    let cache = clustered.cache().await;
    let [at_source, at_target, absent] = in_one_slot();
    let elsewhere = (1..).find(|id| clustered.owner(*id).port() != clustered.owner(absent).port()).unwrap();
    clustered.fill(&cache, &[at_source, at_target, elsewhere], 7).await;
    clustered.world.ledger.put(absent, 7);
    let (half_way, target) = clustered.open_slot(absent, &[key(at_target)]);
    assert!(has_value(half_way.from(), at_source) && has_value(target, at_target));
    for _ in 0..3 {
        assert_eq!(read(&cache, at_source).await, (Some(7), Tier::L2));
        assert_eq!(read(&cache, at_target).await, (Some(7), Tier::Bypassed));
        assert_eq!(read(&cache, absent).await, (Some(7), Tier::Bypassed));
        assert_eq!(
            read_many(&cache, &[at_source, at_target, absent, elsewhere]).await,
            [(Some(7), Tier::L2), (Some(7), Tier::Bypassed), (Some(7), Tier::Bypassed), (Some(7), Tier::L2)]
        );
    }
    assert!(!is_anywhere(&clustered.cluster, absent), "neither a value nor a lease");
    for _ in 0..30 {
        assert_eq!(read(&cache, absent).await, (Some(7), Tier::Bypassed));
    }
    assert_eq!(cache.breaker_state(), BreakerState::Closed);
    half_way.finish().unwrap();
    until(|| async { read(&cache, absent).await == (Some(7), Tier::L2) }).await;
    assert!(has_value(target, absent));
}

#[tokio::test]
async fn what_a_master_that_gets_the_slot_has_from_before_is_not_read() {
    let clustered = Clustered::of_masters();
    let cache = clustered.cache().await;
    let [id] = in_one_slot();
    clustered.fill(&cache, &[id], 2).await;
    let (half_way, target) = clustered.open_slot(id, &[]);
    set_arriving_version(target, id, 1);
    assert!(invalidate(&cache, &[id]).await.is_done());
    for _ in 0..3 {
        assert_eq!(read(&cache, id).await, (Some(2), Tier::Bypassed));
    }
    half_way.finish().unwrap();
    until(|| async { read(&cache, id).await == (Some(2), Tier::L2) }).await;
}

#[tokio::test]
async fn memory_holds_what_was_read_from_the_old_master_until_it_goes_ahead() {
    let clustered = Clustered::of_masters();
    let cache = clustered.l1_cache_with(|_| {}).await;
    let [id] = in_one_slot();
    clustered.fill(&cache, &[id], 1).await;
    let (half_way, target) = clustered.open_slot(id, &[]);
    crate::memory::until_in_l1(&cache, id, 1).await;
    clustered.world.ledger.put(id, 2);
    half_way.move_key(&key(id)).unwrap();
    until(|| async { read(&cache, id).await == (Some(2), Tier::Bypassed) }).await;
    assert!(has_value(target, id));
}

#[tokio::test]
async fn a_value_that_does_not_decode_is_never_served_and_not_replaced_before_the_move_has_ended() {
    let clustered = Clustered::of_masters();
    let cache = clustered.cache().await;
    let ids: [i32; 3] = in_one_slot();
    let [at_source, at_target, list] = ids;
    for id in ids {
        clustered.world.ledger.put(id, 7);
        clustered.owner(id).command::<()>(&["SET", &key(id), "rubbish"]).unwrap();
    }
    clustered.owner(list).command::<()>(&["DEL", &key(list)]).unwrap();
    clustered.owner(list).command::<()>(&["LPUSH", &key(list), "a list"]).unwrap();
    let (half_way, _) = clustered.open_slot(at_source, &[key(at_target), key(list)]);
    for id in ids {
        assert_eq!(read(&cache, id).await, (Some(7), Tier::Bypassed));
        assert_eq!(read_many(&cache, &[id]).await, [(Some(7), Tier::Bypassed)]);
    }
    // The one that is where it was, read alone and as one of many.
    assert_eq!(cache.count::<Invoices>(Event::Undecodable), 2);
    assert_eq!(cache.breaker_state(), BreakerState::Closed);
    half_way.finish().unwrap();
    for id in ids {
        until(|| async { read(&cache, id).await == (Some(7), Tier::L2) }).await;
    }
}

#[tokio::test]
async fn a_load_that_ends_in_the_middle_of_the_move_is_stored_nowhere_and_leaves_no_lease() {
    for moves_lease in [false, true] {
        let clustered = Clustered::of_masters();
        let cache = clustered.cache().await;
        let [single, batched] = in_one_slot();
        [single, batched].iter().for_each(|id| clustered.world.ledger.put(*id, 7));
        clustered.world.ledger.hold_next(2);
        let early = reading(&cache, single);
        clustered.world.ledger.until_held(1).await;
        let reader = cache.clone();
        let early_batch = tokio::spawn(async move { read_many(&reader, &[batched]).await });
        clustered.world.ledger.until_held(2).await;
        let leases = [single, batched].map(|id| lease(&key(id)));
        let (half_way, target) = clustered.open_slot(single, if moves_lease { &leases } else { &[] });
        assert!(has_lease(if moves_lease { target } else { half_way.from() }, single));
        clustered.world.ledger.release();
        clustered.world.ledger.release();
        assert_eq!(early.await.unwrap(), (Some(7), Tier::Loaded));
        assert_eq!(early_batch.await.unwrap(), [(Some(7), Tier::Loaded)]);
        for id in [single, batched] {
            assert!(!is_anywhere(&clustered.cluster, id), "{id}, moves_lease: {moves_lease}");
        }
        half_way.finish().unwrap();
        until(|| async { read(&cache, single).await == (Some(7), Tier::L2) }).await;
        assert_eq!(cache.count::<Invoices>(Event::Contended), 0, "nobody waits for a lease of nobody");
    }
}

#[tokio::test]
async fn a_clear_in_the_middle_of_a_move_says_that_it_is_not_complete() {
    let clustered = Clustered::of_masters();
    let cache = clustered.cache().await;
    let ids: [i32; 4] = in_one_slot();
    clustered.fill(&cache, &ids, 7).await;
    let (half_way, _) = clustered.open_slot(ids[0], &[key(ids[0]), key(ids[1])]);
    let told = clear(&cache, &mut |_| {}).await.unwrap_err();
    assert!(told.contains("slots of the cluster are on the move; run it again when"), "{told}");
    half_way.finish().unwrap();
    clear(&cache, &mut |_| {}).await.unwrap();
    assert!(ids.iter().all(|id| !is_anywhere(&clustered.cluster, *id)));
}

/// Four invoices at the master that a clear looks at last, and the master that it looks at first.
async fn at_the_last_master(clustered: &Clustered) -> ([i32; 4], &RedisServer) {
    let ids = in_one_slot();
    let mut masters = clustered.cluster.masters().unwrap();
    masters.sort_by_key(|master| master.port());
    if clustered.owner(ids[0]).port() != masters[2].port() {
        clustered.cluster.move_slot(slot_of(ids[0]), masters[2]).unwrap();
    }
    clustered.fill(&clustered.cache().await, &ids, 7).await;
    (ids, masters[0])
}

/// Calls it when the first master has been looked at, for leases and for values.
fn after_the_first_master(mut call: impl FnMut() + Send) -> impl FnMut(u64) + Send {
    let mut steps = 0;
    move |_| {
        steps += 1;
        if steps == 2 {
            call();
        }
    }
}

#[tokio::test]
async fn a_clear_during_which_a_slot_moves_begins_anew_and_leaves_nothing() {
    let clustered = Clustered::of_masters();
    let (ids, first) = at_the_last_master(&clustered).await;
    let cache = clustered.cache().await;
    let mut move_slot = after_the_first_master(|| clustered.cluster.move_slot(slot_of(ids[0]), first).unwrap());
    clear(&cache, &mut move_slot).await.unwrap();
    assert!(ids.iter().all(|id| !is_anywhere(&clustered.cluster, *id)));
}

#[tokio::test]
async fn a_clear_during_which_a_slot_moves_and_returns_begins_anew_and_leaves_nothing() {
    let clustered = Clustered::of_masters();
    let (ids, first) = at_the_last_master(&clustered).await;
    let (cache, last) = (clustered.cache().await, clustered.owner(ids[0]));
    let mut steps = 0;
    let mut there_and_back = |_| {
        steps += 1;
        // Two steps at each master: the slot is always at one that the clear is not looking at.
        match steps {
            2 => clustered.cluster.move_slot(slot_of(ids[0]), first).unwrap(),
            6 => clustered.cluster.move_slot(slot_of(ids[0]), last).unwrap(),
            _ => {}
        }
    };
    clear(&cache, &mut there_and_back).await.unwrap();
    assert!(steps > 6 && ids.iter().all(|id| !is_anywhere(&clustered.cluster, *id)));
}

#[tokio::test]
async fn a_clear_during_which_keys_go_over_to_a_master_that_it_has_left_is_not_taken_for_complete() {
    let clustered = Clustered::of_masters();
    let (ids, first) = at_the_last_master(&clustered).await;
    let cache = clustered.cache().await;
    let half_way = clustered.cluster.begin_move(slot_of(ids[0]), first).unwrap();
    let mut move_keys = after_the_first_master(|| assert_eq!(half_way.move_keys(100).unwrap(), 4));
    assert!(clear(&cache, &mut move_keys).await.is_err());
    assert!(ids.iter().all(|id| has_value(first, *id)));
}

#[tokio::test]
async fn looking_at_keys_finds_value_and_lease_on_different_masters() {
    let clustered = Clustered::of_masters();
    let cache = clustered.cache().await;
    let [value_moved, lease_moved] = in_one_slot();
    for id in [value_moved, lease_moved] {
        set_version(clustered.owner(id), id, 7);
        let name = lease(&key(id));
        clustered.owner(id).command::<()>(&["SET", &name, "r-of-another-process", "PX", "600000"]).unwrap();
    }
    let (_half_way, _) = clustered.open_slot(value_moved, &[key(value_moved), lease(&key(lease_moved))]);
    let keys = [value_moved, lease_moved].map(|id| cache.any_key::<Invoices>(&InvoiceId(id)));
    for asked in &keys {
        let state = cache.inspect(asked).await.unwrap();
        assert_eq!(state.standing, Standing::Value(br#"{"version":7}"#.to_vec()));
        assert!(state.lease_ms.is_some() && state.memory_bytes.is_some());
    }
    assert!(cache.standing(&keys).await.unwrap().iter().all(|standing| matches!(standing, Standing::Value(_))));
    let texts = keys.map(|key| key.as_str().to_owned());
    let times = cache.times_to_live(&texts).await.unwrap();
    assert!(times.iter().all(|time| time.is_some_and(|time| time > Duration::ZERO)), "{times:?}");
    let cleared = cache.clear_keys(&texts, ClearMode::Remove).await.unwrap();
    assert_eq!((cleared.keys, cleared.leases), (2, 2));
    assert!([value_moved, lease_moved].iter().all(|id| !is_anywhere(&clustered.cluster, *id)));
}
