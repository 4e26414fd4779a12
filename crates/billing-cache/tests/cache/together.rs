//! Reads that wait for Redis travel together, and each is still a read of its own: with its own answer, its own limit,
//! and its own end.

use std::time::Duration;

use billing_cache::{Cache, Event, Tier};
use test_support::{FaultProxy, Wire};
use tokio::task::JoinHandle;

use crate::ledger::{Invoices, Ledger};
use crate::proxy::Proxy;
use crate::world::{World, read, reading, until, until_counted};

const READERS: i32 = 64;
type Read = (Option<u64>, Tier);

/// Puts an invoice under each of these ids into Redis and into the ledger; its version is the id.
fn put_all(world: &World, ids: impl Iterator<Item = i32>) {
    for id in ids {
        world.ledger.put(id, version(id));
        world.set_raw(&format!("invoice:{id}"), &format!(r#"{{"version":{id}}}"#));
    }
}

fn version(id: i32) -> u64 {
    u64::try_from(id).unwrap()
}

fn readers(cache: &Cache<Ledger>, ids: impl Iterator<Item = i32>) -> Vec<(i32, JoinHandle<Read>)> {
    ids.map(|id| (id, reading(cache, id))).collect()
}

async fn behind(world: &World, port: u16) -> Cache<Ledger> {
    world.cache_with(|options| options.redis.port = port).await
}

/// Waits until Redis has executed so many GETs in all.
async fn until_asked(world: &World, times: u64) {
    until(|| async { world.server.calls("get").unwrap() >= times }).await;
}

async fn all_read(readers: Vec<(i32, JoinHandle<Read>)>, tier: Tier) {
    for (id, reader) in readers {
        assert_eq!(reader.await.unwrap(), (Some(version(id)), tier));
    }
}

#[tokio::test]
async fn each_of_many_readers_at_once_gets_the_value_of_its_key() {
    let world = World::new();
    let cache = world.cache().await;
    put_all(&world, 1..=500);
    let asked = world.server.calls("get").unwrap();
    all_read(readers(&cache, 1..=500), Tier::L2).await;
    assert_eq!(world.server.calls("get").unwrap() - asked, 500, "one GET for each");
}

#[tokio::test]
async fn so_does_each_of_a_type_with_l1_with_the_time_to_live() {
    let world = World::new();
    let cache = world.l1_cache().await;
    put_all(&world, 1..=READERS);
    let [gets, pttls] = ["get", "pttl"].map(|command| world.server.calls(command).unwrap());
    all_read(readers(&cache, 1..=READERS), Tier::L2).await;
    assert!(world.server.calls("get").unwrap() - gets >= version(READERS));
    assert!(world.server.calls("pttl").unwrap() - pttls >= version(READERS));
}

/// Who asks after a write was acknowledged must not get an answer to a question that was sent before it.
#[tokio::test]
async fn who_asks_while_an_older_question_is_on_its_way_gets_the_answer_to_his_own() {
    let world = World::new();
    let proxy = Proxy::to(world.server.port()).await;
    let (reader, writer) = (behind(&world, proxy.port()).await, world.cache().await);
    put_all(&world, 1..=1);
    let asked = world.server.calls("get").unwrap();
    proxy.hold_replies();
    let early = readers(&reader, [1, 1, 1].into_iter());
    until_asked(&world, asked + 3).await;
    world.write(&writer, 1, 2).await;
    read(&writer, 1).await;
    let late: Vec<_> = (0..3).map(|_| reading(&reader, 1)).collect();
    until_asked(&world, asked + 3 + 3).await;
    proxy.release_replies();
    all_read(early, Tier::L2).await;
    for late in late {
        assert_eq!(late.await.unwrap(), (Some(2), Tier::L2));
    }
}

#[tokio::test]
async fn readers_who_leave_take_no_answer_of_others_with_them() {
    let world = World::new();
    let proxy = Proxy::to(world.server.port()).await;
    let cache = behind(&world, proxy.port()).await;
    put_all(&world, 1..=READERS);
    let asked = world.server.calls("get").unwrap();
    proxy.hold_replies();
    // The first goes alone, the others together.
    let mut leaving = readers(&cache, 1..=1);
    until_asked(&world, asked + 1).await;
    let (gone, staying): (Vec<_>, Vec<_>) = readers(&cache, 2..=READERS).into_iter().partition(|(id, _)| id % 2 == 0);
    until_asked(&world, asked + version(READERS)).await;
    leaving.extend(gone);
    for (_, reader) in leaving {
        reader.abort();
        assert!(reader.await.unwrap_err().is_cancelled());
    }
    proxy.release_replies();
    all_read(staying, Tier::L2).await;
    all_read(readers(&cache, 1..=READERS), Tier::L2).await;
    assert_eq!(cache.count::<Invoices>(Event::RedisError), 0);
}

#[tokio::test]
async fn a_connection_that_breaks_with_a_group_on_its_way_makes_each_of_it_read_the_database() {
    let world = World::new();
    let wire = FaultProxy::start(world.server.port()).await.unwrap();
    let cache = behind(&world, wire.port()).await;
    put_all(&world, 1..=READERS);
    wire.set(Wire::Stall);
    let readers = readers(&cache, 1..=READERS);
    tokio::task::yield_now().await;
    wire.reset();
    all_read(readers, Tier::Bypassed).await;
    wire.set(Wire::Pass);
    until(|| async { read(&cache, 1).await == (Some(1), Tier::L2) }).await;
}

#[tokio::test]
async fn each_of_a_group_waits_for_a_redis_that_hangs_for_its_own_limit_and_counts_its_own_failure() {
    let world = World::new();
    let cache = world
        .cache_with(|options| {
            options.redis.command_timeout_ms = 150;
            options.cache.breaker.min_calls = 1_000;
        })
        .await;
    put_all(&world, 1..=READERS);
    world.server.pause().unwrap();
    all_read(readers(&cache, 1..=READERS), Tier::Bypassed).await;
    assert_eq!(cache.count::<Invoices>(Event::RedisError), version(READERS));
    world.server.resume().unwrap();
    until(|| async { read(&cache, 1).await == (Some(1), Tier::L2) }).await;
}

#[tokio::test]
async fn while_the_breaker_is_on_trial_only_as_many_of_a_group_are_sent_as_a_trial_has_calls() {
    let world = World::new();
    let cache = world
        .cache_with(|options| {
            options.redis.command_timeout_ms = 150;
            options.cache.breaker.open_ms = 1;
        })
        .await;
    put_all(&world, 1..=READERS);
    world.server.pause().unwrap();
    all_read(readers(&cache, 1..=READERS), Tier::Bypassed).await;
    let failed = cache.count::<Invoices>(Event::RedisError);
    all_read(readers(&cache, 1..=READERS), Tier::Bypassed).await;
    let trial = u64::from(world.options().cache.breaker.trial_calls);
    // A trial that failed is followed by the next.
    assert!(cache.count::<Invoices>(Event::RedisError) - failed <= 2 * trial);
    world.server.resume().unwrap();
    until(|| async { read(&cache, 1).await == (Some(1), Tier::L2) }).await;
}

#[tokio::test]
async fn a_key_that_cannot_be_read_is_of_no_concern_to_the_others_of_its_group() {
    let world = World::new();
    put_all(&world, 1..=READERS);
    let acl = ["ACL", "SETUSER", "reader", "on", ">sesame", "+@all", "~*"];
    world.server.command::<()>(&acl).unwrap();
    let cache = world
        .cache_with(|options| {
            options.redis.username = "reader".into();
            options.redis.password = "sesame".to_owned().into();
        })
        .await;
    let keys: Vec<String> = (1..READERS).map(|id| format!("~invoice:{id}")).collect();
    let only: Vec<&str> =
        ["ACL", "SETUSER", "reader", "resetkeys"].into_iter().chain(keys.iter().map(AsRef::as_ref)).collect();
    world.server.command::<()>(&only).unwrap();
    let _: u64 = world.server.command(&["DEL", "invoice:1"]).unwrap();
    let _: u64 = world.server.command(&["HSET", "invoice:1", "version", "1"]).unwrap();
    let all = readers(&cache, 1..=READERS);
    for (id, reader) in all {
        let (version_read, tier) = reader.await.unwrap();
        assert_eq!(version_read, Some(version(id)));
        assert_eq!(tier == Tier::L2, (2..READERS).contains(&id), "{id}: {tier:?}");
    }
    assert_eq!(cache.count::<Invoices>(Event::Undecodable), 1, "of another Redis type");
}

/// Nobody waits for the answer to another: 64 tasks on a wire of 30 ms have a limit of a few round trips for each read.
#[tokio::test]
async fn a_far_redis_is_asked_for_every_read() {
    let world = World::new();
    let wire = FaultProxy::start(world.server.port()).await.unwrap();
    let cache = behind(&world, wire.port()).await;
    put_all(&world, 1..=READERS);
    wire.set(Wire::DelayReplies(Duration::from_millis(30)));
    let tasks: Vec<_> = (1..=READERS)
        .map(|id| {
            let cache = cache.clone();
            tokio::spawn(async move {
                for _ in 0..20 {
                    assert_eq!(read(&cache, id).await, (Some(version(id)), Tier::L2));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    until_counted::<Invoices>(&cache, Event::HitL2, 20 * version(READERS)).await;
    assert_eq!(cache.count::<Invoices>(Event::Bypass), 0);
}

#[test]
fn a_cache_whose_runtime_has_ended_keeps_no_reader_of_another_runtime_waiting() {
    let world = World::new();
    put_all(&world, 1..=READERS);
    let first = tokio::runtime::Runtime::new().unwrap();
    let cache = first.block_on(world.cache());
    first.block_on(async { assert_eq!(read(&cache, 1).await.1, Tier::L2) });
    drop(first);
    let second = tokio::runtime::Runtime::new().unwrap();
    second.block_on(async { all_read(readers(&cache, 1..=READERS), Tier::Bypassed).await });
}
