//! Hot keys: what all processes together are asked for most, however an answer came about, and whatever else is in
//! Redis.

use billing_cache::{Cache, ClearMode, HotKeys, TypeInfo};

use crate::ledger::{CreditNotes, Discounts, InvoiceId, Invoices, Ledger, UserId};
use crate::world::{World, read, until};

/// Sampling errs by less than this: more than six standard deviations for the counts below.
const TOLERANCE: f64 = 0.35;

fn invoices() -> TypeInfo {
    TypeInfo::of::<Invoices>()
}

async fn read_often(cache: &Cache<Ledger>, id: i32, times: usize) {
    for _ in 0..times {
        read(cache, id).await;
    }
}

async fn hot_invoices(cache: &Cache<Ledger>, limit: usize) -> HotKeys {
    cache.hot_keys(&invoices(), limit).await.unwrap()
}

fn texts(found: &HotKeys) -> Vec<&str> {
    found.keys.iter().map(|key| key.text.as_str()).collect()
}

fn share(found: &HotKeys, text: &str) -> f64 {
    let key = found.keys.iter().find(|key| key.text == text);
    key.map_or(0.0, |key| key.reads_per_hour) / found.reads_per_hour
}

fn is_near(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= TOLERANCE * expected
}

/// The sorted set of the invoices' reads.
fn set_of_invoices(world: &World) -> String {
    let names: Vec<String> = world.server.command(&["KEYS", "billing_cache:{numbers}:reads:*:invoices"]).unwrap();
    assert_eq!(names.len(), 1, "{names:?}");
    names.into_iter().next().unwrap()
}

#[tokio::test]
async fn the_reads_of_several_processes_are_added_up_and_outlive_them() {
    let world = World::new();
    for process in [world.cache().await, world.cache().await] {
        read_often(&process, 1, 2_400).await;
        read_often(&process, 2, 1_200).await;
        read_often(&process, 3, 1).await;
        process.flush_counters().await;
    }
    let found = hot_invoices(&world.cache().await, 2).await;
    assert_eq!(texts(&found), ["invoice:1", "invoice:2"]);
    assert!(
        is_near(share(&found, "invoice:1"), 2.0 / 3.0) && is_near(share(&found, "invoice:2"), 1.0 / 3.0),
        "{found:?}"
    );
    let other = world.cache().await.hot_keys(&TypeInfo::of::<CreditNotes>(), 10).await.unwrap();
    assert_eq!(other, HotKeys::default(), "each type has its own");
}

#[tokio::test]
async fn reads_of_many_keys_and_of_the_memory_of_the_process_count_too() {
    let world = World::new();
    let cache = world
        .cache_with(|options| {
            let l1 = billing_cache::TypeSettings { ttl_seconds: None, absent_ttl_seconds: None, l1: Some(true) };
            options.cache.types.insert("invoices".into(), l1);
        })
        .await;
    for _ in 0..1_000 {
        cache.get_many::<Invoices>(&[InvoiceId(1), InvoiceId(2)]).await.unwrap();
        read(&cache, 3).await;
    }
    cache.flush_counters().await;
    let found = hot_invoices(&cache, 10).await;
    assert_eq!(found.keys.len(), 3);
    for key in ["invoice:1", "invoice:2", "invoice:3"] {
        assert!(is_near(share(&found, key), 1.0 / 3.0), "{found:?}");
    }
}

#[tokio::test]
async fn a_clear_leaves_it_alone_and_a_survey_calls_it_bookkeeping() {
    let world = World::new();
    let cache = world.cache().await;
    read_often(&cache, 1, 400).await;
    cache.flush_counters().await;
    let before = texts(&hot_invoices(&cache, 10).await).join(" ");
    let types: Vec<TypeInfo> = cache.types().copied().collect();
    cache.clear(&types, ClearMode::Remove, &mut |_| {}).await.unwrap();
    assert_eq!(texts(&hot_invoices(&cache, 10).await).join(" "), before);
    let survey = cache.survey().await.unwrap();
    assert_eq!((survey.bookkeeping, survey.foreign), (4, 0), "a minute, an hour, reads of invoices, sums of reads");
}

#[tokio::test]
async fn every_set_expires_and_holds_no_more_than_its_limit() {
    let world = World::new();
    let cache = world.cache_with(|options| options.cache.usage_keys = 5).await;
    for id in 0..40 {
        read_often(&cache, id, if id < 3 { 600 } else { 30 }).await;
        cache.flush_counters().await;
    }
    assert_eq!(world.server.command::<u64>(&["ZCARD", &set_of_invoices(&world)]).unwrap(), 5);
    let found = hot_invoices(&cache, 3).await;
    let mut hottest = texts(&found);
    hottest.sort_unstable();
    assert_eq!(hottest, ["invoice:0", "invoice:1", "invoice:2"]);
    let names: Vec<String> = world.server.command(&["KEYS", "billing_cache:{numbers}:reads:*"]).unwrap();
    for name in names {
        assert!(world.server.command::<i64>(&["TTL", &name]).unwrap() > 0, "{name}");
    }
}

#[tokio::test]
async fn what_was_read_while_redis_was_away_is_sent_later() {
    let world = World::new();
    let cache = world.impatient_cache().await;
    world.server.kill().unwrap();
    until(|| async {
        read(&cache, 1).await;
        !cache.uses_redis()
    })
    .await;
    read_often(&cache, 1, 400).await;
    cache.flush_counters().await;
    world.server.restart().unwrap();
    until(|| async {
        cache.flush_counters().await;
        cache.hot_keys(&invoices(), 10).await.is_ok_and(|found| texts(&found) == ["invoice:1"])
    })
    .await;
}

#[tokio::test]
async fn rubbish_in_redis_does_no_harm() {
    let world = World::new();
    let cache = world.cache().await;
    read_often(&cache, 1, 400).await;
    cache.get::<CreditNotes>(&UserId(1)).await.unwrap();
    cache.flush_counters().await;
    let set = set_of_invoices(&world);
    for (score, member) in [
        ("1e300", "invoice:not-a-number"),
        ("1e300", ""),
        ("1e300", "user_credit_notes:1"),
        ("1e300", "other:program"),
        ("1e300", "billing_cache:{numbers}:reads"),
        ("+inf", "invoice:2"),
        ("-5", "invoice:3"),
    ] {
        world.server.command::<()>(&["ZADD", &set, score, member]).unwrap();
    }
    assert_eq!(texts(&hot_invoices(&cache, 10).await), ["invoice:1"]);
    world.server.command::<()>(&["SET", &set, "rubbish"]).unwrap();
    assert_eq!(texts(&hot_invoices(&cache, 10).await), Vec::<&str>::new());
    for _ in 0..400 {
        read(&cache, 1).await;
        cache.get::<Discounts>(&billing_cache::SingleKey).await.unwrap();
    }
    cache.flush_counters().await;
    let discounts = cache.hot_keys(&TypeInfo::of::<Discounts>(), 10).await.unwrap();
    assert_eq!(texts(&discounts), ["active_discounts"], "the other sets are kept");
    let usage = cache.usage(1).await.unwrap();
    assert!(usage.count("invoices", billing_cache::Event::HitL2) >= 798, "and so are the counters");
}

#[tokio::test]
async fn what_was_counted_under_the_landmark_before_counts_by_its_age() {
    let world = World::new();
    let cache = world.cache().await;
    read_often(&cache, 1, 400).await;
    cache.flush_counters().await;
    let set = set_of_invoices(&world);
    let score: f64 = world.server.command(&["ZSCORE", &set, "invoice:1"]).unwrap();
    let [name, half_life, period] = set.strip_suffix(":invoices").unwrap().rsplitn(3, ':').collect::<Vec<_>>()[..]
    else {
        panic!("{set}")
    };
    let (name, before) = (period, name.parse::<u64>().unwrap() - 1);
    let older = format!("{name}:{half_life}:{before}:invoices");
    for (member, share) in [("invoice:2", 2.0), ("invoice:3", 0.5)] {
        let weight = (score * share * 64_f64.exp2()).to_string();
        world.server.command::<()>(&["ZADD", &older, &weight, member]).unwrap();
    }
    let found = hot_invoices(&cache, 10).await;
    assert_eq!(texts(&found), ["invoice:2", "invoice:1", "invoice:3"]);
    let rates: Vec<f64> = found.keys.iter().map(|key| key.reads_per_hour).collect();
    assert!((rates[0] / rates[2] - 4.0).abs() < 1e-6, "{rates:?}");
}

#[tokio::test]
async fn it_can_be_turned_off() {
    let world = World::new();
    let cache = world.cache_with(|options| options.cache.usage_keys = 0).await;
    read_often(&cache, 1, 400).await;
    cache.flush_counters().await;
    assert_eq!(hot_invoices(&cache, 10).await, HotKeys::default());
    assert_eq!(
        world.server.command::<Vec<String>>(&["KEYS", "billing_cache:{numbers}:reads:*"]).unwrap(),
        Vec::<String>::new()
    );
}
