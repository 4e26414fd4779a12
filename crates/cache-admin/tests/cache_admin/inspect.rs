//! `inspect`: one value, its life, its invalidations, and where it differs from the database.

use std::path::Path;

use billing_core::cached::{ActiveDiscounts, InvoiceId, Invoices};
use billing_core::service::BillingService;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use test_support::{RedisServer, json_schema};

use crate::golden;
use crate::harness::{Stage, for_each_backend};

impl Stage {
    /// An invoice with two payments is cached; one was taken by this code base, so that its invalidation is marked.
    pub(crate) async fn with_cached_invoice(&self) -> BillingService {
        self.run(&["migrate"]).assert_fine();
        let service = BillingService::without_relay(self.open_cache().await);
        self.execute(ROWS).await;
        service.invoice_details(1).await.unwrap();
        service
    }

    pub(crate) async fn execute(&self, sql: &str) {
        let database = self.open_database().await;
        database.connection().execute_unprepared(sql).await.unwrap();
        database.close().await.unwrap();
    }

    /// Replaces a part of the text that is cached.
    pub(crate) fn falsify(&self, key: &str, from: &str, to: &str) {
        let value: String = self.redis.command(&["GET", key]).unwrap();
        assert!(value.contains(from), "{from} is not in {value}");
        self.redis.command::<()>(&["SET", key, &value.replacen(from, to, 1), "EX", "250"]).unwrap();
    }

    /// The JSON of an inspection with this exit code, which is as its schema says.
    fn inspect(&self, code: i32, arguments: &[&str]) -> Value {
        let run = self.run(&[&["inspect", "--format", "json"], arguments].concat());
        assert_eq!(run.code, Some(code), "{run:?}");
        let report = run.json();
        assert_eq!(json_schema::violations(&json_schema::load("cache-admin-inspect"), &report), [""; 0], "{report:#}");
        report
    }
}

/// Everything at one known moment.
pub(crate) const ROWS: &str = "
INSERT INTO users (username, email, hashed_password) VALUES ('ann', 'a@x', 'x');
INSERT INTO invoices (user_id, amount, status, due_date, created_at) VALUES
    (1, 100, 'partial', '2026-12-22 19:04:00', '2026-11-22 19:04:00');
INSERT INTO payments (invoice_id, amount, payment_method, transaction_id, status, created_at) VALUES
    (1, 10, 'card', 't1', 'completed', '2026-11-22 19:04:00'),
    (1, 20, 'card', 't2', 'completed', '2026-11-22 19:04:00');
DELETE FROM cache_invalidations;
INSERT INTO cache_invalidations (cache_type, key_parts, table_name, created_at, relayed_at, redis_history) VALUES
    ('invoices', '[2]', 'invoices', '2026-11-22 19:04:00', '2026-11-22 19:04:00', 'run:replication'),
    ('invoices', '[1]', 'invoices', '2026-11-22 19:04:00', '2026-11-22 19:04:01', 'run:replication'),
    ('invoices', NULL, 'payments', '2026-11-22 19:05:00', '2026-11-22 19:05:01', 'run:replication');
";

fn golden(name: &str, shown: &str) {
    golden::assert(Path::new("inspect").join(name).as_path(), shown);
}

/// Its rows carry the history of this server, so that nothing waits for a replay.
async fn mark_relayed(stage: &Stage) {
    let run_id = stage.redis.info("server").unwrap()["run_id"].clone();
    let replication = stage.redis.info("replication").unwrap()["master_replid"].clone();
    let data = "0123456789abcdef";
    stage.redis.command::<()>(&["SET", "billing_cache:{database}:data", data, "EX", "3600"]).unwrap();
    stage.execute(&format!("UPDATE cache_invalidations SET redis_history = '{run_id}:{replication}:{data}'")).await;
}

#[tokio::test]
async fn a_right_value_is_shown_with_its_life_and_its_invalidations() {
    for_each_backend(async |stage| {
        stage.with_cached_invoice().await;
        mark_relayed(stage).await;
        golden("right.json", &golden::masked(&format!("{:#}", stage.inspect(0, &["invoice:1"]))));
        let run = stage.run(&["inspect", "invoice:1"]);
        run.assert_fine();
        golden("right.txt", &golden::masked(&run.stdout));
    })
    .await;
}

#[tokio::test]
async fn a_stale_value_is_shown_with_the_fields_that_differ() {
    for_each_backend(async |stage| {
        stage.with_cached_invoice().await;
        mark_relayed(stage).await;
        stage.falsify("invoice:1", r#""amount":"20.00""#, r#""amount":"25.00""#);
        let report = stage.inspect(1, &["--type", "invoices", "--id", "1"]);
        let fields = json!([{"path": "payments[1].amount", "cached": "25.00", "database": "20.00"}]);
        assert_eq!((&report["verdict"], &report["database"]["fields"]), (&json!("stale"), &fields));
        let run = stage.run(&["inspect", "invoice:1"]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(1), ""), "{run:?}");
        golden("stale.txt", &golden::masked(&run.stdout));
    })
    .await;
}

#[tokio::test]
async fn a_change_that_was_not_told_yet_is_pending() {
    for_each_backend(async |stage| {
        stage.with_cached_invoice().await;
        stage.execute("UPDATE invoices SET amount = 90 WHERE id = 1").await;
        let report = stage.inspect(0, &["invoice:1"]);
        assert_eq!(report["verdict"], "pending");
        assert_eq!(report["database"]["fields"][0], json!({"path": "amount", "cached": "100.00", "database": "90.00"}));
        let last = &report["database"]["invalidations"][0];
        assert_eq!((&last["table_name"], &last["relayed_at"]), (&json!("invoices"), &Value::Null));
    })
    .await;
}

#[tokio::test]
async fn what_is_not_cached_is_said_to_be_so_and_whether_the_database_has_it() {
    for_each_backend(async |stage| {
        stage.with_cached_invoice().await;
        stage.redis.command::<()>(&["DEL", "invoice:1"]).unwrap();
        stage.set("lease:{invoice:1}", 60);
        let report = stage.inspect(0, &["invoice:1"]);
        assert_eq!((&report["verdict"], &report["cached"]), (&json!("not_cached"), &Value::Null));
        assert_eq!(report["database"]["exists"], true);
        assert!(report["lease"]["ttl_seconds"].as_f64().unwrap() > 0.0, "{report}");
        assert_eq!(stage.inspect(0, &["invoice:2"])["database"]["exists"], false);
        let run = stage.run(&["inspect", "invoice:2"]);
        run.assert_fine();
        golden("not_cached.txt", &golden::masked(&run.stdout));
    })
    .await;
}

#[tokio::test]
async fn the_cached_absence_of_a_row_is_a_value() {
    let stage = Stage::sqlite();
    let service = stage.with_cached_invoice().await;
    service.cache().get::<Invoices>(&InvoiceId(9)).await.unwrap();
    let report = stage.inspect(0, &["invoice:9"]);
    assert_eq!((&report["verdict"], &report["database"]["exists"]), (&json!("right"), &json!(false)));
    assert_eq!((&report["cached"]["decodes"], &report["cached"]["bytes"]), (&json!(true), &json!(4)));
}

#[tokio::test]
async fn a_type_with_one_value_needs_no_id() {
    let stage = Stage::sqlite();
    let service = stage.with_cached_invoice().await;
    service.cache().get::<ActiveDiscounts>(&billing_cache::SingleKey).await.unwrap();
    assert_eq!(stage.inspect(0, &["--type", "discounts"])["key"], "active_discounts");
}

#[tokio::test]
async fn what_does_not_decode_is_shown_as_it_is() {
    let stage = Stage::sqlite();
    stage.with_cached_invoice().await;
    stage.redis.command::<()>(&["SET", "invoice:1", "rubbish"]).unwrap();
    let report = stage.inspect(1, &["invoice:1"]);
    let cached = &report["cached"];
    assert_eq!((&report["verdict"], &cached["raw"]), (&json!("undecodable"), &json!("rubbish")));
    assert_eq!((&cached["decodes"], &cached["ttl_seconds"]), (&json!(false), &Value::Null));
    let run = stage.run(&["inspect", "invoice:1"]);
    golden("undecodable.txt", &golden::masked(&run.stdout));
    stage.redis.command::<()>(&["DEL", "invoice:1"]).unwrap();
    stage.redis.command::<()>(&["LPUSH", "invoice:1", "a list"]).unwrap();
    assert_eq!(stage.inspect(1, &["invoice:1"])["cached"]["reason"], "it is no string");
}

#[tokio::test]
async fn without_a_database_all_but_the_comparison_is_shown() {
    let stage = Stage::with_redis(RedisServer::options());
    stage.with_cached_invoice().await;
    for url in ["postgres://ann:hunter2@127.0.0.1:1/billing", "sqlite://missing.sqlite"] {
        let run = stage.run_with(&["inspect", "invoice:1", "--format", "json"], &[("DATABASE_URL", url)]);
        assert_eq!(run.code, Some(3), "{run:?}");
        let report = run.json();
        assert_eq!(json_schema::violations(&json_schema::load("cache-admin-inspect"), &report), [""; 0]);
        assert_eq!((&report["verdict"], &report["cached"]["decodes"]), (&json!("not_compared"), &json!(true)));
        assert_eq!(report["cached"]["value"]["payments"][1]["amount"], "20.00");
        assert!(run.stderr.starts_with("error: compare with the database: "), "{run:?}");
        assert!(run.stderr.lines().count() == 1 && !format!("{run:?}").contains("hunter2"), "{run:?}");
        let text = stage.run_with(&["inspect", "invoice:1"], &[("DATABASE_URL", url)]);
        assert!(text.stdout.contains("not compared: the database could not be asked"), "{text:?}");
    }
    stage.redis.command::<()>(&["SET", "invoice:1", "rubbish"]).unwrap();
    let run = stage.run_with(&["inspect", "invoice:1", "--format", "json"], &[("DATABASE_URL", "sqlite://no.sqlite")]);
    assert_eq!((run.code, &run.json()["verdict"]), (Some(3), &json!("undecodable")));
}

#[test]
fn without_redis_there_is_nothing_to_show() {
    let stage = Stage::sqlite();
    let run = stage.run_with(&["inspect", "invoice:1"], &[("REDIS_PORT", "1")]);
    assert!(run.assert_error(3).starts_with("cannot use Redis at "), "{run:?}");
}

#[test]
fn what_is_none_of_ours_is_named() {
    let stage = Stage::sqlite();
    for text in ["session:1", "invoice:042", "invoice:1:2", "lease:{invoice:1}", "tax_rate:UK:default", "*", ""] {
        let run = stage.run(&["inspect", text]);
        assert!(
            run.assert_error(2).starts_with(&format!("{text:?} is a key of no cached type; there are ")),
            "{run:?}"
        );
    }
    for (name, id) in [("invoices", "x"), ("tax_rates", "GB"), ("discounts", "1"), ("invoices", "")] {
        let run = stage.run(&["inspect", "--type", name, "--id", id]);
        assert!(run.assert_error(2).starts_with(&format!("{id:?} is no id of ")), "{run:?}");
    }
    let run = stage.run(&["inspect", "--type", "all", "--id", "1"]);
    assert!(run.assert_error(2).starts_with("inspect shows one value"), "{run:?}");
    for arguments in [&["inspect"][..], &["inspect", "--id", "1"], &["inspect", "invoice:1", "--type", "invoices"]] {
        assert_eq!(stage.run(arguments).code, Some(2), "{arguments:?}");
    }
}

#[test]
fn text_from_outside_cannot_steer_a_terminal() {
    let stage = Stage::sqlite().seeded();
    let value = "{\"id\": \"\u{1b}[2J\u{9b}31m\u{202e}\u{7f}\"}";
    stage.redis.command::<()>(&["SET", "invoice:1", value, "EX", "100"]).unwrap();
    for arguments in [&["inspect", "invoice:1"][..], &["inspect", "invoice:1", "--format", "json"], &["verify"]] {
        let run = stage.run(arguments);
        assert_eq!(run.code, Some(1), "{run:?}");
        let shown = format!("{}{}", run.stdout, run.stderr);
        assert!(!shown.contains(|c| billing_core::is_unprintable(c) && c != '\n'), "{shown:?}");
        assert!(shown.contains("\\u001b[2J") || arguments == ["verify"], "{shown}");
    }
}

#[test]
fn a_value_that_is_too_long_is_not_read() {
    let stage = Stage::sqlite().seeded();
    stage.redis.command::<()>(&["SETRANGE", "invoice:1", "50000000", "x"]).unwrap();
    let run = stage.run(&["inspect", "invoice:1"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stdout.contains("50000001 bytes are more than a value may have"), "{}", run.stdout);
    assert!(run.stdout.contains("next, in this order") && run.stdout.len() < 10_000, "{}", run.stdout);
    stage.redis.command::<()>(&["SET", "invoice:2", &format!("\"{}\"", "x".repeat(1_000_000)), "EX", "100"]).unwrap();
    let run = stage.run(&["verify", "--all", "--repair"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stdout.len() < 20_000, "{} bytes", run.stdout.len());
    assert!(!stage.exists("invoice:1") && !stage.exists("invoice:2"));
}

#[test]
fn keys_are_listed_up_to_a_limit_and_each_can_be_inspected() {
    let stage = Stage::sqlite();
    stage.run(&["migrate"]).assert_fine();
    let list = |arguments: &[&str]| {
        let report = stage.json(&[&["inspect", "--list"], arguments].concat());
        let schema = json_schema::load("cache-admin-inspect-list");
        assert_eq!(json_schema::violations(&schema, &report), [""; 0], "{report:#}");
        (report["keys"].as_array().unwrap().len(), report["complete"].as_bool().unwrap())
    };
    assert_eq!(list(&["--type", "invoices"]), (0, true));
    let keys =
        (1..=120).map(|id| format!("invoice:{id}")).chain(["tax_rate:DE:default".to_owned(), "other".to_owned()]);
    for key in keys {
        stage.redis.command::<()>(&["SET", &key, "null", "EX", "3600"]).unwrap();
    }
    assert_eq!(list(&["--type", "invoices"]), (100, false));
    assert_eq!(list(&["--type", "invoices", "--limit", "120"]), (120, true));
    assert_eq!(list(&["--type", "all", "--limit", "1000"]), (121, true));
    let run = stage.run(&["inspect", "--type", "tax_rates", "--list"]);
    run.assert_fine();
    assert_eq!(run.stdout, "tax_rate:DE:default\n");
    stage.run(&["inspect", run.stdout.trim()]);
    let run = stage.run(&["inspect", "--type", "invoices", "--list", "--limit", "7"]);
    assert!(run.stdout.contains("and more: these are 7; --limit N shows more"), "{run:?}");
    for wrong in [&["inspect", "--list"][..], &["inspect", "--type", "invoices", "--id", "1", "--list"]] {
        assert_eq!(stage.run(wrong).code, Some(2), "{wrong:?}");
    }
}

#[test]
fn a_value_longer_than_the_setting_is_told_and_not_read() {
    let stage = Stage::sqlite();
    stage.run(&["migrate"]).assert_fine();
    stage.redis.command::<()>(&["SET", "invoice:1", &format!("\"{}\"", "x".repeat(5_000)), "EX", "3600"]).unwrap();
    for (largest, said) in [("4096", "its 5002 bytes are more than a value may have"), ("8192", "invalid type: string")]
    {
        let run = stage.run_with(&["inspect", "invoice:1"], &[("BILLING__CACHE__MAX_VALUE_BYTES", largest)]);
        assert!(run.code == Some(1) && run.stdout.contains(said), "{run:?}");
    }
}
