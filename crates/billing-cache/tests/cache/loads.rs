//! Loads that fail: the error is shared, nobody waits for a dead lease, and the next read tries again.

use std::sync::Arc;

use billing_cache::{Event, ReadError, Tier};

use crate::ledger::{Closed, Fault, InvoiceId, Invoices};
use crate::world::{PATIENT, World, lease, read, until_counted};

#[tokio::test]
async fn an_error_of_the_loader_is_shared_by_all_whom_the_load_covers() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.fail_next(&[Fault::Error]);
    // The lease of another process keeps the load from beginning until all ten have come.
    world.hold_lease("invoice:1");
    let readers: Vec<_> = (0..10)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.get::<Invoices>(&InvoiceId(1)).await.unwrap_err() })
        })
        .collect();
    until_counted::<Invoices>(&cache, Event::Coalesced, 9).await;
    let _: u64 = world.server.command(&["DEL", &lease("invoice:1")]).unwrap();
    let mut shared: Option<Arc<Closed>> = None;
    for reader in readers {
        let ReadError::Load { cache_type: "invoices", error } = reader.await.unwrap() else {
            panic!("the loader's error, under the name of the type")
        };
        let first = shared.get_or_insert_with(|| Arc::clone(&error));
        assert!(Arc::ptr_eq(first, &error));
    }
    assert_eq!(world.ledger.loads(), 1);
}

#[tokio::test]
async fn after_an_error_the_next_read_loads_at_once() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 7);
    world.ledger.fail_next(&[Fault::Error]);
    let error = cache.get::<Invoices>(&InvoiceId(1)).await.unwrap_err();
    assert_eq!(error.to_string(), "load invoices: the ledger is closed");
    assert!(!world.exists(&lease("invoice:1")) && !world.exists("invoice:1"));
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::Loaded));
    assert_eq!(cache.count::<Invoices>(Event::LoadFailed), 1);
}

#[tokio::test]
async fn after_an_error_of_a_batch_its_keys_can_be_loaded_at_once() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 7);
    world.ledger.fail_next(&[Fault::Error, Fault::Error]);
    let ids = [InvoiceId(1), InvoiceId(2)];
    assert!(cache.get_many::<Invoices>(&ids).await.is_err());
    assert!(!world.exists(&lease("invoice:1")) && !world.exists(&lease("invoice:2")));
    assert!(cache.warm_up::<Invoices>(&ids, &mut |_| {}).await.is_err());
    assert!(!world.exists(&lease("invoice:1")) && !world.exists(&lease("invoice:2")));
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::Loaded));
}

#[tokio::test]
async fn an_error_of_the_loader_takes_no_value_away_that_is_still_cached() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 7);
    read(&cache, 1).await;
    world.ledger.fail_next(&[Fault::Error; 3]);
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::L2));
}

#[tokio::test]
async fn a_load_that_takes_too_long_ends_with_an_error_that_names_the_setting() {
    let world = World::new();
    let cache = world.cache_with(|options| options.cache.load_deadline_ms = 100).await;
    world.ledger.put(1, 7);
    world.ledger.fail_next(&[Fault::Hang]);
    let error = cache.get::<Invoices>(&InvoiceId(1)).await.unwrap_err();
    assert!(matches!(error, ReadError::Deadline { .. }));
    assert_eq!(error.to_string(), "load invoices: no answer within 100 ms (cache.load_deadline_ms)");
    assert!(!world.exists(&lease("invoice:1")));
    assert_eq!(cache.count::<Invoices>(Event::LoadFailed), 1);
}

#[tokio::test]
async fn a_panic_in_the_loader_is_an_error_and_leaves_no_lease_that_others_would_wait_for() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 7);
    world.ledger.fail_next(&[Fault::Panic, Fault::Panic]);
    let error = cache.get::<Invoices>(&InvoiceId(1)).await.unwrap_err();
    assert_eq!(error.to_string(), "load invoices: the loader panicked");
    assert!(matches!(cache.get_many::<Invoices>(&[InvoiceId(1)]).await, Err(ReadError::Panicked { .. })));
    assert!(!world.exists(&lease("invoice:1")));
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::Loaded));
    assert_eq!(cache.count::<Invoices>(Event::LoadFailed), 2);
}

#[tokio::test]
async fn an_error_of_the_loader_does_not_wait_long_for_a_redis_that_hangs() {
    let world = World::new();
    let cache = world
        .cache_with(|options| {
            options.redis.command_timeout_ms = 150;
            options.redis.batch_timeout_ms = 3_600_000;
        })
        .await;
    for load in 1..=2 {
        world.ledger.fail_next(&[Fault::Error]);
        world.ledger.hold_next(1);
        let reader = cache.clone();
        let failing = tokio::spawn(async move {
            match load {
                1 => reader.get::<Invoices>(&InvoiceId(1)).await.is_err(),
                _ => reader.get_many::<Invoices>(&[InvoiceId(2)]).await.is_err(),
            }
        });
        world.ledger.until_held(load).await;
        world.server.pause().unwrap();
        world.ledger.release();
        let failed = tokio::time::timeout(PATIENT, failing).await;
        world.server.resume().unwrap();
        assert!(failed.expect("an hour is the limit of large batches only").unwrap());
    }
}
