//! `warmup`: the values worth having are loaded, once, type by type.

use billing_outbox::database::Database;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::harness::{NOW, Stage, for_each_backend, named};

#[tokio::test]
async fn every_type_is_loaded_once_and_then_skipped() {
    for_each_backend(async |stage| {
        stage.run(&["migrate"]).assert_fine();
        stage.run(&["seed", "--users", "50", "--invoices", "300", "--now", NOW]).assert_fine();
        let first = stage.json(&["warmup"]);
        let invoices = named(&first["types"], "invoices");
        assert_eq!(
            [&invoices["loaded"], &invoices["failed"], &invoices["error"]],
            [&json!(300), &json!(0), &Value::Null]
        );
        for row in first["types"].as_array().unwrap() {
            assert!(row["loaded"].as_u64() > Some(0) && row["skipped"] == 0, "{row}");
        }
        let again = stage.json(&["warmup"]);
        for (row, before) in again["types"].as_array().unwrap().iter().zip(first["types"].as_array().unwrap()) {
            assert_eq!((&row["loaded"], &row["skipped"]), (&json!(0), &before["loaded"]), "{row}");
        }
        let stats = stage.json(&["stats"]);
        assert_eq!(named(&stats["types"], "invoices")["keys"], 300);
    })
    .await;
}

#[test]
fn one_type_up_to_a_limit_and_the_newest_first() {
    let stage = Stage::sqlite().seeded();
    let run = stage.run(&["warmup", "--type", "invoices", "--limit", "20"]);
    run.assert_fine();
    assert!(run.stdout.contains("│ invoices  ┆     20 ┆       0 ┆          0 ┆      0 ┆"), "{}", run.stdout);
    assert!(stage.exists("invoice:300") && stage.exists("invoice:281") && !stage.exists("invoice:280"));
    assert!(!stage.exists("active_discounts"));
}

#[tokio::test]
async fn a_type_that_fails_does_not_stop_the_others() {
    let stage = Stage::sqlite().seeded();
    let database: Database = stage.open_database().await;
    database.connection().execute_unprepared("ALTER TABLE payments RENAME TO payments_elsewhere").await.unwrap();
    let run = stage.run(&["warmup", "--format", "json"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.starts_with("error: warm up invoices: ") && run.stderr.lines().count() == 1, "{run:?}");
    let types = &run.json()["types"];
    let invoices = named(types, "invoices");
    assert_eq!([&invoices["loaded"], &invoices["failed"]], [&json!(0), &json!(300)]);
    assert!(invoices["error"].as_str().unwrap().contains("payments"), "{invoices}");
    assert!(named(types, "user_credit_notes")["loaded"].as_u64() > Some(0), "the type after it was loaded");
}

#[test]
fn a_value_that_is_too_large_to_be_stored_is_no_success_and_the_setting_is_named() {
    let stage = Stage::sqlite().seeded();
    let smallest = [("BILLING__CACHE__MAX_VALUE_BYTES", "1024")];
    let run = stage.run_with(&["warmup", "--type", "active_discounts", "--format", "json"], &smallest);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("1 values were not stored, first active_discounts: its "), "{run:?}");
    assert!(run.stderr.contains("more than cache.max_value_bytes"), "{run:?}");
    assert_eq!(named(&run.json()["types"], "active_discounts")["not_stored"], 1, "{run:?}");
}

#[test]
fn a_redis_that_refuses_everything_is_no_success() {
    let stage = Stage::sqlite().seeded();
    stage.redis.command::<()>(&["CONFIG", "SET", "maxmemory", "1"]).unwrap();
    let run = stage.run(&["warmup", "--type", "invoices", "--format", "json"]);
    assert_eq!(
        (
            run.code,
            run.stderr.contains("300 values were not stored, first invoice:300: ")
                && run.stderr.contains("raise maxmemory")
        ),
        (Some(1), true),
        "{run:?}"
    );
    let types = &run.json()["types"];
    assert_eq!(
        [&named(types, "invoices")["loaded"], &named(types, "invoices")["not_stored"]],
        [&json!(0), &json!(300)]
    );
}
