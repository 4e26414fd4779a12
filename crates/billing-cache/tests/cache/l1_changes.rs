//! Whoever changes a key, and however: the memory of every process forgets it.

use billing_cache::{Cache, ClearMode, Tier, TypeInfo};
use test_support::{FaultProxy, Wire};

use crate::ledger::{InvoiceId, Invoices, Ledger};
use crate::memory::{in_l1, until_in_l1, until_not_in_l1};
use crate::world::{World, invalidate, read, reading, until};

const VALUE: &str = r#"{"version":1}"#;

/// Commands of redis-cli, of a Python process, of anybody.
const CHANGES: &[&[&str]] = &[
    &["DEL", "invoice:1"],
    &["UNLINK", "invoice:1", "lease:{invoice:1}"],
    &["GETDEL", "invoice:1"],
    &["SET", "invoice:1", VALUE],
    &["SET", "invoice:1", VALUE, "KEEPTTL"],
    &["MSET", "other", "x", "invoice:1", VALUE],
    &["APPEND", "invoice:1", " "],
    &["SETRANGE", "invoice:1", "0", "{"],
    &["EXPIRE", "invoice:1", "600"],
    &["PEXPIRE", "invoice:1", "-1"],
    &["PERSIST", "invoice:1"],
    &["RENAME", "invoice:1", "other"],
    &["RENAME", "source", "invoice:1"],
    &["COPY", "source", "invoice:1", "REPLACE"],
    &["MOVE", "invoice:1", "1"],
    &["EVAL", "return redis.call('DEL', KEYS[1])", "1", "invoice:1"],
    &["FLUSHDB"],
    &["FLUSHALL"],
    &["FLUSHALL", "ASYNC"],
];

#[tokio::test]
async fn every_command_that_changes_a_key_reaches_the_memory_of_every_process() {
    let world = World::new();
    let caches = [world.l1_cache().await, world.l1_cache().await];
    world.ledger.put(1, 1);
    for change in CHANGES {
        world.server.command::<()>(&["FLUSHALL"]).unwrap();
        world.set_raw("source", VALUE);
        world.server.command::<()>(&["SET", "invoice:1", VALUE, "EX", "300"]).unwrap();
        for cache in &caches {
            until_in_l1(cache, 1, 1).await;
        }
        let _: redis::Value = world.server.command(change).unwrap_or_else(|error| panic!("{change:?}: {error:#}"));
        for cache in &caches {
            let forgotten = || async { in_l1(cache, 1).is_none() };
            let waited = test_support::eventually(crate::world::PATIENT / 6, forgotten).await;
            waited.unwrap_or_else(|error| panic!("{change:?}: {error:#}"));
        }
    }
}

#[tokio::test]
async fn an_evicted_key_is_forgotten() {
    let world = World::new();
    let cache = world.l1_cache().await;
    world.ledger.put(1, 1);
    until_in_l1(&cache, 1, 1).await;
    let set = |name: &str, value: &str| world.server.command::<()>(&["CONFIG", "SET", name, value]).unwrap();
    set("maxmemory-policy", "allkeys-lru");
    set("maxmemory", "1");
    // Refused in the end, for no eviction makes room enough.
    let refused = world.server.command::<()>(&["SET", "other", "x"]).unwrap_err();
    assert!(format!("{refused:#}").contains("OOM"), "{refused:#}");
    set("maxmemory", "0");
    assert!(!world.exists("invoice:1"));
    until_not_in_l1(&cache, 1).await;
}

#[tokio::test]
async fn what_another_process_does_to_a_key_is_heard() {
    let world = World::new();
    let (reader, other) = (world.l1_cache().await, world.cache().await);
    world.ledger.put(1, 1);
    until_in_l1(&reader, 1, 1).await;
    world.write(&other, 1, 2).await;
    until(|| async { read(&reader, 1).await.0 == Some(2) }).await;
    until_in_l1(&reader, 1, 2).await;

    other.clear(&[TypeInfo::of::<Invoices>()], ClearMode::Remove, &mut |_| {}).await.unwrap();
    until_not_in_l1(&reader, 1).await;
    until_in_l1(&reader, 1, 2).await;

    other.clear_on_record(&[TypeInfo::of::<Invoices>()]).await.unwrap();
    until_not_in_l1(&reader, 1).await;
    until_in_l1(&reader, 1, 2).await;

    other.clear_keys(&["invoice:1".to_owned()], ClearMode::Remove).await.unwrap();
    until_not_in_l1(&reader, 1).await;
    assert_eq!(other.warm_up::<Invoices>(&[InvoiceId(1)], &mut |_| {}).await.unwrap().stored, 1);
    until_in_l1(&reader, 1, 2).await;
}

#[tokio::test]
async fn a_lease_that_others_take_and_lose_is_no_change() {
    let world = World::new();
    let cache = world.l1_cache().await;
    world.ledger.put(1, 1);
    let mut survived = 0;
    // More than once, because another key may share the stripe of this one.
    for last in 1_000..1_003 {
        until_in_l1(&cache, 1, 1).await;
        world.hold_lease("invoice:1");
        world.server.command::<()>(&["DEL", "lease:{invoice:1}"]).unwrap();
        until_heard(&world, &cache, last).await;
        survived += usize::from(in_l1(&cache, 1) == Some(Some(1)));
    }
    assert!(survived > 0);
}

/// Waits until the process has heard of everything that Redis has done by now, and of a change of this key at last.
async fn until_heard(world: &World, cache: &Cache<Ledger>, last: i32) {
    let key = format!("invoice:{last}");
    world.set_raw(&key, VALUE);
    until_in_l1(cache, last, 1).await;
    world.server.command::<()>(&["DEL", &key]).unwrap();
    until_not_in_l1(cache, last).await;
}

#[tokio::test]
async fn the_writing_process_reads_its_own_write_without_waiting_for_any_announcement() {
    let world = World::new();
    let wire = FaultProxy::start(world.server.port()).await.unwrap();
    let cache = world.l1_cache_with(|options| options.redis.port = wire.port()).await;
    for version in 1..=20 {
        wire.set(Wire::StallTracking);
        world.write(&cache, 1, version).await;
        assert_eq!(in_l1(&cache, 1), None);
        assert_eq!(read(&cache, 1).await.0, Some(version));
        wire.set(Wire::Pass);
        until_in_l1(&cache, 1, version).await;
    }
}

#[tokio::test]
async fn the_process_that_clears_a_type_has_forgotten_it_when_the_clear_ends() {
    let world = World::new();
    let cache = world.l1_cache().await;
    world.ledger.put(1, 1);
    for _ in 0..5 {
        until_in_l1(&cache, 1, 1).await;
        cache.clear(&[TypeInfo::of::<Invoices>()], ClearMode::Remove, &mut |_| {}).await.unwrap();
        assert_eq!(in_l1(&cache, 1), None);
    }
}

#[tokio::test]
async fn the_writing_process_reads_its_own_write_also_when_redis_cannot_be_told() {
    let world = World::new();
    let cache = world
        .l1_cache_with(|options| {
            options.redis.command_timeout_ms = 150;
            options.redis.batch_timeout_ms = 150;
            options.cache.invalidation_deadline_ms = 200;
        })
        .await;
    world.ledger.put(1, 1);
    until_in_l1(&cache, 1, 1).await;
    world.server.pause().unwrap();
    world.ledger.put(1, 2);
    assert!(!invalidate(&cache, &[1]).await.is_done());
    for _ in 0..3 {
        assert_eq!(in_l1(&cache, 1), None);
        assert_eq!(read(&cache, 1).await, (Some(2), Tier::Bypassed));
    }
    world.server.resume().unwrap();
    until_in_l1(&cache, 1, 2).await;
}

#[tokio::test]
async fn readers_who_share_a_load_leave_nothing_old_in_memory() {
    let world = World::new();
    let (reader, writer) = (world.l1_cache().await, world.cache().await);
    world.ledger.put(2, 1);
    until_in_l1(&reader, 2, 1).await;
    world.ledger.put(1, 1);
    world.ledger.hold_next(1);
    let early: Vec<_> = (0..10).map(|_| reading(&reader, 1)).collect();
    world.ledger.until_held(1).await;
    world.write(&writer, 1, 2).await;
    world.ledger.release();
    for reader in early {
        reader.await.unwrap();
    }
    until_in_l1(&reader, 1, 2).await;
}

/// An epoch that had advanced before Redis was asked would count for what is read until Redis has removed it.
#[tokio::test]
async fn what_is_read_until_redis_is_told_is_forgotten_when_the_write_returns() {
    let world = World::new();
    let wire = FaultProxy::start(world.server.port()).await.unwrap();
    let cache = world.l1_cache_with(|options| options.redis.port = wire.port()).await;
    world.ledger.put(1, 1);
    until_in_l1(&cache, 1, 1).await;
    world.server.command::<()>(&["ACL", "SETUSER", "default", "-unlink"]).unwrap();
    world.ledger.put(1, 2);
    let writing = tokio::spawn({
        let cache = cache.clone();
        async move { invalidate(&cache, &[1]).await }
    });
    let refused = |stats: &test_support::CommandStats| stats.rejected > 0;
    until(|| async { world.server.command_stats().unwrap().get("unlink").is_some_and(refused) }).await;
    until_in_l1(&cache, 1, 1).await;
    wire.set(Wire::StallTracking);
    world.server.command::<()>(&["ACL", "SETUSER", "default", "+unlink"]).unwrap();
    assert!(writing.await.unwrap().is_done());
    assert_eq!(in_l1(&cache, 1), None);
    assert_eq!(read(&cache, 1).await.0, Some(2));
}
