//! Redis goes away, hangs, forgets: reads go on, and later they use Redis again.

use std::future::Future;

use billing_cache::{Cache, Event, Tier};
use test_support::RedisServer;

use crate::ledger::{InvoiceId, Invoices, Ledger};
use crate::world::{PATIENT, World, read, reading, until};

/// Reads the invoice again and again, always rightly, until Redis answers.
async fn until_redis_answers(cache: &Cache<Ledger>, id: i32, version: u64) {
    until(|| async {
        let (seen, tier) = read(cache, id).await;
        assert_eq!(seen, Some(version));
        tier == Tier::L2
    })
    .await;
}

/// An await that must end, whatever Redis does.
async fn ends<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENT, future).await.expect("no read hangs with Redis")
}

#[tokio::test]
async fn a_cache_opens_without_redis_and_uses_it_once_it_is_there() {
    let world = World::new();
    world.server.kill().unwrap();
    let cache = world.cache().await;
    world.ledger.put(1, 7);
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::Bypassed));
    let batch = cache.get_many::<Invoices>(&[InvoiceId(1), InvoiceId(2)]).await.unwrap();
    assert!(batch.iter().all(|cached| cached.tier == Tier::Bypassed));
    world.server.restart().unwrap();
    until_redis_answers(&cache, 1, 7).await;
}

#[tokio::test]
async fn a_redis_that_restarts_empty_is_filled_again() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 7);
    read(&cache, 1).await;
    world.server.restart().unwrap();
    assert_eq!(world.raw("invoice:1"), None);
    until_redis_answers(&cache, 1, 7).await;
    assert_eq!(world.raw("invoice:1").as_deref(), Some(r#"{"version":7}"#));
}

#[tokio::test]
async fn a_redis_killed_during_a_load_does_not_take_the_answer_along() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 7);
    world.ledger.hold_next(2);
    let single = reading(&cache, 1);
    world.ledger.until_held(1).await;
    let batch = {
        let cache = cache.clone();
        tokio::spawn(async move { cache.get_many::<Invoices>(&[InvoiceId(2)]).await.unwrap() })
    };
    world.ledger.until_held(2).await;
    world.server.kill().unwrap();
    world.ledger.release();
    world.ledger.release();
    assert_eq!(ends(single).await.unwrap().0, Some(7));
    assert_eq!(ends(batch).await.unwrap().len(), 1);
    assert!(cache.count::<Invoices>(Event::RedisError) >= 1);
    world.server.restart().unwrap();
    until_redis_answers(&cache, 1, 7).await;
}

#[tokio::test]
async fn readers_in_full_flow_see_no_error_when_redis_is_killed_and_comes_back() {
    let world = World::new();
    let cache = world.cache().await;
    for id in 0..20 {
        world.ledger.put(id, 7);
    }
    let stop = tokio::sync::watch::Sender::new(false);
    let readers: Vec<_> = (0..8)
        .map(|number| {
            let (cache, stop) = (cache.clone(), stop.subscribe());
            tokio::spawn(async move {
                let mut reads = 0;
                while !*stop.borrow() {
                    assert_eq!(read(&cache, (number + reads) % 20).await.0, Some(7));
                    reads += 1;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for _ in 0..3 {
        until_redis_answers(&cache, 1, 7).await;
        world.server.kill().unwrap();
        until(|| async { read(&cache, 1).await.1 == Tier::Bypassed }).await;
        world.server.restart().unwrap();
    }
    until_redis_answers(&cache, 1, 7).await;
    stop.send_replace(true);
    for reader in readers {
        ends(reader).await.unwrap();
    }
}

#[tokio::test]
async fn a_redis_that_hangs_is_passed_by_and_used_again_when_it_goes_on() {
    let world = World::new();
    let cache = world.impatient_cache().await;
    world.ledger.put(1, 7);
    read(&cache, 1).await;
    world.server.pause().unwrap();
    for _ in 0..5 {
        assert_eq!(ends(read(&cache, 1)).await, (Some(7), Tier::Bypassed));
    }
    let batch = ends(cache.get_many::<Invoices>(&[InvoiceId(1)])).await.unwrap();
    assert_eq!(batch[0].tier, Tier::Bypassed);
    world.server.resume().unwrap();
    until_redis_answers(&cache, 1, 7).await;
}

#[tokio::test]
async fn a_redis_that_hangs_during_a_load_does_not_keep_the_answer() {
    let world = World::new();
    let cache = world.impatient_cache().await;
    // The server knows the scripts, or the fill that arrives late would be none, and its lease be left to end.
    read(&cache, 2).await;
    world.ledger.put(1, 7);
    world.ledger.hold_next(1);
    let reader = reading(&cache, 1);
    world.ledger.until_held(1).await;
    world.server.pause().unwrap();
    world.ledger.release();
    assert_eq!(ends(reader).await.unwrap(), (Some(7), Tier::Loaded));
    world.server.resume().unwrap();
    until_redis_answers(&cache, 1, 7).await;
}

#[tokio::test]
async fn forgotten_scripts_are_sent_again_within_the_same_read() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 7);
    let forget = || world.server.command::<()>(&["SCRIPT", "FLUSH"]).unwrap();
    forget();
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::Loaded));
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::L2));
    forget();
    let batch = cache.get_many::<Invoices>(&[InvoiceId(2), InvoiceId(3)]).await.unwrap();
    assert!(batch.iter().all(|cached| cached.tier == Tier::Loaded));
    forget();
    let warmed = cache.warm_up::<Invoices>(&[InvoiceId(4)], &mut |_| {}).await.unwrap();
    assert_eq!(warmed.stored, 1);
    world.ledger.hold_next(1);
    let reader = reading(&cache, 5);
    world.ledger.until_held(1).await;
    forget();
    world.ledger.release();
    reader.await.unwrap();
    assert!(world.exists("invoice:5"), "forgotten between the lease and the fill");
    assert_eq!(cache.count::<Invoices>(Event::RedisError), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_readers_of_one_key_share_loads_while_redis_is_away() {
    let world = World::new();
    let cache = world.cache().await;
    world.server.kill().unwrap();
    until(|| async { read(&cache, 2).await.1 == Tier::Bypassed && cache.check_redis().await.is_err() }).await;
    world.ledger.put(1, 7);
    let loads = world.ledger.loads();
    world.ledger.hold_next(1);
    let first = reading(&cache, 1);
    world.ledger.until_held(1).await;
    let coalesced = cache.count::<Invoices>(Event::Coalesced);
    let others: Vec<_> = (0..1000).map(|_| reading(&cache, 1)).collect();
    until(|| async { cache.count::<Invoices>(Event::Coalesced) == coalesced + 1000 }).await;
    world.ledger.release();
    assert_eq!(first.await.unwrap(), (Some(7), Tier::Bypassed));
    for other in others {
        assert_eq!(other.await.unwrap(), (Some(7), Tier::Bypassed));
    }
    // One load for the first reader, one for all who came while it went on.
    assert_eq!(world.ledger.loads() - loads, 2);
}

#[tokio::test]
async fn a_redis_that_is_moved_under_a_password_is_reported_and_passed_by() {
    let world = World::on(RedisServer::options().password("sesame").start().unwrap());
    let cache = world.cache_with(|options| options.redis.password = String::new().into()).await;
    world.ledger.put(1, 7);
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::Bypassed));
    assert_eq!(read(&world.cache().await, 1).await, (Some(7), Tier::Loaded), "with the password");
}
