//! Ctrl-C in the middle of a long walk: what was done until then is shown, and marked as a part.
//!
//! A low `--rate` makes the walk long. The signal is sent when the server has seen some steps of it.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use test_support::eventually;
use test_support::json_schema::{load, violations};

use crate::harness::{Run, Stage, named};

const KEYS: u64 = 2_000;

fn filled() -> Stage {
    let stage = Stage::sqlite();
    for id in 0..KEYS {
        stage.set(&format!("invoice:{id}"), 600);
    }
    stage
}

/// Runs a command until the server has got `calls` of `command`, and interrupts it there.
async fn interrupted(stage: &Stage, arguments: &[&str], command: &str, calls: u64) -> Run {
    stage.redis.reset_command_stats().unwrap();
    let child = stage.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let seen = || async { stage.redis.calls(command).is_ok_and(|seen| seen >= calls) };
    eventually(Duration::from_secs(30), seen).await.unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    Run::of(child.wait_with_output().unwrap())
}

/// The JSON of a partial result: marked, as its schema says, with the sentence on stderr.
fn partial(run: &Run, command: &str) -> Value {
    assert_eq!(run.code, Some(130), "{run:?}");
    assert!(run.stderr.starts_with("error: interrupted: ") && run.stderr.lines().count() == 1, "{run:?}");
    let report = run.json();
    assert_eq!(report["complete"], false, "{report}");
    assert_eq!(violations(&load(&format!("cache-admin-{command}")), &report), [""; 0]);
    report
}

fn number(report: &Value, of: &str) -> u64 {
    named(&report["types"], "invoices")[of].as_u64().unwrap()
}

#[tokio::test]
async fn stats_shows_what_it_has_seen() {
    let stage = filled();
    let run = interrupted(&stage, &["stats", "--rate", "100", "--format", "json"], "scan", 3).await;
    let keys = number(&partial(&run, "stats"), "keys");
    assert!((1..KEYS).contains(&keys), "{keys}");
    let run = interrupted(&stage, &["stats", "--rate", "100"], "scan", 3).await;
    assert!(run.stdout.trim_end().ends_with("partial: interrupted before its end"), "{}", run.stdout);
}

#[tokio::test]
async fn clear_shows_what_it_has_removed() {
    let stage = filled();
    // The walk over the leases comes first, and removes nothing.
    let arguments = ["clear", "--type", "all", "--rate", "500", "--format", "json"];
    let run = interrupted(&stage, &arguments, "unlink", 50).await;
    let removed = number(&partial(&run, "clear"), "values");
    let left: u64 = stage.redis.command(&["DBSIZE"]).unwrap();
    assert!((1..KEYS).contains(&removed), "{removed}");
    // A step whose answer did not come any more is not counted.
    assert!(removed + left <= KEYS && left > 0, "{removed} removed, {left} left");
}

#[tokio::test]
async fn warmup_shows_what_it_has_loaded() {
    let stage = Stage::sqlite().seeded();
    let arguments = ["warmup", "--type", "invoices", "--rate", "20", "--format", "json"];
    // An ACQUIRE and a FILL for each of the first values.
    let run = interrupted(&stage, &arguments, "evalsha", 8).await;
    let loaded = number(&partial(&run, "warmup"), "loaded");
    let stored: u64 = named(&stage.json(&["stats"])["types"], "invoices")["keys"].as_u64().unwrap();
    assert!((1..=stored).contains(&loaded) && stored < 300, "{loaded} said, {stored} stored");
}

#[test]
fn a_rate_makes_steps_small_and_loses_nothing() {
    let stage = Stage::sqlite();
    for id in 0..50 {
        stage.set(&format!("invoice:{id}"), 600);
    }
    stage.redis.reset_command_stats().unwrap();
    let stats = stage.json(&["stats", "--rate", "100"]);
    assert_eq!((&stats["complete"], number(&stats, "keys")), (&json!(true), 50));
    // A tenth of the rate is the size of a step: ten keys.
    assert!(stage.redis.calls("scan").unwrap() >= 4, "{}", stage.redis.calls("scan").unwrap());
    let cleared = stage.json(&["clear", "--type", "invoices", "--rate", "1000"]);
    assert_eq!(number(&cleared, "values"), 50);
}
