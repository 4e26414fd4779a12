//! The numbers of a report are those that were asked for, add up, and come again with the same seed.

use std::path::Path;

use serde_json::{Value, json};
use test_support::{RedisServer, TestDatabase, json_schema};

use crate::fixture::Stage;

const TYPES: [(&str, u64); 4] =
    [("tax_rates", 12), ("active_discounts", 1), ("invoices", 60), ("user_credit_notes", 25)];

fn types(report: &Value) -> &Vec<Value> {
    report["types"].as_array().unwrap()
}

/// Hits and misses of each type.
fn hits_and_misses(report: &Value) -> Vec<(u64, u64)> {
    let requests = types(report).iter().map(|of_type| &of_type["measured"]["requests"]);
    requests.map(|requests| (requests["hits"].as_u64().unwrap(), requests["misses"].as_u64().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_type_gets_exactly_the_requests_that_were_asked_for() {
    for stage in Stage::filled().await {
        let report = stage.report(&["--iterations", "151"]);
        let found: Vec<_> =
            types(&report).iter().map(|t| (t["name"].as_str().unwrap(), t["keys"].as_u64().unwrap())).collect();
        assert_eq!(found, TYPES);
        for of_type in types(&report) {
            let measured = &of_type["measured"];
            let number = |name: &str| measured["requests"][name].as_u64().unwrap();
            assert_eq!(number("requests"), 151, "{of_type:#}");
            assert_eq!(number("hits") + number("misses") + number("bypassed"), 151, "{of_type:#}");
            assert!(
                (1..=of_type["keys"].as_u64().unwrap()).contains(&number("misses")),
                "a key is loaded once: {of_type:#}"
            );
            let counts = |kinds: &[&str]| -> u64 {
                let times = measured["times"].as_array().unwrap().iter();
                times
                    .filter(|times| kinds.contains(&times["kind"].as_str().unwrap()))
                    .map(|times| times["count"].as_u64().unwrap())
                    .sum()
            };
            assert_eq!(counts(&["load"]), 151, "one load past the cache for each request: {of_type:#}");
            assert_eq!(counts(&["hit"]), number("hits"));
            assert_eq!(counts(&["miss"]), number("misses"));
        }
        assert_eq!(report["total"]["requests"], 604);
        let notes = report["notes"].as_array().unwrap();
        let is_usual = |note: &Value| {
            ["debug build", "on your own database"].iter().any(|words| note.as_str().unwrap().contains(words))
        };
        assert!(notes.iter().all(is_usual), "all was in order: {notes:?}");
        let speaks_of_sqlite =
            notes.iter().any(|note| note.as_str().unwrap().contains("SQLite file takes about 0.1 ms"));
        assert_eq!(speaks_of_sqlite, report["database"].as_str().unwrap().starts_with("SQLite"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_asks_for_the_same_keys() {
    for stage in Stage::filled().await {
        let run = |seed: &str| stage.report(&["--iterations", "80", "--seed", seed]);
        let first = run("7");
        assert_eq!(first["workload"]["seed"], 7);
        assert_eq!(hits_and_misses(&first), hits_and_misses(&run("7")));
        assert_ne!(hits_and_misses(&first), hits_and_misses(&run("8")));
        let drawn = stage.report(&["--iterations", "80"]);
        assert_eq!(
            hits_and_misses(&drawn),
            hits_and_misses(&run(&drawn["workload"]["seed"].to_string())),
            "seed {}",
            drawn["workload"]["seed"]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_distribution_and_the_number_of_keys_are_as_asked_for() {
    for stage in Stage::filled().await {
        let report = stage.report(&["--iterations", "40", "--keys", "5", "--zipf", "0"]);
        let keys: Vec<_> = types(&report).iter().map(|of_type| of_type["keys"].as_u64().unwrap()).collect();
        assert_eq!(keys, [5, 1, 5, 5]);
        let workload = &report["workload"];
        assert_eq!((&workload["keys_limit"], &workload["zipf_exponent"]), (&json!(5), &json!(0.0)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_holds_what_is_printed_and_both_are_as_the_schema_says() {
    let schema = json_schema::load("cache-monitor");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("report.json");
    for stage in Stage::filled().await {
        // Few, enough for percentiles but not for a p99, and plenty.
        for iterations in ["5", "60", "130"] {
            let printed = stage.report(&["--iterations", iterations, "--json", path.to_str().unwrap()]);
            assert_eq!(read_json(&path), printed);
            assert_eq!(json_schema::violations(&schema, &printed), [""; 0], "{printed:#}");
        }
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file is left");
}

fn read_json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_samples_are_said_and_not_dressed_up_as_percentiles() {
    let stage = Stage::filled().await.remove(0);
    let report = stage.report(&["--iterations", "19"]);
    for of_type in types(&report) {
        let measured = &of_type["measured"];
        for percentile in
            measured["times"].as_array().unwrap().iter().flat_map(|t| t["percentiles"].as_array().unwrap())
        {
            assert_eq!(
                (&percentile["support"], &percentile["us"]),
                (&json!("too_few"), &json!(null)),
                "{percentile:#}"
            );
        }
        let improvements = measured["improvements"].as_array().unwrap();
        assert!(improvements.iter().any(|improvement| improvement["tier"] == "l2"));
        for improvement in improvements {
            let figures = ["of_means", "of_medians", "of_pairs"].map(|name| &improvement[name]);
            assert_eq!(figures, [&json!(null); 3], "{improvement:#}");
        }
    }
    assert!(stage.run(&["--iterations", "19"]).stdout.contains("fewer than 20 samples"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_interval_of_an_improvement_holds_its_median() {
    let stage = Stage::filled().await.remove(0);
    let report = stage.report(&["--iterations", "200", "--type", "invoices"]);
    let gain = &types(&report)[0]["measured"]["improvement"];
    let factors = ["low", "median", "high"].map(|end| gain[end]["factor"].as_f64().unwrap());
    assert!(factors.is_sorted(), "{gain:#}");
    assert_eq!(gain["pairs"], types(&report)[0]["measured"]["requests"]["hits"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_chosen_types_are_measured() {
    let stage = Stage::filled().await.remove(0);
    let report = stage.report(&["--iterations", "5", "--type", "discounts", "--type", "tax_rates"]);
    let names: Vec<_> = types(&report).iter().map(|of_type| of_type["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["tax_rates", "active_discounts"]);
    assert_eq!(report["total"]["requests"], 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_tasks_make_the_same_requests_together() {
    for stage in Stage::filled().await {
        let report = stage.report(&["--iterations", "151", "--concurrency", "5"]);
        for of_type in types(&report) {
            let measured = &of_type["measured"];
            assert_eq!(measured["requests"]["requests"], 151, "{of_type:#}");
            assert_eq!(measured["times"][0]["count"], 151, "one load past the cache for each request: {of_type:#}");
        }
        assert_eq!(report["concurrency"], 5);
        assert!(report["notes"].to_string().contains("coordinated omission"), "{report:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_warms_up_is_not_counted() {
    let stage = Stage::filled().await.remove(0);
    let report = stage.report(&["--iterations", "40", "--warmup", "300", "--type", "active_discounts"]);
    let requests = &types(&report)[0]["measured"]["requests"];
    assert_eq!((&requests["requests"], &requests["hits"]), (&json!(40), &json!(40)), "the miss was in the warm-up");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_get_tables_with_units_and_the_way_to_repeat_them() {
    for stage in Stage::filled().await {
        let run = stage.run(&["--iterations", "30", "--seed", "42"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        for words in
            ["hit rate (%)", "p95 (µs)", "l2 (hit)", "database (past the cache)", "mean: saved (%)", "invoices"]
        {
            assert!(run.stdout.contains(words), "{words} is not in\n{}", run.stdout);
        }
        assert!(!run.stdout.contains('\u{1b}'), "no colours in a pipe");
        let again = "the same requests again: cache-monitor --iterations 30 --keys 1000 --zipf 1 --seed 42\n";
        assert_eq!(run.stderr, again);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_without_rows_is_said_and_the_others_are_measured() {
    for database in [TestDatabase::sqlite().unwrap(), TestDatabase::postgres().await.unwrap()] {
        let stage = Stage { redis: RedisServer::start().unwrap(), database };
        let rates = "INSERT INTO tax_rates (name, rate, country, is_default) VALUES ('VAT', 20, 'GB', TRUE)";
        stage.migrate_and_run(&[rates]).await;
        let report = stage.report(&["--iterations", "10"]);
        let measured: Vec<_> = types(&report).iter().map(|of_type| !of_type["measured"].is_null()).collect();
        assert_eq!(measured, [true, false, false, false]);
        assert_eq!(json_schema::violations(&json_schema::load("cache-monitor"), &report), [""; 0]);
        assert_eq!(report["total"]["requests"], 10);
        assert!(
            report["notes"].as_array().unwrap().contains(&json!("invoices: no rows in the database")),
            "{report:#}"
        );
        assert!(stage.run(&["--iterations", "10"]).stdout.contains("no rows in the database"));
    }
}
