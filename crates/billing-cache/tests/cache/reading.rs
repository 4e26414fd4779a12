//! One key: what is loaded, what is stored, and for how long.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use billing_cache::{CachedType, SingleKey, Tier, TypeSettings};

use crate::ledger::{CreditNotes, Discounts, InvoiceId, Invoices, UserId};
use crate::world::{World, invalidate, lease, read};

#[tokio::test]
async fn a_missing_value_is_loaded_once_and_then_served_from_redis() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 7);
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::Loaded));
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::L2));
    assert_eq!(read(&world.cache().await, 1).await, (Some(7), Tier::L2), "in another process");
    assert_eq!(world.ledger.loads(), 1);
}

#[tokio::test]
async fn the_absence_of_a_row_is_a_value() {
    let world = World::new();
    let cache = world.cache().await;
    assert_eq!(read(&cache, 1).await, (None, Tier::Loaded));
    assert_eq!(read(&cache, 1).await, (None, Tier::L2));
    assert_eq!(world.raw("invoice:1").as_deref(), Some("null"));
    assert_eq!(world.ledger.loads(), 1);
}

#[tokio::test]
async fn a_row_that_appears_replaces_its_cached_absence() {
    let world = World::new();
    let cache = world.cache().await;
    read(&cache, 1).await;
    world.write(&cache, 1, 1).await;
    assert_eq!(read(&cache, 1).await, (Some(1), Tier::Loaded));
}

#[tokio::test]
async fn an_empty_list_is_a_value() {
    let world = World::new();
    let cache = world.cache().await;
    for expected in [Tier::Loaded, Tier::L2] {
        let cached = cache.get::<CreditNotes>(&UserId(3)).await.unwrap();
        assert_eq!((cached.value.unwrap().len(), cached.tier), (0, expected));
    }
    assert_eq!(world.raw("user_credit_notes:3").as_deref(), Some("[]"));
    assert_eq!(world.ledger.loads(), 1);
}

#[tokio::test]
async fn redis_holds_plain_json_under_the_key_and_no_lease() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 7);
    world.ledger.put_notes(3, &["überzahlt", "\"doppelt\""]);
    world.ledger.put_discounts(&["SUMMER"], None);
    read(&cache, 1).await;
    cache.get::<CreditNotes>(&UserId(3)).await.unwrap();
    cache.get::<Discounts>(&SingleKey).await.unwrap();
    assert_eq!(world.raw("invoice:1").as_deref(), Some(r#"{"version":7}"#));
    assert_eq!(world.raw("user_credit_notes:3").as_deref(), Some(r#"["überzahlt","\"doppelt\""]"#));
    assert_eq!(world.raw("active_discounts").as_deref(), Some(r#"["SUMMER"]"#));
    let keys: u64 = world.server.command(&["DBSIZE"]).unwrap();
    assert_eq!(keys, 3, "values, and nothing beside them");
}

#[tokio::test]
async fn a_value_lives_no_longer_than_its_type_allows() {
    let world = World::new();
    let cache = world.cache().await;
    let policy = i64::try_from(Invoices::TTL.as_millis()).unwrap();
    for id in 0..50 {
        read(&cache, id).await;
        let ttl: i64 = world.server.command(&["PTTL", &format!("invoice:{id}")]).unwrap();
        assert!(0 < ttl && ttl <= policy, "{ttl}");
    }
}

#[tokio::test]
async fn the_configuration_overrides_the_ttl_of_a_type() {
    let world = World::new();
    let types =
        HashMap::from([("invoices".to_owned(), TypeSettings { ttl_seconds: Some(17), ..TypeSettings::default() })]);
    let cache = world.cache_with(|options| options.cache.types = types).await;
    read(&cache, 1).await;
    let ttl: i64 = world.server.command(&["PTTL", "invoice:1"]).unwrap();
    assert!(0 < ttl && ttl <= 17_000, "{ttl}");
    assert_eq!(cache.types().next().unwrap().ttl, Duration::from_secs(17));
}

#[tokio::test]
async fn the_absence_of_a_row_is_kept_for_a_shorter_time_of_its_own() {
    let world = World::new();
    let settings = TypeSettings { absent_ttl_seconds: Some(17), ..TypeSettings::default() };
    let types = HashMap::from([("invoices".to_owned(), settings)]);
    let cache = world.cache_with(|options| options.cache.types = types).await;
    world.ledger.put(1, 7);
    read(&cache, 1).await;
    read(&cache, 2).await;
    cache.get_many::<Invoices>(&[InvoiceId(3)]).await.unwrap();
    let ttl = |id: i32| world.server.command::<i64>(&["PTTL", &format!("invoice:{id}")]).unwrap();
    assert!(ttl(1) > 17_000, "a row, {} ms", ttl(1));
    for id in 2..=3 {
        assert!((1..=17_000).contains(&ttl(id)), "no row, {} ms", ttl(id));
    }
}

#[tokio::test]
async fn a_value_that_changes_by_itself_is_stored_no_longer_than_until_then() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put_discounts(&["SUMMER"], Some(Instant::now() + Duration::from_secs(90)));
    assert_eq!(cache.get::<Discounts>(&SingleKey).await.unwrap().tier, Tier::Loaded);
    let ttl: i64 = world.server.command(&["PTTL", "active_discounts"]).unwrap();
    assert!(0 < ttl && ttl <= 90_000, "{ttl}");
    assert_eq!(cache.get::<Discounts>(&SingleKey).await.unwrap().tier, Tier::L2);
}

#[tokio::test]
async fn a_value_past_its_validity_is_answered_but_neither_stored_nor_leased() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put_discounts(&["WINTER"], Some(Instant::now() - Duration::from_secs(1)));
    for loads in 1..=2 {
        let cached = cache.get::<Discounts>(&SingleKey).await.unwrap();
        assert_eq!((cached.value.unwrap().as_slice(), cached.tier), (&["WINTER".to_owned()][..], Tier::Loaded));
        assert_eq!(world.ledger.loads(), loads);
    }
    assert!(!world.exists("active_discounts") && !world.exists(&lease("active_discounts")));
}

#[tokio::test]
async fn an_invalidation_removes_the_value_and_names_the_history_it_did_so_in() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 1);
    read(&cache, 1).await;
    let told = invalidate(&cache, &[1, 2]).await;
    let before = told.done.values().next().cloned().flatten().expect("a server that answers INFO tells its history");
    assert!(!world.exists("invoice:1"));
    assert!(before.as_str().len() <= 128, "{before}");
    let again = invalidate(&cache, &[1]).await;
    assert_eq!(again.done.into_values().collect::<Vec<_>>(), [Some(before)], "the same life of the server");
}
