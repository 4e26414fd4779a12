//! A value loaded before a write must not be cached after it.
//!
//! The oldest bug of caches, and still the usual one: ZiggyCreatures/FusionCache #625 (a factory that began before a
//! `Remove` stores its old value after it), google/guava #1881 (the same), and moka's `get_with`, which inserts what
//! its `init` computed even if the key was invalidated meanwhile. Here the invalidation takes the lease along, and the
//! fill is lost. Its relatives: a whole type removed during a load, FusionCache #535, in `clear`; a removal during a
//! refresh in the background, #628, in `refresh_ahead`; a removal during a read from the second tier that ends in
//! memory, #613, in `l1_races`.

use billing_cache::{Cache, Event, Tier};

use crate::ledger::{InvoiceId, Invoices, Ledger};
use crate::world::{World, invalidate, read, reading, seen, until};

/// FusionCache #625, moka `get_with`, guava #1881.
#[tokio::test]
async fn a_load_begun_before_an_invalidation_is_not_stored_after_it() {
    let world = World::new();
    let (slow, writer) = (world.cache().await, world.cache().await);
    world.ledger.put(1, 1);
    world.ledger.hold_next(1);
    let early = reading(&slow, 1);
    world.ledger.until_held(1).await;
    world.write(&writer, 1, 2).await;
    assert_eq!(world.raw("invoice:1"), None);
    world.ledger.release();
    // The reader was there before the write, so it might have had the old value too; but it tried again.
    assert_eq!(early.await.unwrap(), (Some(2), Tier::Loaded));
    assert_eq!(world.raw("invoice:1").as_deref(), Some(r#"{"version":2}"#));
    assert_eq!(slow.count::<Invoices>(Event::FillLost), 1);
}

#[tokio::test]
async fn a_reader_after_the_acknowledgement_gets_the_new_value_while_the_old_load_is_in_flight() {
    let world = World::new();
    let (slow, writer) = (world.cache().await, world.cache().await);
    world.ledger.put(1, 1);
    world.ledger.hold_next(1);
    let early = reading(&slow, 1);
    world.ledger.until_held(1).await;
    world.write(&writer, 1, 2).await;
    assert_eq!(read(&writer, 1).await, (Some(2), Tier::Loaded), "in the writing process");
    assert_eq!(read(&world.cache().await, 1).await, (Some(2), Tier::L2), "in a third process");
    assert_eq!(read(&slow, 1).await, (Some(2), Tier::L2), "in the process of the old load");
    world.ledger.release();
    assert_eq!(early.await.unwrap().0, Some(2));
    assert_eq!(read(&slow, 1).await, (Some(2), Tier::L2));
    assert_eq!(world.ledger.loads(), 2);
}

/// FusionCache #625 and moka `get_with` again: the invalidation and the load are in one process, and a reader who comes
/// after the invalidation must not be handed the load that began before it.
#[tokio::test]
async fn the_writing_process_reads_its_own_write_past_its_own_load_in_flight() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 1);
    world.ledger.hold_next(1);
    let early = reading(&cache, 1);
    world.ledger.until_held(1).await;
    world.write(&cache, 1, 2).await;
    assert_eq!(read(&cache, 1).await, (Some(2), Tier::Loaded), "another stamp, another flight");
    assert_eq!(cache.count::<Invoices>(Event::Coalesced), 0);
    world.ledger.release();
    assert_eq!(early.await.unwrap().0, Some(2));
}

#[tokio::test]
async fn an_absence_loaded_before_a_row_was_added_is_not_stored_after_it() {
    let world = World::new();
    let (slow, writer) = (world.cache().await, world.cache().await);
    world.ledger.hold_next(1);
    let early = reading(&slow, 1);
    world.ledger.until_held(1).await;
    world.write(&writer, 1, 1).await;
    world.ledger.release();
    early.await.unwrap();
    assert_eq!(read(&slow, 1).await, (Some(1), Tier::L2));
}

#[tokio::test]
async fn a_batch_loaded_before_an_invalidation_stores_only_what_was_not_invalidated() {
    let world = World::new();
    let (slow, writer) = (world.cache().await, world.cache().await);
    for id in 1..=3 {
        world.ledger.put(id, 1);
    }
    world.ledger.hold_next(1);
    let reader = slow.clone();
    let ids = [1, 2, 3].map(InvoiceId);
    let early = tokio::spawn(async move { reader.get_many::<Invoices>(&ids).await.unwrap() });
    world.ledger.until_held(1).await;
    world.write(&writer, 2, 2).await;
    world.ledger.release();
    let early = early.await.unwrap();
    assert_eq!(early.iter().map(|cached| seen(cached).0).collect::<Vec<_>>(), [Some(1); 3], "all of one snapshot");
    assert_eq!(world.raw("invoice:2"), None);
    assert!(world.exists("invoice:1") && world.exists("invoice:3"));
    assert_eq!(slow.count::<Invoices>(Event::FillLost), 1);
    let late = slow.get_many::<Invoices>(&ids).await.unwrap();
    assert_eq!(late.iter().map(|cached| seen(cached).0).collect::<Vec<_>>(), [Some(1), Some(2), Some(1)]);
}

#[tokio::test]
async fn a_warm_up_does_not_store_what_was_invalidated_meanwhile() {
    let world = World::new();
    let (tool, writer) = (world.cache().await, world.cache().await);
    world.ledger.put(1, 1);
    world.ledger.put(2, 1);
    world.ledger.hold_next(1);
    let warming = tool.clone();
    let warmed =
        tokio::spawn(
            async move { warming.warm_up::<Invoices>(&[InvoiceId(1), InvoiceId(2)], &mut |_| {}).await.unwrap() },
        );
    world.ledger.until_held(1).await;
    world.write(&writer, 1, 2).await;
    world.ledger.release();
    let warmed = warmed.await.unwrap();
    assert_eq!((warmed.stored, warmed.skipped, warmed.not_stored), (1, 0, 1));
    assert_eq!(world.raw("invoice:1"), None);
    assert_eq!(read(&tool, 1).await, (Some(2), Tier::Loaded));
    assert_eq!(read(&tool, 2).await, (Some(1), Tier::L2));
}

#[tokio::test]
async fn an_invalidation_of_an_absent_key_defeats_the_fill_all_the_same() {
    let world = World::new();
    let (slow, writer) = (world.cache().await, world.cache().await);
    world.ledger.put(1, 1);
    world.ledger.hold_next(1);
    let early = reading(&slow, 1);
    world.ledger.until_held(1).await;
    assert!(invalidate(&writer, &[1]).await.is_done());
    world.ledger.release();
    early.await.unwrap();
    assert_eq!((slow.count::<Invoices>(Event::FillLost), world.ledger.loads()), (1, 2));
}

/// Each lease has a token of its own; with one token for all loads of a process, the older load would own the lease of
/// the later one.
#[tokio::test]
async fn a_load_does_not_store_under_the_lease_of_a_later_load_of_its_process() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 1);
    world.ledger.hold_next(2);
    let early = reading(&cache, 1);
    world.ledger.until_held(1).await;
    world.write(&cache, 1, 2).await;
    let late = reading(&cache, 1);
    world.ledger.until_held(2).await;
    // The early load has lost its fill, and waits for the lease of the late one.
    world.ledger.release();
    until(|| async { lost(&cache) == 1 || early.is_finished() }).await;
    assert_eq!(world.raw("invoice:1"), None);
    world.ledger.release();
    assert_eq!((early.await.unwrap().0, late.await.unwrap().0), (Some(2), Some(2)));
}

#[tokio::test]
async fn a_warm_up_does_not_store_under_the_lease_of_a_later_warm_up_of_its_process() {
    let world = World::new();
    let (tool, writer) = (world.cache().await, world.cache().await);
    let warming = || {
        let tool = tool.clone();
        tokio::spawn(async move { tool.warm_up::<Invoices>(&[InvoiceId(1)], &mut |_| {}).await.unwrap() })
    };
    world.ledger.put(1, 1);
    world.ledger.hold_next(2);
    let early = warming();
    world.ledger.until_held(1).await;
    world.write(&writer, 1, 2).await;
    let late = warming();
    world.ledger.until_held(2).await;
    world.ledger.release();
    assert_eq!(early.await.unwrap().not_stored, 1);
    assert_eq!(world.raw("invoice:1"), None);
    world.ledger.release();
    assert_eq!(late.await.unwrap().stored, 1);
    assert_eq!(world.raw("invoice:1").as_deref(), Some(r#"{"version":2}"#));
}

fn lost(cache: &Cache<Ledger>) -> u64 {
    cache.count::<Invoices>(Event::FillLost)
}
