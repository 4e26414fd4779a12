//! A Redis that answers, but refuses: full memory, a wrong password, a closed port; and what people are told then.

use billing_cache::{Event, Tier};
use test_support::RedisServer;

use crate::ledger::{InvoiceId, Invoices};
use crate::world::{World, invalidate, read};

impl World {
    /// `noeviction` is the default: whatever needs memory is refused.
    fn memory_is_full(&self) {
        self.server.command::<()>(&["CONFIG", "SET", "maxmemory", "1"]).unwrap();
    }

    fn memory_is_free(&self) {
        self.server.command::<()>(&["CONFIG", "SET", "maxmemory", "0"]).unwrap();
    }
}

#[tokio::test]
async fn a_full_redis_still_serves_what_it_has_and_the_rest_is_read_past_it() {
    let world = World::new();
    let cache = world.cache().await;
    for id in 1..=3 {
        world.ledger.put(id, 7);
    }
    read(&cache, 1).await;
    world.memory_is_full();
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::L2));
    assert_eq!(read(&cache, 2).await, (Some(7), Tier::Bypassed));
    let batch = cache.get_many::<Invoices>(&[1, 2, 3].map(InvoiceId)).await.unwrap();
    let batch: Vec<_> = batch.iter().map(crate::world::seen).collect();
    assert_eq!(batch, [(Some(7), Tier::L2), (Some(7), Tier::Bypassed), (Some(7), Tier::Bypassed)]);
    world.memory_is_free();
    assert_eq!(read(&cache, 2).await, (Some(7), Tier::Loaded));
}

#[tokio::test]
async fn a_full_redis_can_be_told_of_a_write() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 1);
    read(&cache, 1).await;
    world.memory_is_full();
    world.ledger.put(1, 2);
    assert!(invalidate(&cache, &[1]).await.is_done());
    assert_eq!(read(&cache, 1).await, (Some(2), Tier::Bypassed));
    world.memory_is_free();
    assert_eq!(read(&cache, 1).await, (Some(2), Tier::Loaded));
}

#[tokio::test]
async fn a_redis_that_fills_up_during_a_load_keeps_no_dead_lease() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 7);
    world.ledger.hold_next(1);
    let reader = crate::world::reading(&cache, 1);
    world.ledger.until_held(1).await;
    world.memory_is_full();
    world.ledger.release();
    assert_eq!(reader.await.unwrap(), (Some(7), Tier::Loaded));
    assert!(!world.exists(&crate::world::lease("invoice:1")));
}

#[tokio::test]
async fn a_warm_up_of_a_full_redis_does_not_claim_that_its_keys_were_cached_already() {
    let world = World::new();
    let cache = world.cache().await;
    world.memory_is_full();
    let warmed = cache.warm_up::<Invoices>(&[1, 2].map(InvoiceId), &mut |_| {}).await.unwrap();
    assert_eq!((warmed.stored, warmed.skipped, warmed.not_stored), (0, 0, 2));
    assert_eq!(world.ledger.loads(), 0);
}

#[tokio::test]
async fn a_replica_is_not_used_as_a_cache() {
    let primary = World::new();
    let port = primary.server.port().to_string();
    let replica = World::on(RedisServer::options().config("replicaof", &format!("127.0.0.1 {port}")).start().unwrap());
    primary.set_raw("invoice:1", r#"{"version":1}"#);
    crate::world::until(|| async { replica.raw("invoice:1").is_some() }).await;
    let cache = replica.cache().await;
    replica.ledger.put(1, 2);
    assert_eq!(read(&cache, 1).await, (Some(2), Tier::Bypassed), "a replica may lag behind an acknowledged write");
    let error = cache.check_redis().await.unwrap_err().to_string();
    assert!(error.contains("replica") && error.contains("REDIS_HOST"), "{error}");
}

#[tokio::test]
async fn a_primary_that_was_demoted_is_left_at_the_first_refusal() {
    let world = World::new();
    let other = RedisServer::start().unwrap();
    let cache = world.cache_with(|options| options.cache.invalidation_deadline_ms = 200).await;
    world.ledger.put(1, 1);
    world.ledger.put(2, 1);
    read(&cache, 1).await;
    read(&cache, 2).await;
    world.server.command::<()>(&["REPLICAOF", "127.0.0.1", &other.port().to_string()]).unwrap();
    assert!(!invalidate(&cache, &[1]).await.is_done());
    assert_eq!(read(&cache, 2).await, (Some(1), Tier::Bypassed));
    world.server.command::<()>(&["REPLICAOF", "NO", "ONE"]).unwrap();
    crate::world::until(|| async { read(&cache, 2).await.1 == Tier::L2 }).await;
}

#[tokio::test]
async fn a_redis_that_does_not_run_is_named_with_the_settings_to_look_at() {
    let world = World::new();
    let cache = world.cache().await;
    cache.check_redis().await.unwrap();
    world.server.kill().unwrap();
    let error = cache.check_redis().await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot use Redis at 127.0.0.1:{}", world.server.port())), "{error}");
    assert!(error.contains("is the server running") && error.contains("REDIS_HOST"), "{error}");
}

#[tokio::test]
async fn a_redis_that_hangs_is_named_too() {
    let world = World::new();
    let cache = world.impatient_cache().await;
    world.server.pause().unwrap();
    let error = cache.check_redis().await.unwrap_err().to_string();
    world.server.resume().unwrap();
    assert!(error.contains(&format!("127.0.0.1:{}", world.server.port())), "{error}");
    assert!(error.contains("timed out") || error.contains("did not answer within"), "{error}");
}

#[tokio::test]
async fn a_wrong_password_is_called_one_and_not_printed() {
    let world = World::on(RedisServer::options().password("sesame").start().unwrap());
    world.cache().await.check_redis().await.unwrap();
    for wrong in ["", "open-barley"] {
        let cache = world.cache_with(|options| options.redis.password = wrong.into()).await;
        let error = cache.check_redis().await.unwrap_err();
        let told = format!("{error} {error:?} {cache:?}");
        assert!(told.contains("check REDIS_PASSWORD") && !told.contains("is the server running"), "{told}");
        assert!(told.contains(&format!("127.0.0.1:{}", world.server.port())), "{told}");
        assert!(wrong.is_empty() || !told.contains(wrong), "{told}");
        assert_eq!(read(&cache, 1).await.1, Tier::Bypassed);
        assert!(cache.count::<Invoices>(Event::Bypass) >= 1);
    }
}

#[tokio::test]
async fn a_password_in_the_url_is_used_and_not_printed() {
    let world = World::on(RedisServer::options().password("sesame").start().unwrap());
    let url = format!("redis://:sesame@127.0.0.1:{}/3", world.server.port());
    let cache = world.cache_with(|options| options.redis.url = url.into()).await;
    cache.check_redis().await.unwrap();
    let told = format!("{} {cache:?} {:?}", cache.endpoint(), world.options().redis);
    assert!(told.contains("database 3") && !told.contains("sesame"), "{told}");
    read(&cache, 1).await;
    assert!(!world.exists("invoice:1"), "that is database 0");
}
