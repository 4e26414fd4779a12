//! Redis Sentinel: the cache uses the server that the sentinels call the primary, and follows them.

use billing_cache::{Cache, Tier};
use test_support::{Authority, ClientCertificates, Lifetime, RedisGroup, RedisOptions, RedisServer};

use crate::ledger::Ledger;
use crate::world::{World, invalidate, read, until};

/// A cache over the group; the server of the world, which the settings name too, must not be used.
async fn cache_over(world: &World, group: &RedisGroup) -> Cache<Ledger> {
    let cache = world.cache_with(|options| {
        options.redis.sentinels = group.sentinels();
        options.redis.sentinel_master = group.master().to_owned();
        options.redis.command_timeout_ms = 500;
    });
    cache.await
}

fn holds(server: &RedisServer, key: &str) -> bool {
    server.command(&["EXISTS", key]).unwrap()
}

/// Reads until this server is filled, and shows that the other one was not.
async fn until_used(world: &World, cache: &Cache<Ledger>, server: &RedisServer) {
    // It may have the value from its primary.
    server.command::<()>(&["DEL", "invoice:1"]).unwrap();
    until(|| async { read(cache, 1).await.1 == Tier::L2 && holds(server, "invoice:1") }).await;
    assert!(!holds(&world.server, "invoice:1"), "that is not the server of the sentinels");
}

#[tokio::test]
async fn a_failover_that_somebody_asks_for_is_followed() {
    let (world, group) = (World::new(), RedisGroup::start(&RedisOptions::default()).unwrap());
    let (old, new) = group.roles().unwrap();
    let cache = cache_over(&world, &group).await;
    cache.check_redis().await.unwrap();
    until_used(&world, &cache, old).await;
    group.fail_over().unwrap();
    group.wait_until_primary(new).unwrap();
    until_used(&world, &cache, new).await;
    until(|| async { invalidate(&cache, &[1]).await.is_done() }).await;
    assert!(!holds(new, "invoice:1"));
    cache.check_redis().await.unwrap();
}

#[tokio::test]
async fn a_primary_that_is_killed_is_left_for_its_successor() {
    let (world, group) = (World::new(), RedisGroup::start(&RedisOptions::default()).unwrap());
    let (old, new) = group.roles().unwrap();
    let cache = cache_over(&world, &group).await;
    until_used(&world, &cache, old).await;
    old.kill().unwrap();
    group.wait_until_primary(new).unwrap();
    until_used(&world, &cache, new).await;
    cache.check_redis().await.unwrap();
}

#[tokio::test]
async fn a_primary_that_hangs_and_wakes_up_deposed_is_not_used_again() {
    let (world, group) = (World::new(), RedisGroup::start(&RedisOptions::default()).unwrap());
    let (old, new) = group.roles().unwrap();
    let cache = cache_over(&world, &group).await;
    until_used(&world, &cache, old).await;
    depose_hanging(&world, &cache, &group).await;
    for _ in 0..3 {
        lose_connections(&cache, new).await;
        until_used(&world, &cache, new).await;
        assert!(is_deposed_primary(old) && !holds(old, "invoice:1"));
    }
}

#[tokio::test]
async fn a_deposed_primary_is_not_dialled_because_a_majority_has_not_heard_of_its_successor() {
    let (world, group) = (World::new(), RedisGroup::start(&RedisOptions::default()).unwrap());
    let (old, new) = group.roles().unwrap();
    let cache = cache_over(&world, &group).await;
    depose_hanging(&world, &cache, &group).await;
    group.sentinel(0).pause().unwrap();
    for forgetful in [group.sentinel(1), group.sentinel(2)] {
        forgetful.command::<()>(&["SENTINEL", "REMOVE", group.master()]).unwrap();
        let port = old.port().to_string();
        forgetful.command::<()>(&["SENTINEL", "MONITOR", group.master(), "127.0.0.1", &port, "2"]).unwrap();
    }
    for _ in 0..3 {
        lose_connections(&cache, new).await;
        let told = cache.check_redis().await.unwrap_err().to_string();
        let expected =
            format!("the sentinels name 127.0.0.1:{}, which 127.0.0.1:{} has succeeded", old.port(), new.port());
        assert!(told.contains(&expected), "{told}");
        assert_eq!(read(&cache, 1).await.1, Tier::Bypassed);
        assert!(is_deposed_primary(old) && !holds(old, "invoice:1"));
    }
    group.sentinel(0).resume().unwrap();
    until_used(&world, &cache, new).await;
    assert!(is_deposed_primary(old) && !holds(old, "invoice:1"));
}

/// Lets the primary hang until the cache uses its successor. Then it goes on, empty, and takes itself for the primary.
async fn depose_hanging(world: &World, cache: &Cache<Ledger>, group: &RedisGroup) {
    let (old, new) = group.roles().unwrap();
    until_used(world, cache, old).await;
    old.command::<()>(&["DEL", "invoice:1"]).unwrap();
    // The sentinels would make it a replica, and soon.
    old.command::<()>(&["ACL", "SETUSER", "default", "-replicaof", "-slaveof"]).unwrap();
    old.pause().unwrap();
    group.wait_until_primary(new).unwrap();
    until_used(world, cache, new).await;
    old.resume().unwrap();
}

fn is_deposed_primary(server: &RedisServer) -> bool {
    server.info("replication").unwrap()["role"] == "master"
}

/// Breaks all connections to a server until a read notices.
async fn lose_connections(cache: &Cache<Ledger>, server: &RedisServer) {
    let is_lost = || async {
        server.command::<()>(&["CLIENT", "KILL", "TYPE", "normal"]).unwrap();
        read(cache, 1).await.1 == Tier::Bypassed
    };
    until(is_lost).await;
}

#[tokio::test]
async fn sentinels_and_servers_may_speak_tls() {
    let authority = Authority::new().unwrap();
    let identity = authority.server("127.0.0.1", Lifetime::Valid).unwrap();
    let options = RedisOptions::default().tls(&authority, &identity, ClientCertificates::Ignored);
    let group = RedisGroup::start(&options.config("tls-replication", "yes")).unwrap();
    let (world, (primary, _)) = (World::new(), group.roles().unwrap());
    let cache = world.cache_with(|options| {
        options.redis.sentinels = group.sentinels();
        options.redis.sentinel_master = group.master().to_owned();
        (options.redis.tls, options.redis.tls_ca_file) = (true, authority.file());
    });
    until_used(&world, &cache.await, primary).await;
}

#[tokio::test]
async fn what_is_wrong_with_the_sentinels_is_said() {
    let (world, primary) = (World::new(), RedisServer::start().unwrap());
    let sentinel = RedisOptions::sentinel_of("billing", &primary).password("sesame").start().unwrap();
    let address = format!("127.0.0.1:{}", sentinel.port());
    for (sentinels, master, password, expected) in [
        ("127.0.0.1:1", "billing", "", "no sentinel answers: 127.0.0.1:1: "),
        (&address, "invoicing", "sesame", "the sentinels know no master \"invoicing\"; set REDIS_SENTINEL_MASTER"),
        (&address, "billing", "hunter2", "check REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD"),
        (&address, "billing", "", "check REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD"),
        (&format!("127.0.0.1:{}", primary.port()), "billing", "", "is REDIS_SENTINELS right?"),
    ] {
        let cache = world.cache_with(|options| {
            options.redis.sentinels = sentinels.to_owned();
            options.redis.sentinel_master = master.to_owned();
            options.redis.sentinel_password = password.into();
        });
        let cache = cache.await;
        let told = cache.check_redis().await.unwrap_err().to_string();
        assert!(told.contains(expected) && !told.contains("hunter2"), "{expected}: {told}");
        assert_eq!(read(&cache, 1).await.1, Tier::Bypassed);
    }
    sentinel.command::<()>(&[&["ACL", "SETUSER", "reader", "on", ">barley"][..], SMALLEST_RIGHTS].concat()).unwrap();
    let cache = world.cache_with(|options| {
        // One that is away does not matter.
        options.redis.sentinels = format!("127.0.0.1:1, {address}");
        options.redis.sentinel_master = "billing".into();
        options.redis.sentinel_username = "reader".into();
        options.redis.sentinel_password = "barley".into();
    });
    until_used(&world, &cache.await, &primary).await;
}

/// As `docs/operations.md` has them.
const SMALLEST_RIGHTS: &[&str] = &["+sentinel|get-master-addr-by-name", "+sentinel|master", "+sentinel|replicas"];
