//! Reads of many keys at once.

use std::time::{Duration, Instant};

use billing_cache::{Event, Tier};

use crate::ledger::{InvoiceId, Invoices};
use crate::world::{World, lease, read, seen};

#[tokio::test]
async fn answers_stand_in_the_order_of_the_keys_with_duplicates_hits_misses_and_absences_mixed() {
    let world = World::new();
    let cache = world.cache().await;
    for id in [1, 2, 4] {
        world.ledger.put(id, u64::try_from(id).unwrap() * 10);
    }
    for cached in [2, 3] {
        read(&cache, cached).await;
    }
    let (loads, loaded_keys) = (world.ledger.loads(), world.ledger.loaded_keys());
    let ids = [4, 1, 3, 2, 5, 1, 4, 3].map(InvoiceId);
    let answers: Vec<_> = cache.get_many::<Invoices>(&ids).await.unwrap().iter().map(seen).collect();
    let expected = [
        (Some(40), Tier::Loaded),
        (Some(10), Tier::Loaded),
        (None, Tier::L2),
        (Some(20), Tier::L2),
        (None, Tier::Loaded),
        (Some(10), Tier::Loaded),
        (Some(40), Tier::Loaded),
        (None, Tier::L2),
    ];
    assert_eq!(answers, expected);
    assert_eq!(world.ledger.loads() - loads, 1, "one snapshot for all that is missing");
    assert_eq!(world.ledger.loaded_keys() - loaded_keys, 3);
    let again = cache.get_many::<Invoices>(&ids).await.unwrap();
    assert!(again.iter().all(|cached| cached.tier == Tier::L2));
    assert_eq!(cache.count::<Invoices>(Event::HitL2), 3 + 8);
}

#[tokio::test]
async fn no_keys_are_no_work() {
    let world = World::new();
    let cache = world.cache().await;
    assert!(cache.get_many::<Invoices>(&[]).await.unwrap().is_empty());
    assert_eq!((world.ledger.loads(), world.server.calls("mget").unwrap()), (0, 0));
}

#[tokio::test]
async fn more_keys_than_a_batch_holds_are_read_batch_by_batch() {
    let world = World::new();
    let cache = world.cache_with(|options| options.cache.batch_size = 10).await;
    let ids: Vec<_> = (0..35).map(InvoiceId).collect();
    for id in 0..35 {
        world.ledger.put(id, u64::try_from(id).unwrap());
    }
    for tier in [Tier::Loaded, Tier::L2] {
        let answers = cache.get_many::<Invoices>(&ids).await.unwrap();
        for (number, answer) in answers.iter().enumerate() {
            assert_eq!(seen(answer), (Some(number as u64), tier));
        }
    }
    assert_eq!((world.ledger.loads(), world.ledger.loaded_keys()), (4, 35));
}

#[tokio::test]
async fn values_of_a_batch_past_their_validity_are_answered_but_neither_stored_nor_leased() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 7);
    world.ledger.set_boundary(Some(Instant::now() - Duration::from_secs(1)));
    let answers = cache.get_many::<Invoices>(&[InvoiceId(1), InvoiceId(2)]).await.unwrap();
    assert_eq!(answers.iter().map(seen).collect::<Vec<_>>(), [(Some(7), Tier::Loaded), (None, Tier::Loaded)]);
    for id in 1..=2 {
        let key = format!("invoice:{id}");
        assert!(!world.exists(&key) && !world.exists(&lease(&key)));
    }
}

#[tokio::test]
async fn a_batch_costs_two_round_trips_and_no_scan() {
    let world = World::new();
    let cache = world.cache().await;
    let ids: Vec<_> = (0..100).map(InvoiceId).collect();
    // From now on the server knows the scripts.
    read(&cache, 100).await;
    world.server.reset_command_stats().unwrap();
    cache.get_many::<Invoices>(&ids).await.unwrap();
    assert_eq!(world.server.calls("mget").unwrap(), 1);
    assert_eq!(world.server.calls("evalsha").unwrap(), 200, "a lease and a fill for each key, pipelined");
    assert_eq!(world.server.calls("scan").unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn overlapping_batches_in_several_processes_load_each_key_once() {
    let world = World::new();
    world.ledger.yield_in_loads(20);
    let caches = [world.cache().await, world.cache().await];
    let readers: Vec<_> = (0..20)
        .map(|number| {
            let cache = caches[number % 2].clone();
            let ids: Vec<_> = (0..50).map(|id| InvoiceId(id + i32::try_from(number).unwrap())).collect();
            tokio::spawn(async move { cache.get_many::<Invoices>(&ids).await.unwrap() })
        })
        .collect();
    for reader in readers {
        assert_eq!(reader.await.unwrap().len(), 50);
    }
    assert_eq!(world.ledger.loaded_keys(), 69);
}
