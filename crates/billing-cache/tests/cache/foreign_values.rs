//! What another program stores under our keys, in our shape: a value of another key, one that has ended, one without an
//! end.

use std::time::{Duration, SystemTime};

use billing_cache::{Event, SingleKey, Tier};

use crate::ledger::{CreditNotes, Discounts, InvoiceId, Invoices, UserId};
use crate::world::{World, lease, read, seen, until};

const MINE: &str = r#"{"version":7}"#;

#[tokio::test]
async fn a_value_of_another_key_is_loaded_replaced_and_counted() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 7);
    world.set_raw("invoice:1", r#"{"version":2,"id":2}"#);
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::Loaded));
    assert_eq!(world.raw("invoice:1").as_deref(), Some(MINE));
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::L2));
    assert_eq!(cache.count::<Invoices>(Event::Undecodable), 1);
}

#[tokio::test]
async fn a_batch_and_a_type_with_memory_take_no_value_of_another_key_either() {
    let world = World::new();
    for cache in [world.cache().await, world.l1_cache().await] {
        world.ledger.put(1, 7);
        world.ledger.put(2, 8);
        world.set_raw("invoice:1", r#"{"version":2,"id":2}"#);
        world.set_raw("invoice:2", r#"{"version":2,"id":2}"#);
        let batch = cache.get_many::<Invoices>(&[1, 2].map(InvoiceId)).await.unwrap();
        let batch: Vec<_> = batch.iter().map(seen).collect();
        assert_eq!(batch, [(Some(7), Tier::Loaded), (Some(2), Tier::L2)]);
        assert_eq!(cache.count::<Invoices>(Event::Undecodable), 1);
        world.set_raw("invoice:1", r#"{"version":2,"id":2}"#);
        until(|| async { read(&cache, 1).await.0 == Some(7) && world.raw("invoice:1").as_deref() == Some(MINE) }).await;
    }
}

#[tokio::test]
async fn null_is_no_value_of_a_type_that_is_never_absent() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put_notes(3, &["goodwill"]);
    world.ledger.put_discounts(&["SUMMER"], None);
    world.set_raw("user_credit_notes:3", "null");
    world.set_raw("active_discounts", "null");
    let notes = cache.get::<CreditNotes>(&UserId(3)).await.unwrap();
    assert_eq!(notes.value.as_deref(), Some(&vec!["goodwill".to_owned()]));
    let discounts = cache.get::<Discounts>(&SingleKey).await.unwrap();
    assert_eq!(discounts.value.as_deref(), Some(&vec!["SUMMER".to_owned()]));
    assert_eq!(cache.count::<CreditNotes>(Event::Undecodable), 1);
    assert_eq!(world.raw("user_credit_notes:3").as_deref(), Some(r#"["goodwill"]"#));
    world.set_raw("invoice:1", "null");
    assert_eq!(read(&cache, 1).await, (None, Tier::L2), "where there may be none, that is an answer");
}

#[tokio::test]
async fn what_has_ended_is_a_miss_however_long_it_has_to_live() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 7);
    world.server.command::<()>(&["SETEX", "invoice:1", "3600", r#"{"version":1,"ends":1000000000}"#]).unwrap();
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::Loaded));
    assert_eq!(world.raw("invoice:1").as_deref(), Some(MINE));
    assert_eq!(cache.count::<Invoices>(Event::Undecodable), 0, "it was a value");
    assert!(!world.exists(&lease("invoice:1")));
    world.server.command::<()>(&["SETEX", "invoice:1", "3600", r#"{"version":1,"ends":1000000000}"#]).unwrap();
    let batch = cache.get_many::<Invoices>(&[InvoiceId(1)]).await.unwrap();
    assert_eq!(seen(&batch[0]), (Some(7), Tier::Loaded));
}

#[tokio::test]
async fn memory_answers_with_a_foreign_value_no_longer_than_until_its_end() {
    let world = World::new();
    let cache = world.l1_cache().await;
    world.ledger.put(1, 7);
    let ends = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() + 3;
    world.server.command::<()>(&["SETEX", "invoice:1", "3600", &format!(r#"{{"version":1,"ends":{ends}}}"#)]).unwrap();
    let ends = SystemTime::UNIX_EPOCH + Duration::from_secs(ends);
    let mut from_memory = 0;
    loop {
        let began = SystemTime::now();
        let (version, tier) = read(&cache, 1).await;
        if version == Some(7) {
            break;
        }
        assert!(began <= ends, "{tier:?}");
        from_memory += u32::from(tier == Tier::L1);
        tokio::task::yield_now().await;
    }
    assert!(from_memory > 0, "the value was in memory");
}

/// Without refresh ahead too: none of ours would ever replace it.
#[tokio::test]
async fn a_value_without_an_end_is_refreshed_by_those_who_read_it() {
    let world = World::new();
    for cache in [world.cache().await, world.l1_cache().await] {
        world.ledger.put(1, 7);
        world.server.command::<()>(&["SET", "invoice:1", r#"{"version":1}"#]).unwrap();
        until(|| async { read(&cache, 1).await.0 == Some(7) }).await;
        let ttl: i64 = world.server.command(&["TTL", "invoice:1"]).unwrap();
        assert!(ttl > 0, "it has an end now: {ttl}");
        until(|| async { cache.count::<Invoices>(Event::Refreshed) == 1 }).await;
    }
}
