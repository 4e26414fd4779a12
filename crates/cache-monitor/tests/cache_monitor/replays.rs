//! `--trace`: a recorded access log is replayed line by line, and what is no key of ours is said.

use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::json_schema;

use crate::fixture::{Run, Stage};

/// Eight keys of three types, of which one is asked for twice and one does not exist, and three foreign lines.
const LOG: &str = "invoice:7\ntax_rate:US:R1\ninvoice:7\n\nsession:4f2\r\nuser_credit_notes:3\ninvoice:0x7\ninvoice:999\n\
    tax_rate:US:default\nlease:{invoice:7}\nactive_discounts\ninvoice:8";

fn log(text: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("access.log");
    std::fs::write(&path, text).unwrap();
    (directory, path)
}

fn requests(report: &Value, name: &str) -> Value {
    let of_type = report["types"].as_array().unwrap().iter().find(|of_type| of_type["name"] == name).unwrap();
    let requests = &of_type["measured"]["requests"];
    json!([requests["hits"], requests["misses"]])
}

#[tokio::test(flavor = "multi_thread")]
async fn each_key_is_asked_for_as_often_as_the_log_has_it() {
    for stage in Stage::filled().await {
        let (_directory, path) = log(LOG);
        let report = stage.report(&["--trace", path.to_str().unwrap()]);
        let expected = json!({
            "kind": "trace", "file": path.to_str().unwrap(), "lines": 11, "replayed": 8, "other_types": 0, "foreign": 3
        });
        assert_eq!(report["workload"], expected);
        for (name, expected) in
            [("invoices", [1, 3]), ("tax_rates", [0, 2]), ("user_credit_notes", [0, 1]), ("active_discounts", [0, 1])]
        {
            assert_eq!(requests(&report, name), json!(expected), "{name}");
        }
        let notes = report["notes"].to_string();
        assert!(notes.contains("3 of 11 lines are no keys of ours"), "{notes}");
        assert!(notes.contains("left out: line 5, 7, 10"), "{notes}");
        // It may be a password of somebody.
        assert!(!notes.contains("session:4f2"), "{notes}");
        assert_eq!(json_schema::violations(&json_schema::load("cache-monitor"), &report), [""; 0], "{report:#}");
        assert_eq!(stage.contents().len(), 0, "nothing is left");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_stand_in_the_log_as_they_stand_in_redis() {
    let stage = Stage::filled().await.remove(0);
    let (_directory, path) = log("ours:invoice:7\ninvoice:7\n");
    let mut monitor = stage.monitor(&["--trace", path.to_str().unwrap(), "--format", "json"]);
    let output = monitor.env("BILLING__CACHE__KEY_SPACE", "ours:").output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["workload"]["replayed"], &report["workload"]["foreign"]), (&json!(1), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_other_types_are_counted_apart() {
    let stage = Stage::filled().await.remove(0);
    let (_directory, path) = log(LOG);
    let report = stage.report(&["--trace", path.to_str().unwrap(), "--type", "invoices", "--concurrency", "3"]);
    assert_eq!(report["workload"]["replayed"], 4);
    assert_eq!((&report["workload"]["other_types"], &report["workload"]["foreign"]), (&json!(4), &json!(3)));
    assert_eq!(report["total"]["requests"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_comes_through_standard_input_too() {
    let stage = Stage::filled().await.remove(0);
    let mut monitor = stage.monitor(&["--trace", "-", "--format", "json"]);
    let mut child = monitor.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(LOG.as_bytes()).unwrap();
    let run = Run::of(&child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["workload"]["replayed"], 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_that_says_nothing_more_is_left_by_an_interruption() {
    let stage = Stage::filled().await.remove(0);
    let mut monitor = stage.monitor(&["--trace", "-"]);
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"invoice:7\ninvoice:7\n").unwrap();
    let running = stage.started(monitor.stdin(reader)).await;
    running.signal(Signal::INT);
    let run = running.end().await;
    assert_eq!(run.code, Some(130), "{}", run.stderr);
    assert_eq!(stage.contents().len(), 0, "nothing is left");
    drop(writer);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_any_key_of_ours_is_wrong_usage() {
    let stage = Stage::filled().await.remove(0);
    let (directory, path) = log("session:1\nsession:2\n");
    let path = path.to_str().unwrap();
    stage.run(&["--trace", path]).assert_refused(2, &["none of its 2 lines", "invoice:{invoice_id}", "see line 1"]);
    std::fs::write(path, "").unwrap();
    stage.run(&["--trace", path]).assert_refused(2, &["is empty"]);
    std::fs::write(path, "invoice:1\n").unwrap();
    stage.run(&["--trace", path, "--type", "tax_rates"]).assert_refused(2, &["of the chosen --type"]);
    stage.run(&["--trace", directory.path().to_str().unwrap()]).assert_refused(2, &["is a directory"]);
    stage.run(&["--trace", "/gone/access.log"]).assert_refused(2, &["--trace /gone/access.log", "cannot be opened"]);
}
