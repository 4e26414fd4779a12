//! `warmup` by use: what people ask for is loaded, the most wanted first, and no more than it may cost.

use billing_core::cached::{BillingCache, InvoiceId, Invoices};
use serde_json::{Value, json};

use crate::harness::{Stage, for_each_backend, named};

/// Reads this invoice so often that sampling cannot err about its place.
pub(crate) async fn read_often(cache: &BillingCache, id: i32, times: usize) {
    for _ in 0..times {
        cache.get::<Invoices>(&InvoiceId(id)).await.unwrap();
    }
}

/// People ask for 5, 7 and 9, in this order; then the cache is emptied.
async fn read_and_cleared(stage: &Stage) {
    let cache = stage.open_cache().await;
    for (id, times) in [(9, 200), (7, 800), (5, 2_400)] {
        read_often(&cache, id, times).await;
    }
    cache.flush_counters().await;
    stage.run(&["clear", "--type", "all"]).assert_fine();
}

fn cached(stage: &Stage) -> Vec<i32> {
    (1..=300).filter(|id| stage.exists(&format!("invoice:{id}"))).collect()
}

fn invoices(report: &Value) -> &Value {
    named(&report["types"], "invoices")
}

#[tokio::test]
async fn what_people_ask_for_is_loaded_and_the_rest_of_the_limit_is_the_newest() {
    for_each_backend(async |stage| {
        stage.run(&["migrate"]).assert_fine();
        stage.run(&["seed", "--users", "50", "--invoices", "300", "--now", crate::harness::NOW]).assert_fine();
        read_and_cleared(stage).await;
        let report = stage.json(&["warmup", "--limit", "2"]);
        let row = invoices(&report);
        assert_eq!([&row["loaded"], &row["by_use"], &row["newest"]], [&json!(2), &json!(2), &json!(0)]);
        assert_eq!(cached(stage), [5, 7]);
        let covered = row["reads_covered"].as_f64().unwrap();
        assert!((0.85..0.99).contains(&covered), "3,200 of 3,400 reads: {covered}");
        assert!(row["database_seconds"].as_f64() > Some(0.0), "{row}");
        let report = stage.json(&["warmup", "--limit", "5"]);
        let row = invoices(&report);
        assert_eq!([&row["loaded"], &row["skipped"], &row["newest"]], [&json!(3), &json!(2), &json!(2)]);
        assert_eq!((cached(stage), &report["note"]), (vec![5, 7, 9, 299, 300], &Value::Null));
    })
    .await;
}

#[tokio::test]
async fn the_most_wanted_come_first_and_the_time_for_the_database_is_kept() {
    let stage = Stage::sqlite().seeded();
    read_and_cleared(&stage).await;
    // A batch of one key, after which the time is over.
    let one_key = ["warmup", "--type", "invoices", "--rate", "10", "--max-db-seconds", "0.000001"];
    for expected in [&[5][..], &[5, 7], &[5, 7, 9], &[5, 7, 9, 300]] {
        let report = stage.json(&one_key);
        assert_eq!(cached(&stage), expected);
        let row = invoices(&report);
        assert_eq!((&row["loaded"], &row["failed"]), (&json!(1), &json!(0)));
        assert_eq!(row["left"], 300 - expected.len());
    }
}

#[tokio::test]
async fn a_value_near_its_end_is_renewed_and_one_with_time_left_is_not() {
    let stage = Stage::sqlite().seeded();
    read_and_cleared(&stage).await;
    let warm_up = ["warmup", "--type", "invoices", "--limit", "3"];
    stage.run(&warm_up).assert_fine();
    assert!(stage.redis.command::<bool>(&["PEXPIRE", "invoice:7", "20000"]).unwrap());
    let report = stage.json(&warm_up);
    assert_eq!([&invoices(&report)["loaded"], &invoices(&report)["skipped"]], [&json!(1), &json!(2)]);
    assert!(stage.redis.command::<i64>(&["PTTL", "invoice:7"]).unwrap() > 200_000);
}

#[tokio::test]
async fn the_newest_are_loaded_where_no_reads_are_known_or_they_are_asked_for() {
    let stage = Stage::sqlite().seeded();
    let cold = stage.json(&["warmup", "--type", "invoices", "--limit", "2"]);
    assert_eq!(cold["note"], "no reads are known yet, so the newest were taken");
    assert_eq!((cached(&stage), &invoices(&cold)["reads_covered"]), (vec![299, 300], &Value::Null));
    read_and_cleared(&stage).await;
    let newest = stage.json(&["warmup", "--type", "invoices", "--limit", "2", "--from", "newest"]);
    assert_eq!((cached(&stage), &newest["note"]), (vec![299, 300], &Value::Null));
}

#[tokio::test]
async fn rubbish_among_the_reads_is_not_loaded() {
    let stage = Stage::sqlite().seeded();
    read_and_cleared(&stage).await;
    let names: Vec<String> = stage.redis.command(&["KEYS", "billing_cache:{numbers}:reads:*:invoices"]).unwrap();
    for member in ["other:program", "invoice:x", "tax_rate:GB:default", ""] {
        stage.redis.command::<()>(&["ZADD", &names[0], "1e300", member]).unwrap();
    }
    let report = stage.json(&["warmup", "--type", "invoices", "--limit", "3"]);
    assert_eq!((cached(&stage), &invoices(&report)["loaded"]), (vec![5, 7, 9], &json!(3)));
    assert!(!stage.exists("other:program") && !stage.exists("invoice:x") && !stage.exists("tax_rate:GB:default"));
}
