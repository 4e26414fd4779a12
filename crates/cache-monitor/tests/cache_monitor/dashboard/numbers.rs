//! The page shows what the services counted, in the agreed shapes.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use billing_cache::{Distribution, Event, Numbers};
use billing_core::cached::{BillingCache, CACHED_TYPES, InvoiceId, Invoices, UserCreditNotes, UserId, open_cache};
use billing_core::service::BillingService;
use billing_core::settings::Settings;
use billing_outbox::database::Database;
use serde_json::{Value, json};
use test_support::json_schema;

use super::program::Dashboard;
use crate::fixture::Stage;

const RANGES: [(&str, usize, u64); 4] = [("15m", 15, 60), ("1h", 60, 60), ("24h", 96, 900), ("30d", 120, 21_600)];

/// Those of a service, whose counters are sent when the test says so.
fn settings(stage: &Stage) -> Settings {
    let mut settings = Settings::defaults();
    settings.redis.host = "127.0.0.1".to_owned();
    settings.redis.port = stage.redis.port();
    settings.redis.command_timeout_ms = 10_000;
    settings.cache.counters_flush_ms = 3_600_000;
    settings
}

/// The cache of a service.
async fn service(stage: &Stage) -> BillingCache {
    let settings = settings(stage);
    let database = Database::connect(&Settings::database_at(stage.database.url())).await.unwrap();
    open_cache(database, &settings.redis, settings.cache).await.unwrap()
}

/// Reads of two types: some keys once, one often; and times that are known.
async fn traffic(cache: &BillingCache) -> Numbers {
    let millisecond = 1_000_000;
    for (distribution, times) in [
        (Distribution::HitL2Time, 1),
        (Distribution::MissTime, 6),
        (Distribution::LoadTime, 5),
        (Distribution::AgeAtServe, 9),
    ] {
        cache.record("invoices", distribution, times * millisecond);
    }
    for _ in 0..300 {
        cache.get::<Invoices>(&InvoiceId(7)).await.unwrap();
    }
    for id in 1..=20 {
        cache.get::<Invoices>(&InvoiceId(id)).await.unwrap();
        cache.get::<UserCreditNotes>(&UserId(id)).await.unwrap();
    }
    cache.flush_counters().await;
    cache.own_numbers()
}

fn assert_as_the_schema_says(what: &str, document: &Value) {
    let mut schema = json_schema::load("cache-monitor-dashboard");
    schema["$ref"] = json!(format!("#/$defs/{what}"));
    assert_eq!(json_schema::violations(&schema, document), [""; 0], "{document:#}");
}

fn hits(numbers: &Numbers, name: &str) -> u64 {
    numbers.count(name, Event::HitL1) + numbers.count(name, Event::HitL2)
}

/// Counters of the last minute may be a moment away.
fn has(requests: u64) -> impl Fn(&Value) -> bool {
    move |snapshot| snapshot["total"]["requests"] == requests
}

#[tokio::test(flavor = "multi_thread")]
async fn what_services_counted_is_shown_as_it_is() {
    for stage in Stage::filled().await {
        let counted = traffic(&service(&stage).await).await;
        let dashboard = Dashboard::over(&stage, &[]);
        let snapshot = dashboard.snapshot(has(340));
        assert_as_the_schema_says("snapshot", &snapshot);
        assert_eq!(snapshot["has_data"], true);
        for (place, cached) in CACHED_TYPES.iter().enumerate() {
            let (name, shown) = (cached.info().name, &snapshot["types"][place]);
            assert_eq!(shown["name"], name);
            let shown = &shown["numbers"];
            assert_eq!(shown["hit_l2"], hits(&counted, name), "{shown:#}");
            assert_eq!(shown["misses"], counted.count(name, Event::Miss));
            assert_eq!(shown["loads"], counted.count(name, Event::Load));
        }
        let invoices = &snapshot["types"][2]["numbers"];
        assert_eq!((&invoices["requests"], &invoices["hit_rate"]), (&json!(320), &json!(300.0 / 320.0)));
        for time in ["l2", "miss", "database"] {
            let latency = &invoices["latency"][time];
            assert!(latency["count"].as_u64() > Some(0), "{latency:#}");
            assert!(latency["p50_us"].as_f64() <= latency["max_us"].as_f64(), "{latency:#}");
        }
        assert!(invoices["saved_seconds"].is_number(), "{invoices:#}");
        for (range, points, seconds) in RANGES {
            let history = dashboard.get(&format!("/api/history?range={range}")).json();
            assert_as_the_schema_says("history", &history);
            assert_eq!((&history["range"], &history["step_seconds"]), (&json!(range), &json!(seconds)));
            let shown = history["points"].as_array().unwrap();
            assert_eq!(shown.len(), points);
            let sum: u64 = shown.iter().map(|point| point["total"]["requests"].as_u64().unwrap()).sum();
            assert_eq!(sum, 340, "{range}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_compressed_for_those_who_want_it_and_the_stream_never() {
    let stage = Stage::filled().await.remove(0);
    traffic(&service(&stage).await).await;
    let dashboard = Dashboard::over(&stage, &[]);
    dashboard.snapshot(has(340));
    let compressed = [("accept-encoding", "gzip")];
    let (path, points) = ("/api/history?range=24h", 96);
    let plain = dashboard.get(path);
    assert_eq!(plain.header("content-encoding"), "");
    let answer = dashboard.ask("GET", path, &compressed, "");
    assert_eq!(answer.header("content-encoding"), "gzip");
    assert_eq!(answer.header("vary"), "accept-encoding");
    assert_eq!(answer.json()["points"].as_array().unwrap().len(), points);
    assert!(answer.body.len() * 5 < plain.body.len(), "{} of {} bytes", answer.body.len(), plain.body.len());
    let mut stream = dashboard.live_with(&compressed);
    assert_eq!(stream.next().expect("a snapshot in plain text")["total"]["requests"], 340);
}

#[tokio::test(flavor = "multi_thread")]
async fn surveys_audits_and_hot_keys_come_by_themselves() {
    let stage = Stage::filled().await.remove(0);
    traffic(&service(&stage).await).await;
    // No relay runs that would apply what inserting the rows left, and excuse a difference.
    stage.migrate_and_run(&["DELETE FROM cache_invalidations"]).await;
    let wrong = stage.redis.command::<String>(&["GET", "invoice:7"]).unwrap().replace("7.50", "8.50");
    stage.redis.command::<()>(&["SET", "invoice:7", &wrong, "KEEPTTL"]).unwrap();
    let dashboard = Dashboard::over(&stage, &["--survey-seconds", "1", "--audit-seconds", "1"]);
    let snapshot = dashboard.snapshot(|snapshot| {
        snapshot["audit"]["total"]["checked"] == 40
            && snapshot["survey"]["at"].is_string()
            && snapshot["hot_keys"].as_array().is_some_and(|keys| !keys.is_empty())
    });
    assert_as_the_schema_says("snapshot", &snapshot);
    let total = &snapshot["audit"]["total"];
    assert_eq!([&total["right"], &total["stale"], &total["nines"]], [&json!(39), &json!(1), &json!(1)]);
    let invoices = &snapshot["survey"]["types"][2];
    assert_eq!((&invoices["name"], &invoices["keys"]), (&json!("invoices"), &json!(20)));
    assert_eq!(invoices["ttl"][1]["keys"], 20, "less than five minutes: {invoices:#}");
    assert_eq!(snapshot["hot_keys"][0]["key"], "invoice:7");
    // The audit repairs nothing, and what it found is counted.
    assert_eq!(stage.redis.command::<String>(&["GET", "invoice:7"]).unwrap(), wrong);
    let counted = dashboard.snapshot(|_| {
        let history = dashboard.get("/api/history?range=15m").json();
        history["points"].as_array().unwrap().iter().any(|point| point["audit"]["stale"].as_u64() > Some(0))
    });
    assert_eq!(counted["outbox"]["pending"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_request_it_says_that_there_is_no_data() {
    let stage = Stage::filled().await.remove(0);
    let dashboard = Dashboard::over(&stage, &[]);
    let snapshot = dashboard.snapshot(|snapshot| snapshot["audit"]["state"] == "complete");
    assert_as_the_schema_says("snapshot", &snapshot);
    assert_eq!((&snapshot["has_data"], &snapshot["total"]["requests"]), (&json!(false), &json!(0)));
    assert_eq!((&snapshot["total"]["hit_rate"], &snapshot["total"]["saved_seconds"]), (&json!(null), &json!(null)));
    assert_eq!(snapshot["total"]["latency"]["l1"]["p50_us"], json!(null));
    assert_eq!(snapshot["audit"]["total"]["right_share"], json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_markup_is_data() {
    let stage = Stage::filled().await.remove(0);
    let evil = "tax_rate:US:<script>alert(1)</script>";
    let cache = service(&stage).await;
    traffic(&cache).await;
    let sets = stage.keys_like("billing_cache:{numbers}:reads:*:invoices");
    let set = sets[0].replace("invoices", "tax_rates");
    stage.redis.command::<()>(&["ZADD", &set, "1e6", evil]).unwrap();
    let dashboard = Dashboard::over(&stage, &[]);
    let shows = |snapshot: &Value| snapshot["hot_keys"].as_array().into_iter().flatten().any(|hot| hot["key"] == evil);
    dashboard.snapshot(shows);
    assert!(!dashboard.get("/").text.contains("alert(1)"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_viewers_get_the_same_snapshots() {
    let stage = Stage::filled().await.remove(0);
    traffic(&service(&stage).await).await;
    let dashboard = Dashboard::over(&stage, &["--audit-seconds", "0", "--survey-seconds", "0"]);
    let (mut first, mut second) = (dashboard.live(), dashboard.live());
    let (mut of_first, mut of_second) = (Vec::new(), Vec::new());
    // Two may lie within one second: they are told apart by all they say. Each stream may begin before the other.
    let same = loop {
        of_first.push(first.next().unwrap());
        of_second.push(second.next().unwrap());
        if let Some(same) = of_first.iter().find(|snapshot| of_second.contains(snapshot) && has(340)(snapshot)) {
            break same;
        }
    };
    assert_eq!((&same["audit"]["state"], &same["survey"]["state"]), (&json!("off"), &json!("none")));
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_live_their_breakers_and_the_memory_are_shown() {
    let stage = Stage::filled().await.remove(0);
    let settings = settings(&stage);
    let database = Database::connect(&Settings::database_at(stage.database.url())).await.unwrap();
    let service = BillingService::open(database, &settings).await.unwrap();
    service.cache().flush_counters().await;
    stage.redis.command::<()>(&["CONFIG", "SET", "maxmemory", "64mb"]).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().to_string();
    let change =
        json!({"process": "<b>/7", "id": "a", "number": 1, "state": "open", "reason": "60 % of the calls failed"});
    stage.redis.command::<()>(&["ZADD", "billing_cache:{numbers}:breaker", &now, &change.to_string()]).unwrap();

    let dashboard = Dashboard::over(&stage, &[]);
    let snapshot = dashboard.snapshot(|snapshot| snapshot["redis"]["state"] == "ok");
    assert_as_the_schema_says("snapshot", &snapshot);
    let processes = snapshot["processes"].as_array().unwrap();
    assert_eq!(processes.len(), 1, "the dashboard is no service: {processes:#?}");
    assert_eq!((&processes[0]["pid"], &processes[0]["breaker"]), (&json!(std::process::id()), &json!("closed")));
    let memory = &snapshot["memory"];
    assert_eq!((&memory["limit_bytes"], &memory["policy"]), (&json!(64 << 20), &json!("noeviction")));
    assert!(memory["used_bytes"].as_u64() > Some(0));
    let shown = &snapshot["breaker_changes"][0];
    assert_eq!([&shown["state"], &shown["process"], &shown["reason"]], ["open", "<b>/7", "60 % of the calls failed"]);
    let history = dashboard.get("/api/history?range=15m").json();
    let opened = |point: &Value| point["breaker_open_changes"].as_u64().unwrap();
    assert_eq!(history["points"].as_array().unwrap().iter().map(opened).sum::<u64>(), 1);
    service.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_that_was_cut_off_adds_late_is_shown() {
    let stage = Stage::filled().await.remove(0);
    let dashboard = Dashboard::over(&stage, &[]);
    dashboard.snapshot(|snapshot| snapshot["redis"]["state"] == "ok");
    let requests = || -> u64 {
        let history = dashboard.get("/api/history?range=1h").json();
        let shown = history["points"].as_array().unwrap().iter();
        shown.map(|point| point["total"]["requests"].as_u64().unwrap()).sum()
    };
    assert_eq!(requests(), 0);
    let database = Database::connect(&Settings::database_at(stage.database.url())).await.unwrap();
    let service = BillingService::open(database, &settings(&stage)).await.unwrap();
    traffic(service.cache()).await;
    // As if it had counted that ten minutes ago.
    for key in stage.keys_like("billing_cache:{numbers}:minute:*") {
        let (minute, name) = key.strip_prefix("billing_cache:{numbers}:minute:").unwrap().split_once(':').unwrap();
        let then = minute.parse::<u64>().unwrap() - 10;
        stage
            .redis
            .command::<()>(&["RENAME", &key, &format!("billing_cache:{{numbers}}:minute:{then}:{name}")])
            .unwrap();
    }
    dashboard.snapshot(|_| requests() == 340);
    service.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_smallest_rights_of_the_tools_are_enough() {
    let stage = Stage::filled().await.remove(0);
    traffic(&service(&stage).await).await;
    let operations = include_str!("../../../../../docs/operations.md");
    let line = "ACL SETUSER billing-tools on >PASSWORD ";
    let rules = operations.lines().find_map(|documented| documented.trim().strip_prefix(line)).unwrap();
    let words: Vec<&str> =
        ["ACL", "SETUSER", "billing-tools", "on", ">acl-secret"].into_iter().chain(rules.split(' ')).collect();
    stage.redis.command::<()>(&words).unwrap();
    let mut command = stage.monitor(&["dashboard", "--listen", "127.0.0.1:0"]);
    command.env("REDIS_USERNAME", "billing-tools").env("REDIS_PASSWORD", "acl-secret");
    let dashboard = Dashboard::start(command);
    let snapshot = dashboard
        .snapshot(|snapshot| snapshot["audit"]["state"] == "complete" && snapshot["survey"]["state"] == "complete");
    assert_eq!(snapshot["redis"]["state"], "ok");
    for (range, ..) in RANGES {
        assert_eq!(dashboard.get(&format!("/api/history?range={range}")).json()["redis"], "ok", "{range}");
    }
    // The library's name, which only Redis 7.2 and later take, is no matter.
    let mut refused: Vec<BTreeMap<String, String>> = stage.redis.command(&["ACL", "LOG"]).unwrap();
    refused.retain(|entry| entry["object"] != "client|setinfo");
    assert_eq!(refused, []);
}
