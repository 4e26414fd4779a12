//! Rule C: an answer covers only those who joined before the command that yielded it was sent.
//!
//! Each test brings a second reader into a flight after a write was acknowledged elsewhere; the reader must not get the
//! answer that the first one may still have. `flight.rs` tests the rule by itself, `stress.rs` looks for orders of events
//! that nobody thought of.

use billing_cache::{Cache, Event, Tier};
use tokio::task::JoinHandle;

use crate::ledger::{Fault, Invoices, Ledger};
use crate::world::{World, read, reading, until_counted};

/// A second reader who is in the flight of the first one when this returns.
async fn joining(cache: &Cache<Ledger>, id: i32) -> JoinHandle<(Option<u64>, Tier)> {
    let coalesced = cache.count::<Invoices>(Event::Coalesced);
    let reader = reading(cache, id);
    until_counted::<Invoices>(cache, Event::Coalesced, coalesced + 1).await;
    reader
}

#[tokio::test]
async fn who_joins_a_bypass_after_an_acknowledged_write_does_not_get_the_older_value() {
    let world = World::new();
    let reader = world.cache_with(|options| options.cache.patience_ms = 50).await;
    let writer = world.cache().await;
    world.ledger.put(1, 1);
    world.hold_lease("invoice:1");
    world.ledger.hold_next(1);
    let early = reading(&reader, 1);
    world.ledger.until_held(1).await;
    world.write(&writer, 1, 2).await;
    let late = joining(&reader, 1).await;
    world.ledger.release();
    assert_eq!(early.await.unwrap(), (Some(1), Tier::Bypassed), "who began before the write may have the older value");
    assert_eq!(late.await.unwrap(), (Some(2), Tier::Loaded));
    assert_eq!(read(&reader, 1).await, (Some(2), Tier::L2));
}

#[tokio::test]
async fn who_joins_a_load_after_an_acknowledged_write_does_not_get_what_its_lost_fill_answers() {
    let world = World::new();
    let (reader, writer) = (world.cache().await, world.cache().await);
    world.ledger.put(1, 1);
    world.ledger.hold_next(3);
    let early = reading(&reader, 1);
    // As often as a lost fill is tried again; the third load answers.
    for load in 1..=2 {
        world.ledger.until_held(load).await;
        world.write(&writer, 1, load as u64 + 1).await;
        world.ledger.release();
    }
    world.ledger.until_held(3).await;
    world.write(&writer, 1, 4).await;
    let late = joining(&reader, 1).await;
    world.ledger.release();
    assert_eq!(early.await.unwrap(), (Some(3), Tier::Loaded), "the last load that covers the first reader");
    assert_eq!(late.await.unwrap(), (Some(4), Tier::Loaded));
    assert_eq!(reader.count::<Invoices>(Event::FillLost), 3);
}

#[tokio::test]
async fn who_joins_a_load_that_fails_looks_again() {
    let world = World::new();
    let (reader, writer) = (world.cache().await, world.cache().await);
    world.ledger.put(1, 1);
    world.ledger.fail_next(&[Fault::Error]);
    world.ledger.hold_next(1);
    let cache = reader.clone();
    let early = tokio::spawn(async move { cache.get::<Invoices>(&crate::ledger::InvoiceId(1)).await });
    world.ledger.until_held(1).await;
    world.write(&writer, 1, 2).await;
    let late = joining(&reader, 1).await;
    world.ledger.release();
    assert!(early.await.unwrap().is_err());
    assert_eq!(late.await.unwrap(), (Some(2), Tier::Loaded));
}

#[tokio::test]
async fn who_joins_while_a_load_goes_on_shares_its_fill_if_there_was_no_write() {
    let world = World::new();
    let reader = world.cache().await;
    world.ledger.put(1, 1);
    world.ledger.hold_next(1);
    let early = reading(&reader, 1);
    world.ledger.until_held(1).await;
    let late = joining(&reader, 1).await;
    world.ledger.release();
    assert_eq!((early.await.unwrap(), late.await.unwrap()), ((Some(1), Tier::Loaded), (Some(1), Tier::Loaded)));
    assert_eq!(world.ledger.loads(), 1);
}
