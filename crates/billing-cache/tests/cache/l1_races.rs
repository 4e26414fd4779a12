//! A reply that is older than an announcement must not get into memory after it.
//!
//! The bug is public: client-side caching of redis-rs 1.8 (feature `cache-aio`) stores whatever a GET answers, also
//! when the key's invalidation was received while the reply was on its way, and then serves it until the key changes
//! once more; the same in lettuce (redis/lettuce #3481). Here an entry carries the stamp that was current before its
//! GET was sent.
//!
//! A proxy holds back the replies to the readers while announcements pass.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use billing_cache::{Cache, Tier};
use test_support::RedisServer;

use crate::ledger::{InvoiceId, Invoices, Ledger};
use crate::memory::{in_l1, until_in_l1, until_not_in_l1};
use crate::proxy::Proxy;
use crate::world::{Options, World, invalidate, read, reading, seen, until};

/// The key by whose announcement a test sees that all before it was heard.
const LAST: i32 = 1_000_000;
/// When a key ends, in milliseconds of the wall clock; the command of this name came with Redis 7.
const PEXPIRETIME: &str = "local now = redis.call('TIME') \
    return now[1] * 1000 + math.floor(now[2] / 1000) + redis.call('PTTL', KEYS[1])";

/// A process behind a proxy, live, with [`LAST`] in its memory.
async fn behind(world: &World, proxy: &Proxy, change: impl FnOnce(&mut Options)) -> Cache<Ledger> {
    let cache = world
        .l1_cache_with(|options| {
            options.redis.port = proxy.port();
            options.redis.command_timeout_ms = 600_000;
            change(options);
        })
        .await;
    world.ledger.put(LAST, 1);
    until_in_l1(&cache, LAST, 1).await;
    cache
}

/// Begins a read whose reply is held back by the proxy, after Redis has given it.
async fn read_of_a_held_reply(world: &World, cache: &Cache<Ledger>) -> tokio::task::JoinHandle<(Option<u64>, Tier)> {
    let before = world.server.calls("get").unwrap();
    let early = reading(cache, 1);
    until(|| async { world.server.calls("get").unwrap() > before }).await;
    early
}

async fn until_heard(world: &World, cache: &Cache<Ledger>) {
    world.server.command::<()>(&["DEL", &format!("invoice:{LAST}")]).unwrap();
    until_not_in_l1(cache, LAST).await;
}

/// redis-rs 1.x with `cache-aio`, and redis/lettuce #3481: the invalidation comes between the question and the answer,
/// and the answer, put into memory after it, stays there.
#[tokio::test]
async fn a_reply_that_raced_with_its_invalidation_as_in_redis_rs_cache_aio_is_not_kept() {
    let world = World::new();
    let proxy = Proxy::to(world.server.port()).await;
    // Before anybody listens, so that the announcement of this is not taken for the one of the write.
    world.set_raw("invoice:1", r#"{"version":1}"#);
    let (reader, writer) = (behind(&world, &proxy, |_| {}).await, world.cache().await);
    proxy.hold_replies_but_announcements();
    let early = read_of_a_held_reply(&world, &reader).await;
    world.write(&writer, 1, 2).await;
    until_heard(&world, &reader).await;
    proxy.release_replies();
    assert_eq!(early.await.unwrap(), (Some(1), Tier::L2), "it began before the write");
    assert_eq!(in_l1(&reader, 1), None);
    until_in_l1(&reader, 1, 2).await;
}

#[tokio::test]
async fn nor_is_one_of_a_read_of_many() {
    let world = World::new();
    let proxy = Proxy::to(world.server.port()).await;
    let ids = [1, 2, 3].map(InvoiceId);
    for id in ids {
        world.set_raw(&format!("invoice:{id}"), r#"{"version":1}"#);
    }
    let (reader, writer) = (behind(&world, &proxy, |_| {}).await, world.cache().await);
    proxy.hold_replies_but_announcements();
    let before = world.server.calls("mget").unwrap();
    let cache = reader.clone();
    let early = tokio::spawn(async move { cache.get_many::<Invoices>(&ids).await.unwrap() });
    until(|| async { world.server.calls("mget").unwrap() > before }).await;
    world.write(&writer, 2, 2).await;
    until_heard(&world, &reader).await;
    proxy.release_replies();
    assert!(early.await.unwrap().iter().all(|cached| seen(cached) == (Some(1), Tier::L2)));
    assert_eq!(in_l1(&reader, 2), None);
    until_in_l1(&reader, 2, 2).await;
}

/// FusionCache #613: an invalidation in this process while it reads from the second tier; the old value ends up in
/// memory.
#[tokio::test]
async fn nor_is_one_that_raced_with_an_invalidation_of_the_same_process() {
    let world = World::new();
    let proxy = Proxy::to(world.server.port()).await;
    world.set_raw("invoice:1", r#"{"version":1}"#);
    let cache = behind(&world, &proxy, |options| options.cache.invalidation_deadline_ms = 100).await;
    // The server keeps the old value, and announces nothing.
    world.server.command::<()>(&["ACL", "SETUSER", "default", "-unlink"]).unwrap();
    proxy.hold_replies_but_announcements();
    let early = read_of_a_held_reply(&world, &cache).await;
    world.ledger.put(1, 2);
    assert!(!invalidate(&cache, &[1]).await.is_done());
    assert_eq!(read(&cache, 1).await, (Some(2), Tier::Bypassed));
    proxy.release_replies();
    assert_eq!(early.await.unwrap(), (Some(1), Tier::L2));
    assert_eq!(in_l1(&cache, 1), None);
    world.server.command::<()>(&["ACL", "SETUSER", "default", "+unlink"]).unwrap();
    until_in_l1(&cache, 1, 2).await;
}

#[tokio::test]
async fn nor_is_one_that_raced_with_a_flush() {
    let world = World::new();
    let proxy = Proxy::to(world.server.port()).await;
    world.set_raw("invoice:1", r#"{"version":1}"#);
    let reader = behind(&world, &proxy, |_| {}).await;
    proxy.hold_replies_but_announcements();
    let early = read_of_a_held_reply(&world, &reader).await;
    world.server.command::<()>(&["FLUSHDB"]).unwrap();
    world.ledger.put(1, 2);
    until_not_in_l1(&reader, LAST).await;
    proxy.release_replies();
    assert_eq!(early.await.unwrap(), (Some(1), Tier::L2));
    assert_eq!(in_l1(&reader, 1), None);
    until_in_l1(&reader, 1, 2).await;
}

/// A server that does not look for expired keys by itself, and so does not announce them.
fn server_that_expires_only_what_is_read() -> RedisServer {
    // Redis before 7 neither asks for this nor knows it.
    let server = RedisServer::options().config("enable-debug-command", "yes").start();
    let server = server.or_else(|_| RedisServer::start()).unwrap();
    server.command::<()>(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]).unwrap();
    server
}

#[tokio::test]
async fn a_reply_that_arrives_after_its_time_to_live_is_not_kept() {
    let world = World::on(server_that_expires_only_what_is_read());
    let proxy = Proxy::to(world.server.port()).await;
    let reader = behind(&world, &proxy, |_| {}).await;
    world.ledger.put(1, 2);
    proxy.hold_replies_but_announcements();
    world.server.command::<()>(&["SET", "invoice:1", r#"{"version":1}"#, "PX", "1000"]).unwrap();
    let over = Instant::now() + Duration::from_millis(1_000);
    // Or its announcement would make the entry dead.
    until_heard(&world, &reader).await;
    let early = read_of_a_held_reply(&world, &reader).await;
    until(|| async { Instant::now() > over }).await;
    proxy.release_replies();
    // On a slow machine it was over before Redis read it.
    assert!([(Some(1), Tier::L2), (Some(2), Tier::Loaded)].contains(&early.await.unwrap()));
    assert_ne!(in_l1(&reader, 1), Some(Some(1)));
    until_in_l1(&reader, 1, 2).await;
}

#[tokio::test]
async fn memory_answers_no_longer_than_redis_would_have() {
    let world = World::on(server_that_expires_only_what_is_read());
    let reader = world.l1_cache().await;
    world.ledger.put(LAST, 1);
    until_in_l1(&reader, LAST, 1).await;
    world.ledger.put(1, 2);
    let mut hits = 0;
    while hits == 0 {
        world.server.command::<()>(&["SET", "invoice:1", r#"{"version":1}"#, "PX", "300"]).unwrap();
        let over = Instant::now() + Duration::from_millis(300);
        loop {
            let started = Instant::now();
            let (version, tier) = read(&reader, 1).await;
            if version == Some(2) {
                break;
            }
            if tier == Tier::L1 {
                assert!(started <= over, "{:?} after the end", started - over);
                hits += 1;
            }
            tokio::task::yield_now().await;
        }
        world.server.command::<()>(&["DEL", "invoice:1"]).unwrap();
    }
}

#[tokio::test]
async fn memory_does_not_answer_beyond_the_end_of_a_values_validity() {
    let world = World::on(server_that_expires_only_what_is_read());
    // The way to Redis, which may take so long, counts for the end.
    let reader = world.l1_cache_with(|options| options.redis.command_timeout_ms = 1_000).await;
    world.ledger.put(LAST, 1);
    until_in_l1(&reader, LAST, 1).await;
    let (mut hits, mut round) = (0, 0);
    while hits == 0 {
        round += 1;
        world.ledger.put(1, round);
        world.ledger.set_boundary(Some(Instant::now() + Duration::from_millis(1_400)));
        read(&reader, 1).await;
        // The boundary, and how long the fill was on its way; none if it is over already.
        let ends: i64 = world.server.command(&["EVAL", PEXPIRETIME, "1", "invoice:1"]).unwrap();
        loop {
            let started = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
            let (version, tier) = read(&reader, 1).await;
            assert_eq!(version, Some(round), "{tier:?}");
            if !tier.is_hit() {
                break;
            }
            if tier == Tier::L1 {
                assert!(started <= ends, "{} ms after the end", started - ends);
                hits += 1;
            }
            tokio::task::yield_now().await;
        }
    }
}
