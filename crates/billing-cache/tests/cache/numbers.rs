//! Counts and distributions of several processes in buckets of a minute and of an hour.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use billing_cache::{Bucket, Cache, ClearMode, Distribution, Event, Numbers, PROCESS_WIDE, Resolution, TypeInfo};

use crate::ledger::Ledger;
use crate::world::{World, read, until};

async fn world_and_cache() -> (World, Cache<Ledger>) {
    let world = World::new();
    let cache = world.cache_with(|options| options.cache.usage_keys = 0).await;
    (world, cache)
}

/// The last so many minutes, this one included.
async fn minutes(cache: &Cache<Ledger>, count: u64) -> Vec<Bucket> {
    let now = SystemTime::now();
    let from = now - Duration::from_secs(60 * (count - 1));
    cache.history(Resolution::Minute, from, now).await.unwrap()
}

async fn sum_of_minutes(cache: &Cache<Ledger>) -> Numbers {
    let mut sum = Numbers::default();
    minutes(cache, 3).await.into_iter().for_each(|bucket| sum += bucket.numbers);
    sum
}

fn unix_minute() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 60
}

#[tokio::test]
async fn what_two_processes_counted_and_recorded_adds_up() {
    let (world, first) = world_and_cache().await;
    let second = world.cache_with(|options| options.cache.usage_keys = 0).await;
    for (cache, times) in [(&first, 3), (&second, 5)] {
        for value in [1_000, 50_000, 2_000_000] {
            (0..times).for_each(|_| cache.record("invoices", Distribution::InvalidationDelay, value));
        }
        cache.count_many("invoices", Event::AuditRight, times);
        cache.record(PROCESS_WIDE, Distribution::BacklogRows, times);
        cache.record("no such type", Distribution::BacklogRows, times);
        cache.flush_counters().await;
    }
    let hour = first.usage(2).await.unwrap();
    let minutes = sum_of_minutes(&second).await;
    for (numbers, accuracy) in [(minutes, 10), (hour, 6)] {
        assert_eq!(numbers.count("invoices", Event::AuditRight), 8);
        let delays = numbers.histogram("invoices", Distribution::InvalidationDelay);
        assert_eq!(delays.len(), 24);
        for (percentile, value) in [(10.0, 1_000_u64), (50.0, 50_000), (90.0, 2_000_000)] {
            let found = delays.value_at_percentile(percentile);
            assert!(found.abs_diff(value) * accuracy <= value, "{found} for {value}");
        }
        assert_eq!(numbers.histogram(PROCESS_WIDE, Distribution::BacklogRows).len(), 2);
        assert!(numbers.histogram("invoices", Distribution::AgeAtServe).is_empty());
    }
    let own = first.own_numbers();
    assert_eq!(own.count("invoices", Event::AuditRight), 3);
    assert_eq!(own.histogram("invoices", Distribution::InvalidationDelay).len(), 9);
}

#[tokio::test]
async fn a_history_has_every_bucket_and_no_more_than_are_kept() {
    let (_world, cache) = world_and_cache().await;
    read(&cache, 1).await;
    cache.flush_counters().await;
    let found = minutes(&cache, 30).await;
    assert_eq!(found.len(), 30);
    assert!(found.windows(2).all(|pair| pair[1].start == pair[0].start + pair[0].length));
    assert!(found[..27].iter().all(|bucket| bucket.numbers.is_empty()));
    let (now, never) = (SystemTime::now(), UNIX_EPOCH);
    for (resolution, kept) in [(Resolution::Minute, 25 * 60), (Resolution::Hour, 31 * 24)] {
        let all = cache.history(resolution, never, now + Duration::from_secs(1 << 40)).await.unwrap();
        assert_eq!(all.len(), kept);
        assert_eq!(all.iter().map(|bucket| bucket.numbers.count("invoices", Event::Miss)).sum::<u64>(), 1);
    }
    assert!(cache.history(Resolution::Minute, now, never).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_flush_is_one_pipeline_of_additions_that_expire_and_survive_a_clear() {
    let (world, cache) = world_and_cache().await;
    read(&cache, 1).await;
    world.server.reset_command_stats().unwrap();
    cache.flush_counters().await;
    let names: Vec<String> = world.server.command(&["KEYS", "billing_cache:*"]).unwrap();
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(world.server.calls("expire").unwrap(), 2);
    let types: Vec<TypeInfo> = cache.types().copied().collect();
    cache.clear(&types, ClearMode::Remove, &mut |_| {}).await.unwrap();
    for name in names {
        let ttl: u64 = world.server.command(&["TTL", &name]).unwrap();
        let kept = if name.contains(":minute:") { 25 * 3600 } else { 31 * 24 * 3600 };
        assert!((kept - 60..=kept).contains(&ttl), "{name} {ttl}");
    }
}

#[tokio::test]
async fn what_a_full_redis_refused_is_added_once_when_it_has_room() {
    let (world, cache) = world_and_cache().await;
    cache.count_many("invoices", Event::AuditRight, 7);
    world.server.command::<()>(&["CONFIG", "SET", "maxmemory", "1"]).unwrap();
    cache.flush_counters().await;
    assert_eq!(cache.usage(2).await.unwrap(), Numbers::default());
    world.server.command::<()>(&["CONFIG", "SET", "maxmemory", "0"]).unwrap();
    for _ in 0..3 {
        cache.flush_counters().await;
    }
    assert_eq!(cache.usage(2).await.unwrap().count("invoices", Event::AuditRight), 7);
}

#[tokio::test]
async fn what_is_counted_while_redis_is_away_is_added_once_it_is_back() {
    let (world, cache) = world_and_cache().await;
    world.server.kill().unwrap();
    until(|| async { read(&cache, 1).await.1 == billing_cache::Tier::Bypassed && !cache.uses_redis() }).await;
    let bypassed = cache.count_of("invoices", Event::Bypass);
    for _ in 0..3 {
        cache.flush_counters().await;
    }
    world.server.restart().unwrap();
    until(|| async { cache.uses_redis() }).await;
    cache.flush_counters().await;
    cache.flush_counters().await;
    assert_eq!(cache.usage(2).await.unwrap().count("invoices", Event::Bypass), bypassed);
}

#[tokio::test]
async fn whatever_else_stands_in_a_bucket_is_passed_over() {
    let (world, cache) = world_and_cache().await;
    cache.count_many("invoices", Event::HitL2, 3);
    cache.flush_counters().await;
    let minute = unix_minute();
    for minute in [minute - 1, minute] {
        let key = format!("billing_cache:{{numbers}}:minute:{minute}:invoices");
        for (field, value) in [
            ("hit_l1", "many"),
            ("miss", "-5"),
            ("hit_l3", "1"),
            ("miss_time:9223372036854775808", "1"),
            ("miss_time:0.5", "1"),
            ("miss_time:-1", "1"),
            ("made_up_time:5", "1"),
            (":", "1"),
            ("", "1"),
            ("load_time:1000", "99999999999999999999"),
        ] {
            world.server.command::<()>(&["HSET", &key, field, value]).unwrap();
        }
        world.server.command::<()>(&["HSET", &key, "load_time:5000", &u64::MAX.to_string()]).unwrap();
        let made_up = format!("billing_cache:{{numbers}}:minute:{minute}:made_up");
        world.server.command::<()>(&["HSET", &made_up, "hit_l2", "1"]).unwrap();
        world.set_raw(&format!("billing_cache:{{numbers}}:minute:{minute}:user_credit_notes"), "no hash");
    }
    let sum = sum_of_minutes(&cache).await;
    let counts = [Event::HitL1, Event::HitL2, Event::Miss].map(|event| sum.count("invoices", event));
    assert_eq!(counts, [0, 3, 0]);
    assert!(sum.histogram("invoices", Distribution::MissTime).is_empty());
    assert_eq!(sum.histogram("invoices", Distribution::LoadTime).len(), u64::MAX, "no more than fits");
    assert_eq!(sum.count("made_up", Event::HitL2), 0);
    cache.count_many("user_credit_notes", Event::HitL2, 1);
    cache.count_many("active_discounts", Event::HitL2, 1);
    cache.flush_counters().await;
    assert_eq!(sum_of_minutes(&cache).await.count("active_discounts", Event::HitL2), 1, "the others are kept");
}

#[tokio::test]
async fn a_hash_with_too_many_fields_is_not_read_to_its_end() {
    let (world, cache) = world_and_cache().await;
    let key = format!("billing_cache:{{numbers}}:minute:{}:invoices", unix_minute());
    let fields = (1_000_000..1_060_000).map(|value| format!("miss_time:{value}"));
    let words: Vec<String> = fields.flat_map(|field| [field, "1".to_owned()]).collect();
    let words: Vec<&str> = ["HSET", &key].into_iter().chain(words.iter().map(String::as_str)).collect();
    world.server.command::<()>(&words).unwrap();
    let read = sum_of_minutes(&cache).await.histogram("invoices", Distribution::MissTime).len();
    assert!((1..60_000).contains(&read), "{read}");
}

#[tokio::test]
async fn a_bad_minute_and_a_bad_hour_of_a_type_stay_in_the_compact_form_of_redis() {
    let (world, cache) = world_and_cache().await;
    // From the fastest to the slowest, in nanoseconds.
    let spread = [
        (Distribution::HitL1Time, 100, 20_000),
        (Distribution::HitL2Time, 50_000, 20_000_000),
        (Distribution::MissTime, 500_000, 500_000_000),
        (Distribution::LoadTime, 300_000, 500_000_000),
        (Distribution::InvalidationDelay, 200_000, 250_000_000),
        (Distribution::AgeAtServe, 1_000_000_000, 300_000_000_000),
    ];
    for (distribution, fastest, slowest) in spread {
        let values = std::iter::successors(Some(fastest), |value| Some(value + value / 32));
        values.take_while(|value| *value < slowest).for_each(|value| cache.record("invoices", distribution, value));
    }
    for event in Event::ALL {
        cache.count_many("invoices", event, 1_000_000);
    }
    cache.flush_counters().await;
    for (bucket, most_bytes) in [("minute", 14_000), ("hour", 8_000)] {
        let names: Vec<String> =
            world.server.command(&["KEYS", &format!("billing_cache:{{numbers}}:{bucket}:*")]).unwrap();
        let encoding: String = world.server.command(&["OBJECT", "ENCODING", &names[0]]).unwrap();
        let bytes: u64 = world.server.command(&["MEMORY", "USAGE", &names[0]]).unwrap();
        let fields: u64 = world.server.command(&["HLEN", &names[0]]).unwrap();
        println!("{bucket}: {fields} fields, {bytes} bytes");
        assert_ne!(encoding, "hashtable");
        assert!(bytes < most_bytes, "{bytes}");
    }
}
