//! The survey counts everything once, and calls nothing ours that is not.

use billing_cache::{Measure, Pace, SingleKey, TtlDistribution};

use crate::ledger::{CreditNotes, Discounts, UserId};
use crate::world::{World, read};

#[tokio::test]
async fn a_survey_tells_our_keys_leases_and_bookkeeping_from_what_is_foreign() {
    let world = World::new();
    let cache = world.cache().await;
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
    assert_eq!((survey.leases, survey.bookkeeping, survey.foreign), (1, 1, 7));
    assert!(survey.types.iter().all(|found| found.bytes >= found.keys * 8), "{survey:?}");
    assert_eq!((seen, cache.key_count().await.unwrap()), (15, 15));
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
    world.set_raw("invoice:7", "null");
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
async fn a_survey_that_may_not_ask_for_the_memory_fails_instead_of_showing_no_keys() {
    let world = World::new();
    world.server.command::<()>(&["ACL", "SETUSER", "limited", "on", ">sesame", "~*", "+@all", "-memory"]).unwrap();
    let cache = world
        .cache_with(|options| {
            options.redis.username = "limited".into();
            options.redis.password = "sesame".into();
        })
        .await;
    read(&cache, 1).await;
    let error = cache.survey().await.unwrap_err().to_string();
    assert!(error.contains("permission"), "{error}");
    assert!(!error.contains("sesame"), "{error}");
}
