//! Warm-up: fills what is missing, replaces nothing, delays nobody.

use billing_cache::{Cache, CachedType, Event, Tier, WarmUpError, WarmedUp};

use crate::ledger::{InvoiceId, Invoices, Ledger};
use crate::world::{World, lease, read, reading};

async fn warm(cache: &Cache<Ledger>, ids: &[i32]) -> WarmedUp {
    let keys: Vec<_> = ids.iter().copied().map(InvoiceId).collect();
    cache.warm_up::<Invoices>(&keys, &mut |_| {}).await.unwrap()
}

#[tokio::test]
async fn a_warm_up_stores_what_is_missing_in_one_load_a_batch() {
    let world = World::new();
    let cache = world.cache_with(|options| options.cache.batch_size = 10).await;
    for id in 0..25 {
        world.ledger.put(id, 7);
    }
    let keys = Invoices::hot_keys(cache.source(), None, 100).await.unwrap();
    let mut steps = Vec::new();
    let warmed = cache.warm_up::<Invoices>(&keys, &mut |step| steps.push(step.stored)).await.unwrap();
    assert_eq!(warmed, WarmedUp { stored: 25, skipped: 0, not_stored: 0, ..WarmedUp::default() });
    assert_eq!(steps, [10, 10, 5]);
    assert_eq!(world.ledger.loads(), 3);
    for id in 0..25 {
        assert_eq!(read(&cache, id).await, (Some(7), Tier::L2));
    }
}

#[tokio::test]
async fn a_warm_up_leaves_alone_what_is_cached() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 7);
    world.ledger.put(2, 7);
    world.set_raw("invoice:1", r#"{"version":6}"#);
    assert_eq!(warm(&cache, &[1, 2]).await, WarmedUp { stored: 1, skipped: 1, not_stored: 0, ..WarmedUp::default() });
    assert_eq!(world.raw("invoice:1").as_deref(), Some(r#"{"version":6}"#));
    assert_eq!(world.ledger.loaded_keys(), 1);
    assert_eq!(warm(&cache, &[1, 2]).await, WarmedUp { stored: 0, skipped: 2, not_stored: 0, ..WarmedUp::default() });
    assert_eq!(world.ledger.loads(), 1, "nothing to load");
}

#[tokio::test]
async fn a_key_named_twice_is_warmed_up_once() {
    let world = World::new();
    let cache = world.cache().await;
    assert_eq!(warm(&cache, &[1, 1]).await, WarmedUp { stored: 1, skipped: 1, not_stored: 0, ..WarmedUp::default() });
}

#[tokio::test]
async fn a_reader_takes_over_the_lease_of_a_warm_up() {
    let world = World::new();
    let (tool, service) = (world.cache().await, world.cache().await);
    world.ledger.put(1, 1);
    world.ledger.hold_next(1);
    let warming = {
        let tool = tool.clone();
        tokio::spawn(async move { warm(&tool, &[1]).await })
    };
    world.ledger.until_held(1).await;
    world.ledger.put(1, 2);
    assert_eq!(read(&service, 1).await, (Some(2), Tier::Loaded), "while the batch is still being loaded");
    world.ledger.release();
    assert_eq!(warming.await.unwrap(), WarmedUp { stored: 0, skipped: 0, not_stored: 1, ..WarmedUp::default() });
    assert_eq!(world.raw("invoice:1").as_deref(), Some(r#"{"version":2}"#));
}

#[tokio::test]
async fn a_warm_up_does_not_take_over_the_lease_of_a_reader_or_of_another_warm_up() {
    let world = World::new();
    let (tool, service) = (world.cache().await, world.cache().await);
    world.ledger.put(1, 1);
    world.ledger.hold_next(1);
    let reader = reading(&service, 1);
    world.ledger.until_held(1).await;
    world.server.command::<()>(&["SET", &lease("invoice:2"), "w-of-another-process", "PX", "600000"]).unwrap();
    assert_eq!(warm(&tool, &[1, 2]).await, WarmedUp { stored: 0, skipped: 2, not_stored: 0, ..WarmedUp::default() });
    world.ledger.release();
    assert_eq!(reader.await.unwrap(), (Some(1), Tier::Loaded));
    assert_eq!(service.count::<Invoices>(Event::FillLost), 0);
}

#[tokio::test]
async fn a_warm_up_that_finds_no_redis_says_so() {
    let world = World::new();
    let cache = world.cache().await;
    world.server.kill().unwrap();
    crate::world::until(|| async { cache.check_redis().await.is_err() }).await;
    let error = cache.warm_up::<Invoices>(&[InvoiceId(1)], &mut |_| {}).await.unwrap_err();
    assert!(matches!(error, WarmUpError::Redis(_)), "{error}");
    assert!(error.to_string().contains(&format!("127.0.0.1:{}", world.server.port())), "{error}");
    assert_eq!(world.ledger.loads(), 0, "what cannot be stored is not loaded");
}
