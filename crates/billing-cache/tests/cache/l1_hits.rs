//! What gets into the memory of a process, and what it answers.

use std::sync::Arc;

use billing_cache::{Event, SingleKey, Tier};

use crate::ledger::{CreditNotes, Discounts, InvoiceId, Invoices, UserId};
use crate::memory::{in_l1, until_in_l1};
use crate::world::{World, read, reading, seen, until};

#[tokio::test]
async fn what_was_read_from_redis_is_answered_from_memory_without_redis() {
    let world = World::new();
    let cache = world.l1_cache().await;
    world.ledger.put(1, 7);
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::Loaded));
    until_in_l1(&cache, 1, 7).await;
    let first = cache.get::<Invoices>(&InvoiceId(1)).await.unwrap();
    world.server.reset_command_stats().unwrap();
    let hits = cache.count::<Invoices>(Event::HitL1);
    for _ in 0..100 {
        let cached = cache.get::<Invoices>(&InvoiceId(1)).await.unwrap();
        assert_eq!(seen(&cached), (Some(7), Tier::L1));
        assert!(Arc::ptr_eq(cached.value.as_ref().unwrap(), first.value.as_ref().unwrap()), "decoded once");
    }
    assert_eq!(cache.count::<Invoices>(Event::HitL1) - hits, 100);
    assert_eq!(world.server.calls("get").unwrap(), 0);
    assert_eq!(world.ledger.loads(), 1);
}

#[tokio::test]
async fn the_absence_of_a_row_and_an_empty_list_are_held_too() {
    let world = World::new();
    let cache = world.l1_cache().await;
    until(|| async {
        let (version, tier) = read(&cache, 404).await;
        assert_eq!(version, None);
        tier == Tier::L1
    })
    .await;
    until(|| async {
        let notes = cache.get::<CreditNotes>(&UserId(1)).await.unwrap();
        assert_eq!(notes.value.as_deref(), Some(&Vec::new()));
        notes.tier == Tier::L1
    })
    .await;
    world.ledger.put_discounts(&["ten"], None);
    until(|| async {
        let discounts = cache.get::<Discounts>(&SingleKey).await.unwrap();
        assert_eq!(discounts.value.as_deref(), Some(&vec!["ten".to_owned()]));
        discounts.tier == Tier::L1
    })
    .await;
    assert_eq!(world.ledger.loads(), 3);
}

#[tokio::test]
async fn a_type_without_l1_is_never_answered_from_memory() {
    let world = World::new();
    let cache = world
        .l1_cache_with(|options| {
            options.cache.types.get_mut("user_credit_notes").unwrap().l1 = Some(false);
        })
        .await;
    world.ledger.put(1, 7);
    until_in_l1(&cache, 1, 7).await;
    cache.get::<CreditNotes>(&UserId(1)).await.unwrap();
    for _ in 0..20 {
        assert_eq!(cache.get::<CreditNotes>(&UserId(1)).await.unwrap().tier, Tier::L2);
    }
    assert_eq!(cache.count::<CreditNotes>(Event::HitL1), 0);
}

#[tokio::test]
async fn what_a_process_has_stored_itself_comes_to_memory_only_by_way_of_redis() {
    let world = World::new();
    let cache = world.l1_cache().await;
    world.ledger.put(1, 1);
    until_in_l1(&cache, 1, 1).await;
    for id in 2..10 {
        world.ledger.put(id, 1);
        assert_eq!(read(&cache, id).await, (Some(1), Tier::Loaded));
        assert_eq!(in_l1(&cache, id), None, "Redis has yet to announce the fill");
    }
    let ids: Vec<_> = (10..20).map(InvoiceId).collect();
    let loaded = cache.get_many::<Invoices>(&ids).await.unwrap();
    assert!(loaded.iter().all(|cached| cached.tier == Tier::Loaded));
    assert!((10..20).all(|id| in_l1(&cache, id).is_none()));
}

#[tokio::test]
async fn what_was_read_past_the_cache_does_not_get_into_memory() {
    let world = World::new();
    let cache = world.l1_cache_with(|options| options.cache.patience_ms = 20).await;
    world.ledger.put(1, 1);
    until_in_l1(&cache, 1, 1).await;
    world.ledger.put(2, 1);
    world.hold_lease("invoice:2");
    for _ in 0..5 {
        assert_eq!(read(&cache, 2).await, (Some(1), Tier::Bypassed));
        assert_eq!(in_l1(&cache, 2), None);
    }
}

#[tokio::test]
async fn what_a_lost_fill_answers_does_not_get_into_memory() {
    let world = World::new();
    let (reader, writer) = (world.l1_cache().await, world.cache().await);
    world.ledger.put(2, 1);
    until_in_l1(&reader, 2, 1).await;
    world.ledger.put(1, 1);
    world.ledger.hold_next(3);
    let early = reading(&reader, 1);
    for load in 1..=3 {
        world.ledger.until_held(load).await;
        world.write(&writer, 1, load as u64 + 1).await;
        world.ledger.release();
    }
    assert_eq!(early.await.unwrap(), (Some(3), Tier::Loaded), "the last load that covers the reader");
    assert_eq!(reader.count::<Invoices>(Event::FillLost), 3);
    assert_eq!(in_l1(&reader, 1), None);
    assert_eq!(read(&reader, 1).await.0, Some(4));
}

#[tokio::test]
async fn a_read_of_many_takes_each_key_from_the_nearest_place_that_has_it() {
    let world = World::new();
    let cache = world.l1_cache().await;
    world.set_raw("invoice:2", r#"{"version":20}"#);
    world.ledger.put(1, 10);
    world.ledger.put(3, 30);
    until_in_l1(&cache, 1, 10).await;
    let ids = [3, 1, 2, 5, 1].map(InvoiceId);
    let answers: Vec<_> = cache.get_many::<Invoices>(&ids).await.unwrap().iter().map(seen).collect();
    let expected = [
        (Some(30), Tier::Loaded),
        (Some(10), Tier::L1),
        (Some(20), Tier::L2),
        (None, Tier::Loaded),
        (Some(10), Tier::L1),
    ];
    assert_eq!(answers, expected);
    until(|| async {
        let answers = cache.get_many::<Invoices>(&ids).await.unwrap();
        let versions: Vec<_> = answers.iter().map(|cached| seen(cached).0).collect();
        assert_eq!(versions, [Some(30), Some(10), Some(20), None, Some(10)]);
        answers.iter().all(|cached| cached.tier == Tier::L1)
    })
    .await;
    let hits = cache.count::<Invoices>(Event::HitL1);
    world.server.reset_command_stats().unwrap();
    cache.get_many::<Invoices>(&ids).await.unwrap();
    assert_eq!(cache.count::<Invoices>(Event::HitL1) - hits, 5, "each answer counts, as from the other places");
    assert_eq!(world.server.calls("mget").unwrap(), 0);
}

#[tokio::test]
async fn memory_holds_no_more_than_it_may() {
    let world = World::new();
    let cache = world.l1_cache_with(|options| options.cache.l1_max_bytes = 20_000).await;
    let ids: Vec<_> = (0..1_000).map(InvoiceId).collect();
    for id in &ids {
        world.ledger.put(id.0, 1);
    }
    until_in_l1(&cache, 1, 1).await;
    until(|| async {
        let answers = cache.get_many::<Invoices>(&ids).await.unwrap();
        answers.iter().all(|cached| cached.tier != Tier::Loaded)
    })
    .await;
    let held = ids.iter().filter(|id| in_l1(&cache, id.0).is_some()).count();
    // {"version":1} has 13 bytes; whatever else an entry takes, no more than these fit.
    assert!((1..=20_000 / 13).contains(&held) && held < 1_000, "{held}");
}

#[tokio::test]
async fn key_spaces_do_not_see_each_others_values() {
    let world = World::new();
    let in_space = |space: &'static str| world.l1_cache_with(|options| options.cache.key_space = space.to_owned());
    let caches = [in_space("").await, in_space("a:").await, in_space("b:").await];
    for (key, version) in [("invoice:1", 1), ("a:invoice:1", 2), ("b:invoice:1", 3)] {
        world.set_raw(key, &format!(r#"{{"version":{version}}}"#));
    }
    for (cache, version) in caches.iter().zip(1..) {
        until_in_l1(cache, 1, version).await;
    }
    world.set_raw("a:invoice:1", r#"{"version":9}"#);
    until(|| async { read(&caches[1], 1).await.0 == Some(9) }).await;
    until_in_l1(&caches[1], 1, 9).await;
    until_in_l1(&caches[0], 1, 1).await;
    until_in_l1(&caches[2], 1, 3).await;
}
