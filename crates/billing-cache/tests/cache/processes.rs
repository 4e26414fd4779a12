//! Which services are alive, how their breakers changed, and what the server's memory is used for: as any process sees
//! it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use billing_cache::{BreakerState, Cache, ClearMode, TypeInfo};

use crate::ledger::Ledger;
use crate::world::{World, invalidate, read, until};

const FLUSH_MS: u64 = 20;

async fn pids(cache: &Cache<Ledger>) -> Vec<u32> {
    cache.processes().await.unwrap().into_iter().map(|process| process.pid).collect()
}

#[tokio::test]
async fn services_show_themselves_and_tools_do_not() {
    let world = World::new();
    let before = SystemTime::now();
    let (first, second) = (world.service_with(|_| {}).await, world.service_with(|_| {}).await);
    let tool = world.cache().await;
    assert_eq!(pids(&tool).await, [0_u32; 0]);
    for cache in [&first, &second, &tool] {
        cache.flush_counters().await;
    }
    let found = tool.processes().await.unwrap();
    assert_eq!(found.len(), 2);
    assert_ne!(found[0].id, found[1].id);
    for process in found {
        assert_eq!(process.pid, std::process::id());
        assert!(!process.host.is_empty() && process.program.starts_with("cache"), "{process:?}");
        assert!(process.started + Duration::from_millis(1) >= before && process.seen >= process.started, "{process:?}");
        assert_eq!((process.breaker, process.uses_redis), (BreakerState::Closed, true));
        assert_eq!((process.l1_live, process.suspects), (None, 0));
    }
}

#[tokio::test]
async fn a_service_that_ends_is_forgotten_and_one_that_goes_on_is_not() {
    let world = World::new();
    let flush = |options: &mut crate::world::Options| options.cache.counters_flush_ms = FLUSH_MS;
    let (going_on, ending) = (world.service_with(flush).await, world.service_with(flush).await);
    until(|| async { pids(&going_on).await.len() == 2 }).await;
    drop(ending);
    until(|| async { pids(&going_on).await.len() == 1 }).await;
    let of_one: i64 = world.server.command(&["PTTL", &process_keys(&world)[0]]).unwrap();
    assert!((1..=5_060).contains(&of_one), "{of_one}");
}

fn process_keys(world: &World) -> Vec<String> {
    world.server.command(&["KEYS", "billing_cache:{numbers}:process:*"]).unwrap()
}

#[tokio::test]
async fn what_a_service_could_not_tell_redis_is_shown_once_it_is_back() {
    let world = World::new();
    let service = world
        .service_with(|options| {
            options.redis.connect_timeout_ms = 500;
            options.redis.batch_timeout_ms = 500;
            options.redis.command_timeout_ms = 500;
            options.cache.invalidation_deadline_ms = 50;
            options.cache.breaker.open_ms = 600_000;
        })
        .await;
    world.ledger.put(1, 7);
    read(&service, 1).await;
    world.server.pause().unwrap();
    until(|| async {
        read(&service, 1).await;
        service.breaker_state() == BreakerState::Open
    })
    .await;
    service.flush_counters().await;
    let opened = SystemTime::now();
    world.server.resume().unwrap();
    until(|| async {
        service.flush_counters().await;
        service.breaker_changes(UNIX_EPOCH).await.is_ok_and(|changes| !changes.is_empty())
    })
    .await;
    for _ in 0..3 {
        service.flush_counters().await;
    }
    let changes = service.breaker_changes(UNIX_EPOCH).await.unwrap();
    assert_eq!(changes.len(), 1, "sent until it is known to be there, and there once: {changes:?}");
    assert_eq!(changes[0].state, BreakerState::Open);
    assert!(changes[0].at <= opened && changes[0].reason.contains("% of the calls"), "{changes:?}");
    assert!(changes[0].process.ends_with(&format!("/{}", std::process::id())), "{changes:?}");
    assert_eq!(service.processes().await.unwrap()[0].breaker, BreakerState::Open);
    assert!(service.breaker_changes(opened + Duration::from_secs(60)).await.unwrap().is_empty());
}

#[tokio::test]
async fn keys_that_redis_was_not_told_of_are_counted_as_suspect() {
    let world = World::new();
    let service = world.service_with(|options| options.cache.invalidation_deadline_ms = 50).await;
    world.server.command::<()>(&["ACL", "SETUSER", "default", "-unlink"]).unwrap();
    let _ = invalidate(&service, &[1, 2]).await;
    service.flush_counters().await;
    assert_eq!(service.processes().await.unwrap()[0].suspects, 2);
}

#[tokio::test]
async fn whatever_else_stands_in_redis_is_passed_over() {
    let world = World::new();
    let service = world.service_with(|_| {}).await;
    service.flush_counters().await;
    let set = |key: &str, value: &str| world.set_raw(key, value);
    let known: String = world.server.command(&["GET", &process_keys(&world)[0]]).unwrap();
    set("billing_cache:{numbers}:process:rubbish", "rubbish");
    set("billing_cache:{numbers}:process:strange", &known.replace("closed", "ajar"));
    set("billing_cache:{numbers}:process:late", &known.replace("\"seen_ms\":", "\"seen_ms\":9999999999"));
    let started = known.find("\"started_ms\":").expect("it says when it started") + "\"started_ms\":".len();
    set(
        "billing_cache:{numbers}:process:nanos",
        &format!("{}000000{}", &known[..started + 13], &known[started + 13..]),
    );
    world.server.command::<()>(&["RPUSH", "billing_cache:{numbers}:process:list", "a"]).unwrap();
    for id in ["rubbish", "strange", "late", "nanos", "list", "gone", ""] {
        world.server.command::<()>(&["ZADD", "billing_cache:{numbers}:processes", "9e300", id]).unwrap();
    }
    let processes = service.processes().await.unwrap();
    assert!(processes.iter().any(|process| process.pid == std::process::id()));
    assert!(processes.iter().all(|process| process.id != "nanos"), "no calendar shows when it started");
    let change = r#"{"process":"a","id":"b","number":1,"state":"open","reason":"x"}"#;
    for (score, member) in [("1", "rubbish"), ("inf", "{}"), ("-1", change), ("9e16", change)] {
        world.server.command::<()>(&["ZADD", "billing_cache:{numbers}:breaker", score, member]).unwrap();
    }
    assert!(service.breaker_changes(UNIX_EPOCH).await.unwrap().is_empty());
    for key in ["billing_cache:{numbers}:processes", "billing_cache:{numbers}:breaker"] {
        world.server.command::<()>(&["DEL", key]).unwrap();
        set(key, "another type");
    }
    service.flush_counters().await;
    assert!(service.processes().await.unwrap().is_empty());
    assert!(service.breaker_changes(UNIX_EPOCH).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_clear_leaves_the_processes_alone() {
    let world = World::new();
    let service = world.service_with(|_| {}).await;
    service.flush_counters().await;
    let types: Vec<TypeInfo> = service.types().copied().collect();
    service.clear(&types, ClearMode::Remove, &mut |_| {}).await.unwrap();
    assert_eq!(pids(&service).await.len(), 1);
    assert_eq!(service.survey().await.unwrap().foreign, 0);
}

#[tokio::test]
async fn memory_is_what_the_server_says() {
    let world = World::new();
    let cache = world.cache().await;
    assert_eq!(cache.memory().await.unwrap().limit_bytes, None);
    world.set_limit("100mb", "allkeys-lru");
    let memory = cache.memory().await.unwrap();
    assert_eq!((memory.limit_bytes, memory.policy.as_str(), memory.evicted_keys), (Some(100 << 20), "allkeys-lru", 0));
    assert!(memory.used_bytes > 100_000, "{memory:?}");
}
