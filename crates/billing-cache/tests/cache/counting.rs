//! What is counted, summed over processes, and what the server was asked to do for it.

use std::collections::BTreeSet;

use billing_cache::{CacheBuilder, ClearMode, Event, SingleKey, TypeInfo};

use crate::ledger::{CreditNotes, Discounts, InvoiceId, Invoices, UserId};
use crate::world::{World, invalidate, read};

#[tokio::test]
async fn the_counts_of_several_processes_are_summed() {
    let world = World::new();
    let (first, second) = (world.cache().await, world.cache().await);
    for id in 0..10 {
        read(&first, id).await;
        read(&second, id).await;
    }
    second.get::<CreditNotes>(&UserId(1)).await.unwrap();
    let _ = invalidate(&first, &[1, 2]).await;
    first.flush_counters().await;
    second.flush_counters().await;
    let usage = first.usage(1).await.unwrap();
    let invoices = |event| usage.count("invoices", event);
    assert_eq!((invoices(Event::Miss), invoices(Event::HitL2), invoices(Event::Load)), (10, 10, 10));
    assert_eq!((invoices(Event::Invalidated), invoices(Event::FillStored)), (2, 10));
    assert_eq!(usage.count("user_credit_notes", Event::Miss), 1);
    assert_eq!(usage.count("active_discounts", Event::Miss), 0);
    assert_eq!(usage.count("no such type", Event::Miss), 0);
}

#[tokio::test]
async fn what_was_flushed_once_is_not_flushed_again() {
    let world = World::new();
    let cache = world.cache().await;
    read(&cache, 1).await;
    for _ in 0..3 {
        cache.flush_counters().await;
    }
    tokio::join!(cache.flush_counters(), cache.flush_counters());
    assert_eq!(cache.usage(1).await.unwrap().count("invoices", Event::Miss), 1);
    read(&cache, 2).await;
    tokio::join!(cache.flush_counters(), cache.flush_counters(), cache.flush_counters());
    assert_eq!(cache.usage(2).await.unwrap().count("invoices", Event::Miss), 2);
}

#[tokio::test]
async fn counts_are_flushed_in_the_background_and_wait_for_a_redis_that_is_away() {
    let world = World::new();
    world.server.kill().unwrap();
    let cache = world.cache_with(|options| options.cache.counters_flush_ms = 20).await;
    read(&cache, 1).await;
    cache.flush_counters().await;
    world.server.restart().unwrap();
    crate::world::until(|| async {
        cache.usage(1).await.is_ok_and(|usage| usage.count("invoices", Event::Bypass) == 1)
    })
    .await;
}

#[tokio::test]
async fn counts_expire_by_themselves_and_survive_a_clear() {
    let world = World::new();
    let cache = world.cache().await;
    read(&cache, 1).await;
    cache.flush_counters().await;
    let names: Vec<String> = world.server.command(&["KEYS", "billing_cache:*"]).unwrap();
    let ttl: i64 = world.server.command(&["TTL", &names[0]]).unwrap();
    assert!(ttl > 0, "{names:?} {ttl}");
    let types: Vec<TypeInfo> = cache.types().copied().collect();
    cache.clear(&types, ClearMode::Remove, &mut |_| {}).await.unwrap();
    assert_eq!(cache.usage(u64::MAX).await.unwrap().count("invoices", Event::Miss), 1);
}

#[tokio::test]
async fn nothing_that_the_cache_does_uses_a_command_that_stalls_or_empties_a_shared_server() {
    let world = World::new();
    let cache = world.cache().await;
    world.server.reset_command_stats().unwrap();
    let ids = [1, 2, 3].map(InvoiceId);
    for id in 1..=2 {
        read(&cache, id).await;
    }
    cache.get_many::<Invoices>(&ids).await.unwrap();
    cache.get::<Discounts>(&SingleKey).await.unwrap();
    cache.warm_up::<Invoices>(&[InvoiceId(4)], &mut |_| {}).await.unwrap();
    let _ = cache.invalidate(BTreeSet::from([cache.any_key::<Invoices>(&ids[0])])).await;
    cache.check_redis().await.unwrap();
    cache.survey().await.unwrap();
    cache.flush_counters().await;
    cache.usage(24).await.unwrap();
    cache.key_count().await.unwrap();
    let types: Vec<TypeInfo> = cache.types().copied().collect();
    for mode in [ClearMode::DryRun, ClearMode::Remove] {
        cache.clear(&types, mode, &mut |_| {}).await.unwrap();
        cache.clear_keys(&["invoice:3".into()], mode).await.unwrap();
    }
    let used: Vec<String> = world.server.command_stats().unwrap().into_keys().collect();
    for forbidden in ["keys", "flushdb", "flushall", "hgetall|all", "smembers", "sort", "monitor", "save", "debug"] {
        assert!(!used.iter().any(|command| command == forbidden), "{forbidden} in {used:?}");
    }
    assert!(used.contains(&"scan".to_owned()) && used.contains(&"unlink".to_owned()), "{used:?}");
}

/// Both sides of a benchmark of what counting costs send the same commands.
#[tokio::test]
async fn what_is_not_counted_is_sampled_all_the_same() {
    let world = World::new();
    let options = world.options();
    let builder = CacheBuilder::new(world.ledger.clone(), options.cache).uncounted().with::<Invoices>();
    let cache = builder.open(&options.redis).await.unwrap();
    for _ in 0..400 {
        read(&cache, 1).await;
    }
    cache.flush_counters().await;
    assert_eq!((cache.count::<Invoices>(Event::Miss), cache.count::<Invoices>(Event::HitL2)), (0, 0));
    assert!(cache.own_numbers().is_empty(), "{:?}", cache.own_numbers());
    let found = cache.hot_keys(&TypeInfo::of::<Invoices>(), 1).await.unwrap();
    assert_eq!(found.keys.first().map(|key| key.text.as_str()), Some("invoice:1"));
}
