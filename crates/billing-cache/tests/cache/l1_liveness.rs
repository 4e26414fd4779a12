//! Memory answers only while the process hears of changes, and never later than the bound after it stopped to.
//!
//! Times are measured by the moment at which a read started: however slow the machine is, a read that started later
//! than the bound allows must not be answered from memory.

use std::time::{Duration, Instant};

use billing_cache::{Cache, Event, Tier};
use test_support::{FaultProxy, RedisServer, Wire};

use crate::ledger::{InvoiceId, Invoices, Ledger};
use crate::memory::{in_l1, until_in_l1, until_not_in_l1};
use crate::world::{PATIENT, World, read, seen, until};

const SHORT: Duration = Duration::from_millis(500);

/// A process that soon gives up on Redis, with a short bound.
async fn short_bound(world: &World, port: u16) -> Cache<Ledger> {
    world
        .l1_cache_with(|options| {
            options.redis.port = port;
            options.redis.connect_timeout_ms = 1_000;
            options.redis.command_timeout_ms = 150;
            options.redis.batch_timeout_ms = 150;
            options.cache.l1_staleness_bound_ms = u64::try_from(SHORT.as_millis()).unwrap();
        })
        .await
}

/// Reads until memory does not answer any more; the moment at which the last read started that it answered.
async fn last_hit(cache: &Cache<Ledger>, id: i32, version: u64) -> Option<Instant> {
    let mut last = None;
    let hangs = Instant::now() + PATIENT;
    loop {
        let started = Instant::now();
        assert!(started < hangs, "memory answers for ever");
        match in_l1(cache, id) {
            Some(seen) => assert_eq!(seen, Some(version)),
            None => return last,
        }
        last = Some(started);
        tokio::task::yield_now().await;
    }
}

fn assert_within_bound(last: Option<Instant>, since: Instant) {
    let beyond = last.map(|last| last.saturating_duration_since(since + SHORT)).filter(|beyond| !beyond.is_zero());
    assert_eq!(beyond, None, "a hit later than the bound");
}

#[tokio::test]
async fn a_server_that_does_not_announce_turns_memory_off_and_is_reported_once() {
    let warnings = crate::warnings::collect();
    let world = World::new();
    world.server.command::<()>(&["ACL", "SETUSER", "default", "-client"]).unwrap();
    let cache = world.l1_cache().await;
    world.ledger.put(1, 7);
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::Loaded));
    // Refused several times, for it is tried again. Redis before 7 counts it with all of `client`.
    let refusals = || async {
        let stats = world.server.command_stats().unwrap();
        ["client|tracking", "client"].iter().filter_map(|name| stats.get(*name)).any(|stats| stats.rejected >= 3)
    };
    until(|| async {
        assert_eq!(read(&cache, 1).await, (Some(7), Tier::L2));
        let many = cache.get_many::<Invoices>(&[InvoiceId(1)]).await.unwrap();
        assert_eq!(seen(&many[0]), (Some(7), Tier::L2));
        refusals().await
    })
    .await;
    assert_eq!(cache.count::<Invoices>(Event::HitL1), 0);
    assert_eq!(warnings.containing("L1 is off"), 1, "{}", warnings.text());
    world.server.command::<()>(&["ACL", "SETUSER", "default", "+client"]).unwrap();
    until_in_l1(&cache, 1, 7).await;
}

#[tokio::test]
async fn after_a_server_hangs_memory_answers_no_longer_than_the_bound() {
    let world = World::new();
    let cache = short_bound(&world, world.server.port()).await;
    world.ledger.put(1, 7);
    for _ in 0..3 {
        until_in_l1(&cache, 1, 7).await;
        world.server.pause().unwrap();
        let hung = Instant::now();
        assert_within_bound(last_hit(&cache, 1, 7).await, hung);
        assert_eq!(read(&cache, 1).await, (Some(7), Tier::Bypassed));
        world.server.resume().unwrap();
    }
    until_in_l1(&cache, 1, 7).await;
}

#[tokio::test]
async fn what_changed_while_announcements_did_not_arrive_is_served_no_longer_than_the_bound() {
    let world = World::new();
    let wire = FaultProxy::start(world.server.port()).await.unwrap();
    let (deaf, writer) = (short_bound(&world, wire.port()).await, world.cache().await);
    for version in 1..=4 {
        world.ledger.put(1, version);
        until(|| async { read(&deaf, 1).await.0 == Some(version) }).await;
        until_in_l1(&deaf, 1, version).await;
        wire.set(Wire::StallTracking);
        world.write(&writer, 1, version + 1).await;
        let acknowledged = Instant::now();
        assert_within_bound(last_hit(&deaf, 1, version).await, acknowledged);
        // From now on the process must not serve what it missed, whether it hears again or not.
        for _ in 0..20 {
            assert_eq!(read(&deaf, 1).await.0, Some(version + 1));
        }
        wire.set(Wire::Pass);
        until_in_l1(&deaf, 1, version + 1).await;
    }
}

#[tokio::test]
async fn who_hears_again_begins_with_an_empty_memory() {
    let world = World::new();
    let wire = FaultProxy::start(world.server.port()).await.unwrap();
    let cache = short_bound(&world, wire.port()).await;
    for id in 1..=20 {
        world.ledger.put(id, 7);
    }
    for _ in 0..3 {
        for id in 1..=20 {
            until_in_l1(&cache, id, 7).await;
        }
        wire.set(Wire::StallTracking);
        // The one that was read last: on a slow machine the others may have become dead, and been read again, before.
        until_not_in_l1(&cache, 20).await;
        wire.set(Wire::Pass);
        until_in_l1(&cache, 1, 7).await;
        assert!((2..=20).all(|id| in_l1(&cache, id).is_none()), "nobody knows what was missed");
    }
}

#[tokio::test]
async fn a_lost_ear_is_replaced_and_what_it_heard_of_counts_no_more() {
    let world = World::new();
    let (cache, writer) = (world.l1_cache().await, world.cache().await);
    for version in 1..=5 {
        world.ledger.put(1, version);
        world.ledger.put(2, 7);
        until(|| async { read(&cache, 1).await.0 == Some(version) }).await;
        until_in_l1(&cache, 1, version).await;
        until_in_l1(&cache, 2, 7).await;
        assert_eq!(world.kill_clients(&['B']), 1, "the ear");
        until_not_in_l1(&cache, 2).await;
        // Whether the new ear hears of it or not.
        world.write(&writer, 1, version + 1).await;
        until_in_l1(&cache, 2, 7).await;
        until(|| async { read(&cache, 1).await.0 == Some(version + 1) }).await;
        until_in_l1(&cache, 1, version + 1).await;
    }
}

#[tokio::test]
async fn a_lost_data_connection_is_replaced_and_memory_is_used_again() {
    let world = World::new();
    let cache = short_bound(&world, world.server.port()).await;
    world.ledger.put(1, 7);
    for _ in 0..3 {
        until_in_l1(&cache, 1, 7).await;
        // Noticed at the next heartbeat.
        assert!(world.kill_clients(&['N']) >= 1);
        until_not_in_l1(&cache, 1).await;
    }
    until_in_l1(&cache, 1, 7).await;
}

#[tokio::test]
async fn announcements_of_a_server_that_is_not_read_any_more_count_for_nothing() {
    let (world, other) = (World::new(), RedisServer::start().unwrap());
    let wire = FaultProxy::start(world.server.port()).await.unwrap();
    let cache = short_bound(&world, wire.port()).await;
    world.set_raw("invoice:1", r#"{"version":1}"#);
    world.ledger.put(1, 1);
    until_in_l1(&cache, 1, 1).await;
    let set = |version: u64| {
        world.ledger.put(1, version);
        other.command::<()>(&["SET", "invoice:1", &format!(r#"{{"version":{version}}}"#)]).unwrap();
    };
    set(2);
    wire.lead_to(other.port());
    // The ear stays where it was.
    assert!(world.kill_clients(&['N']) >= 1);
    until(|| async { read(&cache, 1).await == (Some(2), Tier::L2) }).await;
    let acknowledged = Instant::now();
    set(3);
    let mut last = None;
    loop {
        let started = Instant::now();
        match read(&cache, 1).await {
            (Some(2), Tier::L1) => last = Some(started),
            (version, _) => {
                assert_eq!(version, Some(3));
                break;
            }
        }
        tokio::task::yield_now().await;
    }
    assert_within_bound(last, acknowledged);
    until_in_l1(&cache, 1, 3).await;
    set(4);
    until(|| async { read(&cache, 1).await.0 == Some(4) }).await;
    until_in_l1(&cache, 1, 4).await;
}

#[tokio::test]
async fn a_restarted_server_is_heard_again() {
    let world = World::new();
    let (cache, writer) = (world.l1_cache().await, world.cache().await);
    world.ledger.put(1, 1);
    until_in_l1(&cache, 1, 1).await;
    world.server.kill().unwrap();
    until(|| async { read(&cache, 1).await == (Some(1), Tier::Bypassed) }).await;
    assert_eq!(in_l1(&cache, 1), None);
    world.server.restart().unwrap();
    until_in_l1(&cache, 1, 1).await;
    until(|| async { writer.check_redis().await.is_ok() && read(&writer, 1).await.1 == Tier::L2 }).await;
    world.write(&writer, 1, 2).await;
    until(|| async { read(&cache, 1).await.0 == Some(2) }).await;
    until_in_l1(&cache, 1, 2).await;
}

#[tokio::test]
async fn heartbeats_leave_nothing_behind() {
    let world = World::new();
    let cache = world.l1_cache_with(|options| options.cache.l1_staleness_bound_ms = 100).await;
    until(|| async { cache.get::<Invoices>(&InvoiceId(1)).await.unwrap().tier == Tier::L1 }).await;
    world.server.reset_command_stats().unwrap();
    let beaten = || async {
        let keys: Vec<String> = world.server.command(&["KEYS", "*"]).unwrap();
        let beats = keys.iter().filter(|key| key.starts_with("billing_cache:heartbeat:")).count();
        assert!(beats <= 1, "{keys:?}");
        for key in keys.iter().filter(|key| key.as_str() != "invoice:1") {
            let ttl: i64 = world.server.command(&["PTTL", key]).unwrap();
            assert_ne!(ttl, -1, "{key} would stay if the process died now");
        }
        world.server.calls("set").unwrap() >= 20
    };
    until(beaten).await;
}

#[tokio::test]
async fn one_heartbeat_is_announced_twice_and_so_is_enough() {
    let world = World::new();
    let cache = world.l1_cache_with(|options| options.cache.l1_staleness_bound_ms = 60_000).await;
    world.ledger.put(1, 7);
    until_in_l1(&cache, 1, 7).await;
    assert_eq!(world.server.calls("unlink").unwrap(), 1, "heartbeats");
}

/// Why an echo proves nothing about its own cycle of the server.
#[tokio::test]
async fn redis_announces_by_prefix_and_not_in_the_order_of_the_changes() {
    let world = World::new();
    let (sender, mut messages) = tokio::sync::mpsc::unbounded_channel();
    let config = redis::AsyncConnectionConfig::new().set_push_sender(sender);
    let client = redis::Client::open(format!("{}?protocol=resp3", world.server.url())).unwrap();
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await.unwrap();
    let mut tracking = redis::cmd("CLIENT");
    tracking.arg("TRACKING").arg("ON").arg("BCAST").arg("PREFIX").arg("heartbeat:").arg("PREFIX").arg("invoice:");
    tracking.exec_async(&mut connection).await.unwrap();
    let script = "redis.call('SET', KEYS[1], '') redis.call('SET', KEYS[2], '')";
    world.server.command::<()>(&["EVAL", script, "2", "invoice:1", "heartbeat:1"]).unwrap();
    for expected in ["heartbeat:1", "invoice:1"] {
        let message = tokio::time::timeout(PATIENT, messages.recv()).await.unwrap().unwrap();
        let keys = redis::Value::Array(vec![redis::Value::BulkString(expected.into())]);
        assert_eq!(message.data, [keys]);
    }
}

#[tokio::test]
async fn a_cache_without_l1_asks_for_no_announcements() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 7);
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::Loaded));
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::L2));
    assert!(world.clients(&['B']).is_empty());
    assert_eq!(world.server.calls("client|tracking").unwrap(), 0);
}

#[tokio::test]
async fn a_dropped_cache_stops_to_hear() {
    let world = World::new();
    let cache = world.l1_cache().await;
    world.ledger.put(1, 7);
    until_in_l1(&cache, 1, 7).await;
    assert_eq!(world.clients(&['B']).len(), 1);
    drop(cache);
    until(|| async { world.clients(&['B', 'N']).len() <= 1 }).await;
    assert!(world.clients(&['B']).is_empty());
}
