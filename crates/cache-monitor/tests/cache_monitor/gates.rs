//! `--fail-under`, with and without `--baseline`: exit code 1 says that the cache is worth less than it should be.

use std::path::Path;

use serde_json::{Value, json};
use test_support::json_schema;

use crate::fixture::Stage;

const ARGUMENTS: [&str; 4] = ["--iterations", "80", "--type", "invoices"];

/// The report of a run, kept in a file, with the speed-up that it found multiplied.
fn keep(path: &Path, mut report: Value, times: f64) {
    let median = &mut report["types"][0]["measured"]["improvement"]["median"];
    median["factor"] = json!(median["factor"].as_f64().unwrap() * times);
    std::fs::write(path, report.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fall_below_the_baseline_fails_and_anything_else_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("main.json");
    for stage in Stage::filled().await {
        let report = stage.report(&ARGUMENTS);
        // Far beyond what a busy machine does to a ratio.
        for (times, percent, code) in [(0.001, "80", 0), (1000.0, "80", 1), (1000.0, "0", 0)] {
            keep(&path, report.clone(), times);
            let gate = ["--baseline", path.to_str().unwrap(), "--fail-under", percent, "--format", "json"];
            let run = stage.run(&[&ARGUMENTS[..], &gate].concat());
            assert_eq!(run.code, Some(code), "{}", run.stderr);
            let judged: Value = serde_json::from_str(&run.stdout).unwrap();
            assert_eq!(judged["gate"]["outcome"], if code == 0 { "passed" } else { "failed" }, "{judged:#}");
            assert_eq!(judged["gate"]["verdicts"][0]["figure"], "speed_up");
            assert_eq!(json_schema::violations(&json_schema::load("cache-monitor"), &judged), [""; 0], "{judged:#}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_baseline_the_percentage_stands_for_itself() {
    let stage = Stage::filled().await.remove(0);
    let run = stage.run(&[&ARGUMENTS[..], &["--fail-under", "100"]].concat());
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stdout.contains("gate failed") && run.stdout.contains("FAILED"), "{}", run.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_hits_are_shown_but_cannot_be_judged() {
    let stage = Stage::filled().await.remove(0);
    let run = stage.run(&["--iterations", "5", "--fail-under", "10"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("some types cannot be judged; ask for more --iterations"), "{}", run.stderr);
    assert!(run.stdout.contains("gate cannot tell") && run.stdout.contains("invoices (too few hits"), "{}", run.stdout);
    let run = stage.run(&["--iterations", "5", "--fail-under", "10", "--allow-unknown"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    // What fails is not unknown.
    let run = stage.run(&[&ARGUMENTS[..], &["--fail-under", "100", "--allow-unknown"]].concat());
    assert_eq!(run.code, Some(1), "{}", run.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_baseline_that_does_not_match_is_wrong_usage_before_anything_is_measured() {
    let stage = Stage::filled().await.remove(0);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("main.json");
    let report = stage.report(&ARGUMENTS);
    stage.redis.reset_command_stats().unwrap();
    for (member, value, says) in [
        ("schema_version", json!(1), "schema version 1"),
        ("types", json!([]), "this run of invoices"),
        ("concurrency", json!(9), "--concurrency 9"),
    ] {
        let mut other = report.clone();
        other[member] = value;
        std::fs::write(&path, other.to_string()).unwrap();
        let gate = ["--baseline", path.to_str().unwrap(), "--fail-under", "80"];
        stage.run(&[&ARGUMENTS[..], &gate].concat()).assert_refused(2, &["--baseline", says]);
    }
    let gone = ["--baseline", "/gone/main.json", "--fail-under", "80"];
    stage.run(&[&ARGUMENTS[..], &gone].concat()).assert_refused(2, &["/gone/main.json", "cannot be read"]);
    assert_eq!(stage.redis.calls("evalsha").unwrap(), 0);
}
