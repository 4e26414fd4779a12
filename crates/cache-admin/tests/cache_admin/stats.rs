//! `stats`: what stands in Redis, counted by type, and what was read.

use std::process::Stdio;

use billing_core::cached::{InvoiceId, Invoices};
use serde_json::{Value, json};

use crate::harness::{Stage, named};

#[test]
fn keys_are_counted_by_type_and_by_time_to_live() {
    let stage = Stage::with_redis(test_support::RedisServer::options().maxmemory(64 << 20, "volatile-lru"));
    stage.redis.command::<()>(&["SET", "invoice:1", "null"]).unwrap();
    for (key, seconds) in
        [("invoice:2", 30), ("invoice:3", 120), ("invoice:4", 1_000), ("invoice:5", 50_000), ("invoice:6", 90_000)]
    {
        stage.set(key, seconds);
    }
    stage.set("lease:{invoice:7}", 60);
    stage.set("invoice:not-ours", 60);
    stage.set("other:program", 60);
    let stats = stage.json(&["stats"]);
    let invoices = named(&stats["types"], "invoices");
    let one_each =
        json!({"no_expiry": 1, "under_1_min": 1, "under_5_min": 1, "under_1_h": 1, "under_24_h": 1, "more": 1});
    assert_eq!((&invoices["keys"], &invoices["ttl"]), (&json!(6), &one_each));
    assert!(invoices["bytes"].as_u64() > Some(0), "{invoices}");
    assert_eq!(named(&stats["types"], "tax_rates")["keys"], 0);
    assert_eq!((&stats["leases"], &stats["foreign"]), (&json!(1), &json!(2)));
    let server = &stats["server"];
    assert_eq!((&server["role"], &server["maxmemory"]), (&json!("master"), &json!(64 << 20)));
    assert!(server["endpoint"].as_str().unwrap().contains(&stage.redis.port().to_string()), "{server}");
}

#[tokio::test]
async fn hits_and_misses_are_those_of_all_processes() {
    let stage = Stage::sqlite().seeded();
    let cache = stage.open_cache().await;
    for _ in 0..4 {
        cache.get::<Invoices>(&InvoiceId(1)).await.unwrap();
    }
    cache.flush_counters().await;
    let stats = stage.json(&["stats", "--hours", "1"]);
    let invoices = named(&stats["types"], "invoices");
    assert_eq!([&invoices["hits"], &invoices["misses"], &invoices["bypassed"]], [&json!(3), &json!(1), &json!(0)]);
    assert_eq!((&invoices["hit_rate"], &stats["hours"]), (&json!(0.75), &json!(1)));
    assert_eq!(
        (stats["bookkeeping"].as_u64() >= Some(1), &stats["foreign"]),
        (true, &json!(0)),
        "reads may be known too"
    );
    assert_eq!(named(&stats["types"], "tax_rates")["hit_rate"], Value::Null, "nothing was read, so there is no rate");
}

#[test]
fn the_text_shows_every_type_and_no_rate_where_nothing_was_read() {
    let stage = Stage::sqlite();
    let run = stage.run(&["stats"]);
    run.assert_fine();
    for part in
        ["tax_rates", "active_discounts", "user_credit_notes", "memory limit    ┆ none", "hit rate (%)", "    - │"]
    {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    assert!(!run.stdout.contains('\u{1b}'), "no colours where nobody sees them");
}

#[test]
fn no_database_is_needed() {
    let stage = Stage::sqlite();
    for url in ["postgres://ann:hunter2@127.0.0.1:1/billing", "sqlite://missing.sqlite"] {
        stage.run_with(&["stats"], &[("DATABASE_URL", url)]).assert_fine();
        stage.run_with(&["clear", "--type", "all"], &[("DATABASE_URL", url)]).assert_fine();
    }
    assert!(!stage.directory().join("missing.sqlite").exists());
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let stage = Stage::sqlite();
    let mut child = stage.command(&["stats"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

/// Managed servers know no MEMORY, or do not let one; and some users may not ask how many keys there are.
#[test]
fn keys_are_counted_where_the_server_does_not_tell_their_memory() {
    let renamed = test_support::RedisServer::options()
        .config("rename-command", r#"MEMORY """#)
        .config("rename-command", r#"DBSIZE """#);
    let forbidden = Stage::sqlite();
    forbidden.redis.command::<()>(&["ACL", "SETUSER", "default", "-memory", "-dbsize"]).unwrap();
    for stage in [Stage::with_redis(renamed), forbidden] {
        (1..=3).for_each(|id| stage.set(&format!("invoice:{id}"), 120));
        let stats = stage.json(&["stats"]);
        let invoices = named(&stats["types"], "invoices");
        assert_eq!([&invoices["keys"], &invoices["measured"]], [&json!(3), &json!(3)]);
        assert_eq!([&invoices["bytes"], &invoices["bytes_error"]], [&Value::Null, &Value::Null]);
        assert_eq!(invoices["ttl"]["under_5_min"], 3);
        let run = stage.run(&["stats", "--exact"]);
        run.assert_fine();
        assert!(run.stdout.contains("unknown"), "{}", run.stdout);
        stage.run(&["clear", "--type", "all"]).assert_fine();
    }
}

#[test]
fn what_is_ours_is_summed_and_what_is_not_is_counted_with_where_to_look() {
    let stage = Stage::sqlite().seeded();
    stage.run(&["warmup"]).assert_fine();
    let report = stage.json(&["stats"]);
    let sum = |number: &str| report["types"].as_array().unwrap().iter().map(|row| row[number].as_u64().unwrap()).sum();
    let (keys, bytes): (u64, u64) = (sum("keys"), sum("bytes"));
    assert!(keys > 300 && bytes > keys, "{report:#}");
    assert_eq!((&report["total"]["keys"], &report["total"]["bytes"]), (&keys.into(), &bytes.into()), "{report:#}");
    let text = stage.run(&["stats"]).stdout;
    assert!(text.contains("│ total"), "{text}");
    assert!(!text.contains("--memkeys"), "there is nothing else to look at: {text}");
    stage.set("session:1", 600);
    let text = stage.run(&["stats"]).stdout;
    assert!(text.contains("redis-cli --memkeys"), "{text}");
}
