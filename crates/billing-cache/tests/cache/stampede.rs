//! Many readers, one load; and what becomes of the others when the one who asked first goes away.

use billing_cache::{Event, Tier};

use crate::ledger::{InvoiceId, Invoices};
use crate::world::{World, read, reading, seen, until, until_counted};

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_readers_of_one_missing_key_in_four_processes_cost_one_load() {
    let world = World::new();
    world.ledger.put(1, 7);
    world.ledger.hold_next(1);
    let mut caches = Vec::new();
    for _ in 0..4 {
        caches.push(world.cache().await);
    }
    let readers: Vec<_> = (0..1000).map(|number| reading(&caches[number % 4], 1)).collect();
    let joined = || caches.iter().map(|cache| cache.count::<Invoices>(Event::Coalesced)).sum::<u64>();
    until(|| async { joined() == 996 }).await;
    world.ledger.release();
    for reader in readers {
        assert_eq!(reader.await.unwrap().0, Some(7));
    }
    assert_eq!(world.ledger.loads(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_who_come_while_a_value_is_being_stored_cost_no_second_load() {
    let world = World::new();
    let caches = [world.cache().await, world.cache().await];
    world.ledger.yield_in_loads(20);
    for id in 0..20 {
        let readers: Vec<_> = (0..60).map(|number| reading(&caches[number % 2], id)).collect();
        for reader in readers {
            reader.await.unwrap();
        }
    }
    assert_eq!(world.ledger.loads(), 20);
}

/// moka-rs/moka #240 and #59: a caller who is dropped takes the computation along, and the others stall, panic or begin
/// again.
#[tokio::test]
async fn a_load_goes_on_when_the_caller_who_asked_first_is_cancelled() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 7);
    world.ledger.hold_next(1);
    let first = reading(&cache, 1);
    world.ledger.until_held(1).await;
    let second = reading(&cache, 1);
    until_counted::<Invoices>(&cache, Event::Coalesced, 1).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    world.ledger.release();
    assert_eq!(second.await.unwrap(), (Some(7), Tier::Loaded));
    assert_eq!(world.ledger.loads(), 1);
}

#[tokio::test]
async fn a_load_that_nobody_waits_for_any_more_is_stored_for_the_next_reader() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 7);
    world.ledger.hold_next(1);
    let only = reading(&cache, 1);
    world.ledger.until_held(1).await;
    only.abort();
    assert!(only.await.unwrap_err().is_cancelled());
    world.ledger.release();
    until(|| async { world.exists("invoice:1") }).await;
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::L2));
}

#[tokio::test]
async fn a_batch_that_nobody_waits_for_any_more_is_stored_too() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 7);
    world.ledger.hold_next(1);
    let reader = cache.clone();
    let only = tokio::spawn(async move { reader.get_many::<Invoices>(&[InvoiceId(1)]).await.is_ok() });
    world.ledger.until_held(1).await;
    only.abort();
    assert!(only.await.unwrap_err().is_cancelled());
    world.ledger.release();
    until(|| async { world.exists("invoice:1") }).await;
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::L2));
}

#[tokio::test]
async fn a_batch_and_a_single_read_of_one_missing_key_cost_one_load() {
    let world = World::new();
    let (cache, other) = (world.cache().await, world.cache().await);
    world.ledger.put(1, 7);
    world.ledger.hold_next(1);
    let batch = {
        let cache = cache.clone();
        tokio::spawn(async move { cache.get_many::<Invoices>(&[InvoiceId(1)]).await.unwrap() })
    };
    world.ledger.until_held(1).await;
    let (same_process, other_process) = (reading(&cache, 1), reading(&other, 1));
    until_counted::<Invoices>(&cache, Event::Contended, 1).await;
    until_counted::<Invoices>(&other, Event::Contended, 1).await;
    world.ledger.release();
    assert_eq!(seen(&batch.await.unwrap()[0]), (Some(7), Tier::Loaded));
    assert_eq!(same_process.await.unwrap(), (Some(7), Tier::L2));
    assert_eq!(other_process.await.unwrap(), (Some(7), Tier::L2));
    assert_eq!(world.ledger.loads(), 1);
}

#[tokio::test]
async fn a_batch_cancelled_while_it_asks_for_leases_leaves_none_behind() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 7);
    world.refuse_writes();
    let reader = cache.clone();
    let only = tokio::spawn(async move { reader.get_many::<Invoices>(&[InvoiceId(1)]).await.is_ok() });
    let asked = || world.server.command::<String>(&["CLIENT", "LIST"]).unwrap().contains("cmd=evalsha");
    until(|| async { asked() }).await;
    only.abort();
    assert!(only.await.unwrap_err().is_cancelled());
    world.take_writes();
    // The lease was granted after its caller had gone.
    until(|| async { world.exists("invoice:1") }).await;
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::L2));
}
