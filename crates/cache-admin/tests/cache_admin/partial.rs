//! Ctrl-C in the middle of a long walk: what was done until then is shown, and marked as a part.
//!
//! A low `--rate` makes the walk long. The signal is sent when the server has seen some steps of it.

use std::process::{Command, Stdio};
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
    interrupted_once(&mut stage.command(arguments), || stage.redis.calls(command).is_ok_and(|seen| seen >= calls)).await
}

/// Runs a command until something is seen, and interrupts it there.
async fn interrupted_once(command: &mut Command, seen: impl Fn() -> bool) -> Run {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually(Duration::from_secs(30), || async { seen() }).await.unwrap();
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

/// Decoding it takes seconds here, and the run is interrupted when all of it has left the server.
const HUGE_BYTES: u64 = 64 << 20;

async fn interrupted_in_a_huge_value(arguments: &[&str]) -> Run {
    let stage = Stage::sqlite().seeded();
    let piece = "0,".repeat(1 << 20);
    let pieces = (0..HUGE_BYTES / piece.len() as u64).map(|_| piece.as_str());
    for text in ["{\"x\":["].into_iter().chain(pieces).chain(["0]}"]) {
        stage.redis.command::<u64>(&["APPEND", "invoice:1", text]).unwrap();
    }
    let sent = || stage.redis.info("stats").unwrap()["total_net_output_bytes"].parse::<u64>().unwrap();
    let before = sent();
    let mut command = stage.command(arguments);
    let patient = [("BILLING__CACHE__MAX_VALUE_BYTES", "100000000"), ("BILLING__REDIS__BATCH_TIMEOUT_MS", "60000")];
    interrupted_once(command.envs(patient), || sent() >= before + HUGE_BYTES).await
}

#[tokio::test]
async fn verify_does_not_wait_for_the_end_of_a_huge_value() {
    let run = interrupted_in_a_huge_value(&["verify", "--all", "--format", "json"]).await;
    assert_eq!(number(&partial(&run, "verify"), "checked"), 0);
}

#[tokio::test]
async fn inspect_does_not_wait_for_the_end_of_a_huge_value() {
    let run = interrupted_in_a_huge_value(&["inspect", "invoice:1"]).await;
    assert_eq!(run.assert_error(130), "interrupted: nothing was changed");
    assert_eq!(run.stdout, "");
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
