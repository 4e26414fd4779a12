//! Writes while Redis cannot be told: the writing process never serves its old value, and the keys are mended later.
//!
//! The cruellest server for this is one that does everything but invalidate, and goes on answering with the old value.
//! An ACL makes one.

use std::collections::BTreeSet;

use billing_cache::{Cache, Event, Tier};

use crate::ledger::{InvoiceId, Invoices, Ledger};
use crate::memory::{in_l1, until_in_l1};
use crate::world::{PATIENT, World, invalidate, read, reading, seen, until};

impl World {
    fn refuse_invalidations(&self) {
        self.server.command::<()>(&["ACL", "SETUSER", "default", "-unlink"]).unwrap();
    }

    fn take_invalidations(&self) {
        self.server.command::<()>(&["ACL", "SETUSER", "default", "+unlink"]).unwrap();
    }
}

/// Reads the invoice, which must have this version from whatever tier, until it comes out of Redis.
async fn until_mended(cache: &Cache<Ledger>, id: i32, version: u64) {
    until(|| async {
        let (seen, tier) = read(cache, id).await;
        assert_eq!(seen, Some(version), "{tier:?}");
        tier == Tier::L2
    })
    .await;
}

#[tokio::test]
async fn the_writing_process_does_not_serve_the_old_value_that_redis_still_has() {
    let world = World::new();
    let cache = world.cache_with(|options| options.cache.invalidation_deadline_ms = 100).await;
    world.ledger.put(1, 1);
    world.ledger.put(2, 1);
    read(&cache, 1).await;
    read(&cache, 2).await;
    world.refuse_invalidations();
    world.ledger.put(1, 2);
    assert!(!invalidate(&cache, &[1]).await.is_done());
    assert_eq!(world.raw("invoice:1").as_deref(), Some(r#"{"version":1}"#), "still there, and readable");
    for _ in 0..20 {
        assert_eq!(read(&cache, 1).await, (Some(2), Tier::Bypassed));
        let batch = cache.get_many::<Invoices>(&[InvoiceId(1), InvoiceId(2)]).await.unwrap();
        let batch: Vec<_> = batch.iter().map(seen).collect();
        assert_eq!(batch, [(Some(2), Tier::Bypassed), (Some(1), Tier::L2)], "other keys are not concerned");
        assert_eq!(read(&cache, 2).await, (Some(1), Tier::L2));
    }
    world.take_invalidations();
    until_mended(&cache, 1, 2).await;
    assert_eq!(world.raw("invoice:1").as_deref(), Some(r#"{"version":2}"#));
    assert_eq!(cache.count::<Invoices>(Event::InvalidationPending), 1);
}

#[tokio::test]
async fn a_suspect_key_is_not_taken_from_the_flight_of_a_reader_who_came_before_the_write() {
    let world = World::new();
    let cache = world.cache_with(|options| options.cache.invalidation_deadline_ms = 100).await;
    world.ledger.put(1, 1);
    world.ledger.hold_next(1);
    let early = reading(&cache, 1);
    world.ledger.until_held(1).await;
    world.refuse_invalidations();
    world.ledger.put(1, 2);
    assert!(!invalidate(&cache, &[1]).await.is_done());
    assert_eq!(read(&cache, 1).await, (Some(2), Tier::Bypassed));
    world.ledger.release();
    // Its lease still stands, so the old value is stored.
    assert_eq!(early.await.unwrap(), (Some(1), Tier::Loaded));
    assert_eq!(world.raw("invoice:1").as_deref(), Some(r#"{"version":1}"#));
    assert_eq!(read(&cache, 1).await, (Some(2), Tier::Bypassed));
    world.take_invalidations();
    until_mended(&cache, 1, 2).await;
}

#[tokio::test]
async fn a_redis_that_hangs_through_a_write_and_comes_back_with_old_data_fools_nobody_here() {
    let world = World::new();
    let cache = world.impatient_cache().await;
    for id in 1..=20 {
        world.ledger.put(id, 1);
        read(&cache, id).await;
    }
    world.server.pause().unwrap();
    let ids: Vec<i32> = (1..=20).collect();
    ids.iter().for_each(|id| world.ledger.put(*id, 2));
    assert!(!invalidate(&cache, &ids).await.is_done());
    assert_eq!(read(&cache, 1).await, (Some(2), Tier::Bypassed));
    world.server.resume().unwrap();
    for id in ids {
        until_mended(&cache, id, 2).await;
    }
}

#[tokio::test]
async fn a_writer_waits_for_redis_no_longer_than_the_deadline_of_the_invalidation() {
    let world = World::new();
    let cache = world
        .cache_with(|options| {
            options.redis.batch_timeout_ms = 3_600_000;
            options.cache.invalidation_deadline_ms = 100;
        })
        .await;
    world.server.pause().unwrap();
    let pending = tokio::time::timeout(PATIENT, invalidate(&cache, &[1])).await;
    world.server.resume().unwrap();
    assert!(!pending.expect("an hour is the limit of another setting").is_done());
}

#[tokio::test]
async fn suspect_keys_are_mended_without_being_read() {
    let world = World::new();
    let cache = world.cache().await;
    world.server.kill().unwrap();
    until(|| async { cache.check_redis().await.is_err() }).await;
    let pending = world.cache_with(|options| options.cache.invalidation_deadline_ms = 50).await;
    assert!(!invalidate(&pending, &[1, 2]).await.is_done());
    world.server.restart().unwrap();
    until(|| async { world.server.calls("unlink").unwrap() >= 2 }).await;
}

#[tokio::test]
async fn more_suspect_keys_than_can_be_remembered_make_everything_suspect_until_all_was_cleared() {
    let world = World::new();
    let cache = world.cache_with(|options| options.cache.invalidation_deadline_ms = 100).await;
    world.ledger.put(-1, 1);
    read(&cache, -1).await;
    world.refuse_invalidations();
    let many: BTreeSet<_> = (0..=100_000).map(|id| cache.any_key::<Invoices>(&InvoiceId(id))).collect();
    assert!(!cache.invalidate(many).await.is_done());
    assert_eq!(read(&cache, -1).await, (Some(1), Tier::Bypassed), "a key that was not written");
    world.take_invalidations();
    until_mended(&cache, -1, 1).await;
}

/// A flight asks once whether Redis can be used, and then waits for the lease of another process for a long time.
#[tokio::test]
async fn a_flight_that_is_opened_while_a_write_fails_knows_that_redis_is_not_to_be_asked() {
    let world = World::new();
    let cache = world.cache_with(|options| options.cache.invalidation_deadline_ms = 100).await;
    world.ledger.put(1, 2);
    world.hold_lease("invoice:1");
    world.refuse_invalidations();
    let writing = tokio::spawn({
        let cache = cache.clone();
        async move { invalidate(&cache, &[1]).await }
    });
    let mut early = Vec::new();
    until(|| {
        early.push(reading(&cache, 1));
        std::future::ready(writing.is_finished())
    })
    .await;
    assert!(!writing.await.unwrap().is_done());
    let joined = || cache.count::<Invoices>(Event::Coalesced);
    let before = joined();
    let own = reading(&cache, 1);
    until(|| async { own.is_finished() || joined() > before }).await;
    // Another process stores what it loaded before the write.
    world.set_raw("invoice:1", r#"{"version":1}"#);
    assert_eq!(own.await.unwrap().0, Some(2), "its own write");
    for reader in early {
        reader.await.unwrap();
    }
}

#[tokio::test]
async fn what_was_being_read_while_a_write_failed_does_not_stay_in_memory() {
    let world = World::new();
    let cache = world.l1_cache_with(|options| options.cache.invalidation_deadline_ms = 100).await;
    world.ledger.put(2, 1);
    until_in_l1(&cache, 2, 1).await;
    world.set_raw("invoice:1", r#"{"version":1}"#);
    world.refuse_invalidations();
    world.ledger.put(1, 2);
    let early = reading(&cache, 1);
    assert!(!invalidate(&cache, &[1]).await.is_done());
    early.await.unwrap();
    assert_ne!(in_l1(&cache, 1), Some(Some(1)));
    assert_eq!(read(&cache, 1).await, (Some(2), Tier::Bypassed));
}
