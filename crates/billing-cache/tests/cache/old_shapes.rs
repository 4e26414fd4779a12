//! What stands under our keys and is not of today's shape: an older release wrote it, a Python process, or a hand.

use billing_cache::{Event, Tier, TypeSettings};

use crate::ledger::{InvoiceId, Invoices};
use crate::world::{World, lease, read, seen};

const UNREADABLE: [(&str, &str); 5] = [
    ("an older shape", r#"{"revision":1}"#),
    ("another type of a field", r#"{"version":"1"}"#),
    ("half a document", r#"{"version":"#),
    ("no JSON", "invoice number one"),
    ("nothing", ""),
];

#[tokio::test]
async fn a_value_that_does_not_decode_is_loaded_replaced_and_counted() {
    let world = World::new();
    for (case, text) in UNREADABLE {
        let cache = world.cache().await;
        world.ledger.put(1, 7);
        world.set_raw("invoice:1", text);
        assert_eq!(read(&cache, 1).await, (Some(7), Tier::Loaded), "{case}");
        assert_eq!(world.raw("invoice:1").as_deref(), Some(r#"{"version":7}"#), "{case}");
        assert_eq!(read(&cache, 1).await, (Some(7), Tier::L2), "{case}");
        assert_eq!(cache.count::<Invoices>(Event::Undecodable), 1, "{case}");
        assert!(!world.exists(&lease("invoice:1")), "{case}");
    }
}

#[tokio::test]
async fn a_key_of_another_redis_type_is_loaded_replaced_and_counted() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 7);
    let _: u64 = world.server.command(&["HSET", "invoice:1", "version", "1"]).unwrap();
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::Loaded));
    assert_eq!(world.raw("invoice:1").as_deref(), Some(r#"{"version":7}"#));
    assert_eq!(cache.count::<Invoices>(Event::Undecodable), 1);
}

/// With L1 the time to live is asked for in the same pipeline.
#[tokio::test]
async fn so_is_one_of_a_type_with_l1() {
    let world = World::new();
    let on = TypeSettings { l1: Some(true), ..TypeSettings::default() };
    let cache = world.cache_with(|options| options.cache.types = [("invoices".to_owned(), on)].into()).await;
    world.ledger.put(1, 7);
    let _: u64 = world.server.command(&["HSET", "invoice:1", "version", "1"]).unwrap();
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::Loaded));
    assert_eq!(world.raw("invoice:1").as_deref(), Some(r#"{"version":7}"#));
    let counted = [Event::Undecodable, Event::RedisError].map(|event| cache.count::<Invoices>(event));
    assert_eq!(counted, [1, 0]);
}

#[tokio::test]
async fn a_batch_replaces_what_it_cannot_decode_as_a_single_read_does() {
    let world = World::new();
    let cache = world.cache().await;
    world.set_raw("invoice:1", "no JSON");
    let _: u64 = world.server.command(&["RPUSH", "invoice:2", "a list"]).unwrap();
    world.set_raw("invoice:3", r#"{"version":3}"#);
    for id in 1..=3 {
        world.ledger.put(id, 7);
    }
    let batch = cache.get_many::<Invoices>(&[1, 2, 3].map(InvoiceId)).await.unwrap();
    let batch: Vec<_> = batch.iter().map(seen).collect();
    assert_eq!(batch, [(Some(7), Tier::Loaded), (Some(7), Tier::Loaded), (Some(3), Tier::L2)]);
    assert_eq!(cache.count::<Invoices>(Event::Undecodable), 1);
    for id in 1..=2 {
        assert_eq!(world.raw(&format!("invoice:{id}")).as_deref(), Some(r#"{"version":7}"#));
    }
}

#[tokio::test]
async fn fields_that_a_newer_release_added_do_no_harm() {
    let world = World::new();
    let cache = world.cache().await;
    world.set_raw("invoice:1", r#"{ "added_later": [1, 2], "version": 5 }"#);
    assert_eq!(read(&cache, 1).await, (Some(5), Tier::L2));
    assert_eq!(world.ledger.loads(), 0);
}

#[tokio::test]
async fn a_value_that_does_not_decode_is_replaced_by_one_of_many_readers() {
    let world = World::new();
    let caches = [world.cache().await, world.cache().await];
    world.ledger.put(1, 7);
    world.set_raw("invoice:1", "no JSON");
    world.ledger.hold_next(1);
    let first = crate::world::reading(&caches[0], 1);
    world.ledger.until_held(1).await;
    let second = crate::world::reading(&caches[1], 1);
    crate::world::until_counted::<Invoices>(&caches[1], Event::Contended, 1).await;
    world.ledger.release();
    assert_eq!(first.await.unwrap(), (Some(7), Tier::Loaded));
    assert_eq!(second.await.unwrap().0, Some(7));
    // Two, if the fill fell between the second reader's look at the old shape and its asking for the lease.
    assert!(world.ledger.loads() <= 2);
}

#[tokio::test]
async fn a_replacement_in_flight_is_lost_to_an_invalidation_like_any_other_fill() {
    let world = World::new();
    let (reader, writer) = (world.cache().await, world.cache().await);
    world.ledger.put(1, 1);
    world.set_raw("invoice:1", "no JSON");
    world.ledger.hold_next(1);
    let early = crate::world::reading(&reader, 1);
    world.ledger.until_held(1).await;
    world.write(&writer, 1, 2).await;
    world.ledger.release();
    early.await.unwrap();
    assert_eq!(world.raw("invoice:1").as_deref(), Some(r#"{"version":2}"#));
}
