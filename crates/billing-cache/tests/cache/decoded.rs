//! What was decoded is not decoded again: Redis is asked for each read, and the same bytes under a key are one value.

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use billing_cache::{Cache, Event, Tier, TypeSettings};

use crate::ledger::{Invoice, InvoiceId, Invoices, Ledger};
use crate::world::{World, invalidate, read, until};

async fn value_of(cache: &Cache<Ledger>, id: i32) -> Arc<Invoice> {
    let cached = cache.get::<Invoices>(&InvoiceId(id)).await.unwrap();
    assert_eq!(cached.tier, Tier::L2);
    cached.value.unwrap()
}

#[tokio::test]
async fn equal_bytes_give_the_same_value_and_redis_is_asked_each_time() {
    let world = World::new();
    let cache = world.cache().await;
    world.set_raw("invoice:1", r#"{"version":7}"#);
    let first = value_of(&cache, 1).await;
    let asked = world.server.calls("get").unwrap();
    for _ in 0..10 {
        assert!(Arc::ptr_eq(&value_of(&cache, 1).await, &first));
    }
    assert_eq!(world.server.calls("get").unwrap() - asked, 10);
    assert_eq!(cache.count::<Invoices>(Event::HitL2), 11);
}

#[tokio::test]
async fn a_read_of_many_keys_shares_what_a_read_of_one_decoded_and_the_reverse() {
    let world = World::new();
    let cache = world.cache().await;
    for id in 1..=2 {
        world.set_raw(&format!("invoice:{id}"), r#"{"version":7}"#);
    }
    let one = value_of(&cache, 1).await;
    let many = cache.get_many::<Invoices>(&[1, 2].map(InvoiceId)).await.unwrap();
    let of = |place: usize| many[place].value.as_ref().unwrap();
    assert!(Arc::ptr_eq(of(0), &one));
    assert!(Arc::ptr_eq(of(1), &value_of(&cache, 2).await));
    assert!(!Arc::ptr_eq(of(0), of(1)), "another key with the same bytes");
}

#[tokio::test]
async fn any_other_byte_under_the_key_is_another_value() {
    let world = World::new();
    let cache = world.cache().await;
    for (json, version) in [(r#"{"version":7}"#, 7), (r#"{"version":8}"#, 8), (r#"{"version":7}"#, 7)] {
        world.set_raw("invoice:1", json);
        assert_eq!(read(&cache, 1).await, (Some(version), Tier::L2));
    }
    let before = value_of(&cache, 1).await;
    world.set_raw("invoice:1", r#"{"version":7} "#);
    assert!(!Arc::ptr_eq(&value_of(&cache, 1).await, &before), "not even white space is overlooked");
}

#[tokio::test]
async fn a_change_by_another_process_is_read_at_once() {
    let world = World::new();
    let (reader, writer) = (world.cache().await, world.cache().await);
    for version in 1..=20 {
        world.write(&writer, 1, version).await;
        read(&writer, 1).await;
        for _ in 0..2 {
            assert_eq!(read(&reader, 1).await, (Some(version), Tier::L2));
        }
    }
}

#[tokio::test]
async fn a_value_that_was_decoded_still_ends_by_itself() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 8);
    let soon = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() + Duration::from_secs(2);
    world.set_raw("invoice:1", &format!(r#"{{"version":7,"ends":{}}}"#, soon.as_secs()));
    until(|| async {
        let (version, tier) = read(&cache, 1).await;
        assert!(version == Some(8) || tier == Tier::L2, "{version:?} {tier:?}");
        version == Some(8)
    })
    .await;
}

#[tokio::test]
async fn neither_an_absence_nor_what_does_not_decode_nor_a_value_of_another_key_is_taken_for_what_was_decoded() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 9);
    for not_ours in [r#"{"version":"7"}"#, r#"{"version":7,"id":2}"#] {
        world.set_raw("invoice:1", r#"{"version":7}"#);
        value_of(&cache, 1).await;
        for _ in 0..2 {
            world.set_raw("invoice:1", not_ours);
            assert_eq!(read(&cache, 1).await, (Some(9), Tier::Loaded), "{not_ours}");
        }
    }
    world.set_raw("invoice:1", "null");
    assert_eq!(read(&cache, 1).await, (None, Tier::L2));
}

/// The memory is freed; that the value is right does not depend on it.
#[tokio::test]
async fn an_invalidation_in_this_process_frees_what_was_decoded() {
    let world = World::new();
    let cache = world.cache().await;
    world.set_raw("invoice:1", r#"{"version":7}"#);
    let decoded: Weak<Invoice> = Arc::downgrade(&value_of(&cache, 1).await);
    assert!(decoded.upgrade().is_some(), "kept, although no reader holds it");
    assert!(invalidate(&cache, &[1]).await.is_done());
    assert!(decoded.upgrade().is_none());
}

#[tokio::test]
async fn with_a_limit_of_0_nothing_is_kept() {
    let world = World::new();
    let cache = world.cache_with(|options| options.cache.decoded_max_bytes = 0).await;
    world.set_raw("invoice:1", r#"{"version":7}"#);
    let decoded = Arc::downgrade(&value_of(&cache, 1).await);
    assert!(decoded.upgrade().is_none());
    assert_eq!(*value_of(&cache, 1).await, Invoice::of(7));
}

#[tokio::test]
async fn memory_and_what_was_decoded_share_one_value() {
    let world = World::new();
    let on = TypeSettings { l1: Some(true), ..TypeSettings::default() };
    let cache = world.cache_with(|options| options.cache.types = [("invoices".to_owned(), on)].into()).await;
    world.set_raw("invoice:1", r#"{"version":7}"#);
    let first = cache.get::<Invoices>(&InvoiceId(1)).await.unwrap().value.unwrap();
    for _ in 0..10 {
        let again = cache.get::<Invoices>(&InvoiceId(1)).await.unwrap().value.unwrap();
        assert!(Arc::ptr_eq(&again, &first));
    }
}
