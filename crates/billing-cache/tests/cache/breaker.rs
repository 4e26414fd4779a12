//! A Redis that hangs or refuses is skipped, tried again, and used again; the database behind it is not overrun.

use billing_cache::{BreakerState, Event, ReadError, Tier};

use crate::ledger::{InvoiceId, Invoices};
use crate::world::{World, read, reading, until, until_counted};

/// The failures of Redis are swallowed by the reads, which succeed; a breaker that looks at the reads would never open,
/// as that of thorntail/thorntail #862 (SWARM-1929: it counts a call whose fallback answers as a success).
#[tokio::test]
async fn reads_that_succeed_without_redis_are_no_success_of_redis() {
    let world = World::new();
    let cache = world.impatient_cache().await;
    world.ledger.put(1, 7);
    read(&cache, 1).await;
    assert_eq!(cache.breaker_state(), BreakerState::Closed);
    world.server.pause().unwrap();
    until(|| async {
        assert_eq!(read(&cache, 1).await, (Some(7), Tier::Bypassed));
        cache.breaker_state() == BreakerState::Open
    })
    .await;
    world.server.resume().unwrap();
    until(|| async { read(&cache, 1).await.1 == Tier::L2 && cache.breaker_state() == BreakerState::Closed }).await;
}

#[tokio::test]
async fn while_the_breaker_is_open_reads_send_nothing_to_redis() {
    let world = World::new();
    let cache = world.cache_with(|options| options.cache.breaker.open_ms = 600_000).await;
    world.ledger.put(1, 7);
    read(&cache, 1).await;
    // The server answers, but with errors: it follows a primary that is not there, and serves nothing meanwhile.
    world.server.command::<()>(&["CONFIG", "SET", "replica-serve-stale-data", "no"]).unwrap();
    world.server.command::<()>(&["REPLICAOF", "127.0.0.1", "1"]).unwrap();
    until(|| async {
        read(&cache, 1).await;
        cache.breaker_state() == BreakerState::Open
    })
    .await;
    world.server.command::<()>(&["REPLICAOF", "NO", "ONE"]).unwrap();
    let before = world.server.calls("get").unwrap();
    for _ in 0..50 {
        assert_eq!(read(&cache, 1).await, (Some(7), Tier::Bypassed));
    }
    assert_eq!(world.server.calls("get").unwrap(), before);
    cache.check_redis().await.expect("whoever asks for Redis itself passes the breaker by");
}

#[tokio::test]
async fn a_full_redis_still_answers_what_it_has() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 7);
    read(&cache, 1).await;
    world.server.command::<()>(&["CONFIG", "SET", "maxmemory", "1"]).unwrap();
    for id in 100..150 {
        world.ledger.put(id, 1);
        assert_eq!(read(&cache, id).await.0, Some(1));
    }
    assert_eq!(cache.breaker_state(), BreakerState::Closed);
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::L2));
}

#[tokio::test]
async fn more_loads_than_the_database_shall_bear_at_once_fail_as_overloaded() {
    let world = World::new();
    let change = |options: &mut crate::world::Options| {
        options.cache.max_loads = 2;
        options.cache.load_queue_ms = 50;
    };
    let cache = world.cache_with(change).await;
    world.ledger.hold_next(2);
    let held = [1, 2].map(|id| reading(&cache, id));
    world.ledger.until_held(2).await;
    let third = cache.get::<Invoices>(&InvoiceId(3)).await;
    assert!(matches!(third, Err(ReadError::Overloaded { limit: 2, .. })), "{third:?}");
    assert_eq!(cache.count::<Invoices>(Event::Overloaded), 1);
    world.ledger.release();
    world.ledger.release();
    for held in held {
        assert_eq!(held.await.unwrap(), (None, Tier::Loaded));
    }
    assert_eq!(read(&cache, 3).await, (None, Tier::Loaded));
}

#[tokio::test]
async fn a_load_that_ends_makes_room_for_the_next() {
    let world = World::new();
    let cache = world.cache_with(|options| options.cache.max_loads = 1).await;
    world.ledger.put(1, 7);
    world.ledger.put(2, 8);
    world.ledger.hold_next(1);
    let first = reading(&cache, 1);
    world.ledger.until_held(1).await;
    let second = reading(&cache, 2);
    until_counted::<Invoices>(&cache, Event::Load, 1).await;
    world.ledger.release();
    assert_eq!(first.await.unwrap(), (Some(7), Tier::Loaded));
    assert_eq!(second.await.unwrap(), (Some(8), Tier::Loaded));
}
