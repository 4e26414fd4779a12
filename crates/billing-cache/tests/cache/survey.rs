//! The survey counts everything once, and calls nothing ours that is not.

use billing_cache::{Cache, Measure, Pace, SingleKey, Survey, TtlDistribution};

use crate::ledger::{CreditNotes, Discounts, Ledger, UserId};
use crate::world::{World, read};

#[tokio::test]
async fn a_survey_tells_our_keys_leases_and_bookkeeping_from_what_is_foreign() {
    let world = World::new();
    // One read in sixteen is noted, which would be further keys now and then.
    let cache = world.cache_with(|options| options.cache.usage_keys = 0).await;
    for id in 1..=4 {
        read(&cache, id).await;
    }
    cache.get::<CreditNotes>(&UserId(1)).await.unwrap();
    cache.get::<Discounts>(&SingleKey).await.unwrap();
    cache.flush_counters().await;
    world.hold_lease("invoice:9");
    let foreign = ["invoices:1", "invoice:x", "lease:foo", "lease:{foo}", "session:1", "m:invoice:1"];
    foreign.iter().for_each(|name| world.set_raw(name, "not ours"));
    let _: u64 = world.server.command(&["HSET", "a hash", "a", "1"]).unwrap();
    let mut surveying = cache.surveying(Measure::Sample, Pace::unlimited()).await.unwrap();
    let mut seen = 0;
    while let Some(step) = surveying.step().await.unwrap() {
        seen += step;
    }
    let survey = surveying.so_far();
    assert_eq!(
        survey.types.iter().map(|found| found.name).collect::<Vec<_>>(),
        ["invoices", "user_credit_notes", "active_discounts"]
    );
    assert_eq!(survey.types.iter().map(|found| found.keys).collect::<Vec<_>>(), [4, 1, 1]);
    assert_eq!((survey.leases, survey.bookkeeping, survey.foreign), (1, 6, 7), "a minute and an hour of each type");
    assert!(survey.types.iter().all(|found| found.bytes.unwrap() >= found.keys * 8), "{survey:?}");
    assert_eq!((seen, cache.key_count().await.unwrap()), (20, Some(20)));
    assert_eq!(survey.server.role, "master");
    assert!(survey.server.used_memory > 0 && !survey.server.version.is_empty(), "{survey:?}");
}

#[tokio::test]
async fn a_survey_says_how_long_keys_have_to_live() {
    let world = World::new();
    let cache = world.cache().await;
    for (id, ttl) in [(1, "30"), (2, "200"), (3, "3000"), (4, "80000"), (5, "100000"), (6, "100000")] {
        world.server.command::<()>(&["SET", &format!("invoice:{id}"), "null", "EX", ttl]).unwrap();
    }
    world.server.command::<()>(&["SET", "invoice:7", "null"]).unwrap();
    let survey = cache.survey().await.unwrap();
    let expected =
        TtlDistribution { no_expiry: 1, under_1_min: 1, under_5_min: 1, under_1_h: 1, under_24_h: 1, more: 2 };
    assert_eq!(survey.types[0].ttl, expected);
}

#[tokio::test]
async fn a_survey_walks_over_many_keys_without_a_command_that_stalls_the_server() {
    let world = World::new();
    let cache = world.cache_with(|options| options.cache.scan_count = 10).await;
    let mut connection = world.server.connection().unwrap();
    let mut pipeline = redis::pipe();
    for id in 0..2000 {
        pipeline.cmd("SET").arg(format!("invoice:{id}")).arg("null").arg("EX").arg(60).ignore();
        pipeline.cmd("SET").arg(format!("other:{id}")).arg("x").ignore();
    }
    pipeline.exec(&mut connection).unwrap();
    let survey = cache.survey().await.unwrap();
    // SCAN may name a key twice while the table is rehashed, and never leaves one out.
    assert!((2000..2100).contains(&survey.types[0].keys), "{}", survey.types[0].keys);
    assert!((2000..2100).contains(&survey.foreign), "{}", survey.foreign);
    assert!(world.server.calls("scan").unwrap() >= 100);
    assert_eq!(world.server.calls("keys").unwrap(), 0);
}

#[tokio::test]
async fn a_survey_that_may_not_ask_for_the_memory_counts_the_keys_and_says_that_it_is_unknown() {
    let world = World::new();
    world.server.command::<()>(&["ACL", "SETUSER", "limited", "on", ">sesame", "~*", "+@all", "-memory"]).unwrap();
    let cache = world
        .cache_with(|options| {
            options.redis.username = "limited".into();
            options.redis.password = "sesame".into();
        })
        .await;
    read(&cache, 1).await;
    let invoices = &cache.survey().await.unwrap().types[0];
    assert_eq!((invoices.keys, invoices.measured, invoices.bytes, invoices.bytes_error), (1, 1, None, None));
    assert_eq!(invoices.ttl.under_5_min, 1);
}

/// 6,000 keys of two sizes, so that a wrong mean shows, and as many foreign ones.
fn large_population(world: &World) -> u64 {
    let mut connection = world.server.connection().unwrap();
    let mut pipeline = redis::pipe();
    for id in 0..6_000 {
        let value = "x".repeat(if id % 3 == 0 { 4_000 } else { 100 });
        pipeline.cmd("SET").arg(format!("invoice:{id}")).arg(value).arg("EX").arg(if id < 3_000 { 200 } else { 3_000 });
        pipeline.cmd("SET").arg(format!("other:{id}")).arg("x");
    }
    pipeline.exec(&mut connection).unwrap();
    let mut pipeline = redis::pipe();
    (0..6_000).for_each(|id| {
        pipeline.cmd("MEMORY").arg("USAGE").arg(format!("invoice:{id}"));
    });
    pipeline.query::<Vec<u64>>(&mut connection).unwrap().into_iter().sum()
}

async fn surveyed(cache: &Cache<Ledger>, measure: Measure) -> Survey {
    let mut surveying = cache.surveying(measure, Pace::unlimited()).await.unwrap();
    while surveying.step().await.unwrap().is_some() {}
    surveying.so_far()
}

#[tokio::test]
async fn an_estimate_is_within_its_bound_and_an_exact_survey_is_the_sum() {
    let world = World::new();
    let cache = world.cache().await;
    let bytes = large_population(&world);
    world.server.reset_command_stats().unwrap();
    let estimated = surveyed(&cache, Measure::Sample).await.types.remove(0);
    // Redis before 7 counts it with all of `memory`.
    let asked = world.server.calls("memory|usage").unwrap() + world.server.calls("memory").unwrap();
    assert_eq!((estimated.keys, estimated.measured), (6_000, asked));
    assert!((1_001..1_300).contains(&asked), "the first thousand, and about a fiftieth of the others: {asked}");
    // The bound holds in 95 of 100 surveys, two and a half times the bound in all but one of a million.
    let (of_estimate, error) = (estimated.bytes.unwrap(), estimated.bytes_error.unwrap());
    let bound = error * 5 / 2;
    assert!(error > 0 && of_estimate.abs_diff(bytes) <= bound, "{bytes} {estimated:?}");
    let ttl = estimated.ttl;
    assert_eq!(ttl.under_5_min + ttl.under_1_h, 6_000, "{ttl:?}");
    assert!((2_400..3_600).contains(&ttl.under_5_min), "{ttl:?}");
    let exact = surveyed(&cache, Measure::All).await.types.remove(0);
    assert_eq!((exact.keys, exact.measured, exact.bytes, exact.bytes_error), (6_000, 6_000, Some(bytes), Some(0)));
    assert_eq!(exact.ttl, TtlDistribution { under_5_min: 3_000, under_1_h: 3_000, ..TtlDistribution::default() });
}

#[tokio::test]
async fn a_type_with_few_keys_is_measured_wholly_also_by_a_sample() {
    let world = World::new();
    let cache = world.cache().await;
    (0..1_000).for_each(|id| world.set_raw(&format!("invoice:{id}"), "null"));
    let invoices = surveyed(&cache, Measure::Sample).await.types.remove(0);
    assert_eq!((invoices.keys, invoices.measured, invoices.bytes_error), (1_000, 1_000, Some(0)));
}
