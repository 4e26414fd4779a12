//! Another process holds the lease: its fill is waited for, but not for ever.

use billing_cache::{Event, Tier};

use crate::ledger::{InvoiceId, Invoices};
use crate::world::{World, lease, read, reading, until_counted};

#[tokio::test]
async fn a_reader_waits_for_the_fill_of_another_process() {
    let world = World::new();
    let cache = world.cache().await;
    world.hold_lease("invoice:1");
    let reader = reading(&cache, 1);
    until_counted::<Invoices>(&cache, Event::Contended, 2).await;
    world.set_raw("invoice:1", r#"{"version":9}"#);
    assert_eq!(reader.await.unwrap(), (Some(9), Tier::L2));
    assert_eq!(world.ledger.loads(), 0);
}

#[tokio::test]
async fn a_reader_takes_over_when_the_lease_of_a_dead_process_ends() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 7);
    world.hold_lease("invoice:1");
    let reader = reading(&cache, 1);
    until_counted::<Invoices>(&cache, Event::Contended, 1).await;
    let _: bool = world.server.command(&["PEXPIRE", &lease("invoice:1"), "1"]).unwrap();
    assert_eq!(reader.await.unwrap(), (Some(7), Tier::Loaded));
    assert!(world.exists("invoice:1"));
}

#[tokio::test]
async fn a_reader_whose_patience_ends_reads_past_the_cache_and_stores_nothing() {
    let world = World::new();
    let cache = world.cache_with(|options| options.cache.patience_ms = 100).await;
    world.ledger.put(1, 7);
    world.hold_lease("invoice:1");
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::Bypassed));
    assert_eq!(world.raw("invoice:1"), None);
    assert_eq!(world.raw(&lease("invoice:1")).as_deref(), Some("r-of-another-process"), "it may yet be alive");
    assert_eq!(cache.count::<Invoices>(Event::Bypass), 1);
}

#[tokio::test]
async fn a_batch_waits_for_single_keys_of_other_processes() {
    let world = World::new();
    let cache = world.cache().await;
    for id in 1..=3 {
        world.ledger.put(id, 7);
    }
    world.hold_lease("invoice:2");
    let reader = cache.clone();
    let batch = tokio::spawn(async move { reader.get_many::<Invoices>(&[1, 2, 3].map(InvoiceId)).await.unwrap() });
    until_counted::<Invoices>(&cache, Event::Contended, 1).await;
    assert!(world.exists("invoice:1") && world.exists("invoice:3"), "the others did not wait");
    world.set_raw("invoice:2", r#"{"version":9}"#);
    let batch: Vec<_> = batch.await.unwrap().iter().map(crate::world::seen).collect();
    assert_eq!(batch, [(Some(7), Tier::Loaded), (Some(9), Tier::L2), (Some(7), Tier::Loaded)]);
}

#[tokio::test]
async fn a_lease_ends_when_its_holder_is_gone() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.hold_next(1);
    let reader = reading(&cache, 1);
    world.ledger.until_held(1).await;
    let ttl: i64 = world.server.command(&["PTTL", &lease("invoice:1")]).unwrap();
    assert!(0 < ttl && ttl <= 90_000, "{ttl}");
    world.ledger.release();
    reader.await.unwrap();
}

#[tokio::test]
async fn a_fill_whose_lease_has_ended_is_lost() {
    let world = World::new();
    let (slow, quick) = (world.cache().await, world.cache().await);
    world.ledger.put(1, 1);
    world.ledger.hold_next(1);
    let early = reading(&slow, 1);
    world.ledger.until_held(1).await;
    let _: u64 = world.server.command(&["DEL", &lease("invoice:1")]).unwrap();
    assert_eq!(read(&quick, 1).await, (Some(1), Tier::Loaded));
    world.ledger.release();
    assert_eq!(early.await.unwrap(), (Some(1), Tier::L2));
    assert_eq!(slow.count::<Invoices>(Event::FillLost), 1);
}
