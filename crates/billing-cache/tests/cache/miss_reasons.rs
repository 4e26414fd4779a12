//! Every miss is counted under its reason, as far as the process that missed can tell it.

use std::collections::BTreeSet;

use billing_cache::{Cache, Event, Tier, TypeSettings};

use crate::ledger::{InvoiceId, Invoices, Ledger};
use crate::world::{World, invalidate, read, reading, until};

const REASONS: [Event; 5] =
    [Event::MissCold, Event::MissExpired, Event::MissInvalidated, Event::MissEvicted, Event::Undecodable];

/// How many misses of invoices were counted under each reason; all that were counted have one.
fn reasons(cache: &Cache<Ledger>) -> [u64; 5] {
    let counts = REASONS.map(|event| cache.count::<Invoices>(event));
    assert_eq!(counts.iter().sum::<u64>(), cache.count::<Invoices>(Event::Miss), "{counts:?}");
    counts
}

async fn missed(cache: &Cache<Ledger>, id: i32) {
    assert_eq!(read(cache, id).await.1, Tier::Loaded);
}

#[tokio::test]
async fn a_key_that_nobody_here_has_seen_is_cold() {
    let world = World::new();
    let (first, second) = (world.cache().await, world.cache().await);
    missed(&first, 1).await;
    first.get_many::<Invoices>(&[InvoiceId(1), InvoiceId(2), InvoiceId(3)]).await.unwrap();
    assert_eq!(reasons(&first), [3, 0, 0, 0, 0]);
    let _ = invalidate(&second, &[1]).await;
    missed(&second, 1).await;
    assert_eq!(reasons(&second), [1, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_value_that_came_to_its_end_has_expired() {
    let world = World::new();
    let cache = world
        .cache_with(|options| {
            let settings = TypeSettings { ttl_seconds: Some(1), ..TypeSettings::default() };
            options.cache.types.insert("invoices".into(), settings);
        })
        .await;
    for id in [1, 2] {
        world.ledger.put(id, 1);
        missed(&cache, id).await;
    }
    until(|| async { !world.exists("invoice:1") && !world.exists("invoice:2") }).await;
    missed(&cache, 1).await;
    cache.get_many::<Invoices>(&[InvoiceId(2)]).await.unwrap();
    assert_eq!(reasons(&cache), [2, 2, 0, 0, 0]);
}

#[tokio::test]
async fn what_any_process_invalidated_is_counted_so() {
    let world = World::new();
    let (first, second) = (world.cache().await, world.cache().await);
    for id in [1, 2] {
        missed(&first, id).await;
    }
    let _ = invalidate(&first, &[1]).await;
    let _ = invalidate(&second, &[2]).await;
    missed(&first, 1).await;
    first.get_many::<Invoices>(&[InvoiceId(2)]).await.unwrap();
    assert_eq!(reasons(&first), [2, 0, 2, 0, 0]);
    assert_eq!(read(&first, 1).await.1, Tier::L2);
}

#[tokio::test]
async fn what_redis_evicted_is_counted_so() {
    let world = World::new();
    let cache = world.service_with(|_| {}).await;
    for id in 1..=20 {
        missed(&cache, id).await;
    }
    cache.flush_counters().await;
    let used = cache.memory().await.unwrap().used_bytes;
    let limit = (used + (1 << 20)).to_string();
    world.set_limit(&limit, "allkeys-random");
    let big = "x".repeat(10_000);
    let gone = || (1..=20).find(|id| !world.exists(&format!("invoice:{id}")));
    let mut number = 0;
    let evicted = loop {
        world.set_raw(&format!("foreign:{number}"), &big);
        number += 1;
        if let Some(evicted) = gone() {
            break evicted;
        }
    };
    world.server.command::<()>(&["CONFIG", "SET", "maxmemory", "0"]).unwrap();
    cache.flush_counters().await;
    missed(&cache, evicted).await;
    assert_eq!(reasons(&cache), [20, 0, 0, 1, 0]);
    let _ = invalidate(&cache, &[evicted]).await;
    missed(&cache, evicted).await;
    assert_eq!(reasons(&cache), [20, 0, 1, 1, 0], "what this process invalidated, it knows");
}

#[tokio::test]
async fn what_does_not_decode_has_that_for_its_reason() {
    let world = World::new();
    let cache = world.cache().await;
    world.set_raw("invoice:1", "rubbish");
    missed(&cache, 1).await;
    world.set_raw("invoice:2", "rubbish");
    cache.get_many::<Invoices>(&[InvoiceId(2)]).await.unwrap();
    assert_eq!(reasons(&cache), [0, 0, 0, 0, 2]);
}

#[tokio::test]
async fn readers_who_share_a_load_have_missed_for_the_same_reason() {
    let world = World::new();
    let cache = world.cache().await;
    missed(&cache, 1).await;
    let _ = invalidate(&cache, &[1]).await;
    world.ledger.hold_next(1);
    let readers: Vec<_> = (0..5).map(|_| reading(&cache, 1)).collect();
    world.ledger.until_held(1).await;
    crate::world::until_counted::<Invoices>(&cache, Event::Coalesced, 4).await;
    world.ledger.release();
    let tiers: BTreeSet<&str> =
        futures_util::future::join_all(readers).await.into_iter().map(|read| read.unwrap().1.as_str()).collect();
    assert_eq!(tiers, BTreeSet::from(["loaded"]));
    assert_eq!(reasons(&cache), [1, 0, 5, 0, 0]);
}

#[tokio::test]
async fn a_read_past_a_redis_that_is_away_has_no_reason_but_that() {
    let world = World::new();
    let cache = world.cache().await;
    world.server.kill().unwrap();
    until(|| async { read(&cache, 1).await.1 == Tier::Bypassed }).await;
    assert_eq!(reasons(&cache), [0; 5]);
}
