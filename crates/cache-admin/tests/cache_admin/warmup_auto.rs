//! `warmup --auto`: what people ask for stays cached, whatever happens to it, until Ctrl-C.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use sea_orm::ConnectionTrait;
use serde_json::Value;
use test_support::eventually;

use crate::harness::{Run, Stage, named};
use crate::warmup_by_use::read_often;

/// How long a test waits for what must happen.
const PATIENT: Duration = Duration::from_secs(60);

/// A running keeper; killed if the test fails.
pub(crate) struct Keeper {
    child: Option<Child>,
    /// What it says on stderr.
    log: PathBuf,
}

impl Keeper {
    fn start(stage: &Stage) -> Self {
        Self::start_with(stage, "3", &[])
    }

    pub(crate) fn start_with(stage: &Stage, limit: &str, variables: &[(&str, &str)]) -> Self {
        let arguments = ["warmup", "--auto", "--interval", "0.1", "--limit", limit, "--format", "json"];
        let mut command = stage.command(&arguments);
        command.env("BILLING__CACHE__COUNTERS_FLUSH_MS", "50").envs(variables.iter().copied());
        let log = stage.directory().join("keeper.log");
        let child = command.stdout(Stdio::piped()).stderr(File::create(&log).unwrap()).spawn().unwrap();
        Self { child: Some(child), log }
    }

    /// Waits until it says a line that begins so.
    pub(crate) async fn has_said(&self, beginning: &str) {
        until(|| self.said().iter().any(|line| line.starts_with(beginning))).await;
    }

    fn said(&self) -> Vec<String> {
        std::fs::read_to_string(&self.log).unwrap().lines().map(str::to_owned).collect()
    }

    /// Ctrl-C, which must be a good end.
    pub(crate) fn interrupt(mut self) -> (Value, Vec<String>) {
        let child = self.child.take().unwrap();
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let run = Run::of(child.wait_with_output().unwrap());
        assert_eq!(run.code, Some(0), "{run:?}");
        (run.json(), self.said())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// People ask for invoices 5, 7 and 9.
async fn read_before() -> Stage {
    let stage = Stage::sqlite().seeded();
    let cache = stage.open_cache().await;
    for id in [5, 7, 9] {
        read_often(&cache, id, 400).await;
    }
    cache.flush_counters().await;
    stage.run(&["clear", "--type", "all"]).assert_fine();
    stage
}

async fn until(condition: impl Fn() -> bool) {
    eventually(PATIENT, || async { condition() }).await.unwrap();
}

async fn until_warm(stage: &Stage) {
    let exists = |key: &str| stage.redis.command::<bool>(&["EXISTS", key]).unwrap_or(false);
    until(|| ["invoice:5", "invoice:7", "invoice:9"].iter().all(|key| exists(key))).await;
}

fn assert_said(lines: &[String], beginnings: &[&str]) {
    assert_eq!(lines.len(), beginnings.len(), "{lines:#?}");
    for (line, beginning) in lines.iter().zip(beginnings) {
        assert!(line.starts_with(beginning), "{beginning}: {lines:#?}");
    }
}

#[tokio::test]
async fn it_loads_again_after_a_clear_and_before_values_end() {
    let stage = read_before().await;
    let keeper = Keeper::start(&stage);
    until_warm(&stage).await;
    stage.run(&["clear", "--type", "all"]).assert_fine();
    until_warm(&stage).await;
    assert!(stage.redis.command::<bool>(&["PEXPIRE", "invoice:7", "30000"]).unwrap());
    until(|| stage.redis.command::<i64>(&["PTTL", "invoice:7"]).unwrap() > 200_000).await;
    let (report, said) = keeper.interrupt();
    assert_said(&said, &["loaded 3 of 3 values, wanted by use", "values were removed: loaded 3 of 3 values"]);
    assert_eq!(named(&report["types"], "invoices")["loaded"], 7);
}

#[tokio::test]
async fn it_survives_a_restart_of_redis_and_remembers_what_redis_forgot() {
    let stage = read_before().await;
    let keeper = Keeper::start(&stage);
    until_warm(&stage).await;
    stage.redis.kill().unwrap();
    stage.redis.restart().unwrap();
    until_warm(&stage).await;
    let names: Vec<String> = stage.redis.command(&["KEYS", "billing_cache:{numbers}:reads:*"]).unwrap();
    assert_eq!(names, Vec::<String>::new(), "the reads are gone");
    let (_, said) = keeper.interrupt();
    assert!(said.last().unwrap().starts_with("redis was restarted: loaded 3 of 3 values"), "{said:#?}");
    assert!(said.len() <= 3, "one line a change: {said:#?}");
}

#[tokio::test]
async fn it_survives_a_database_that_fails_and_says_so_once() {
    let stage = read_before().await;
    let keeper = Keeper::start(&stage);
    until_warm(&stage).await;
    let database = stage.open_database().await;
    database.connection().execute_unprepared("ALTER TABLE payments RENAME TO payments_elsewhere").await.unwrap();
    stage.run(&["clear", "--type", "all"]).assert_fine();
    let loads_failed = || {
        let hours: Vec<String> = stage.redis.command(&["KEYS", "billing_cache:{numbers}:hour:*:invoices"]).unwrap();
        let failed = |hour: &String| stage.redis.command::<Option<u64>>(&["HGET", hour, "load_failed"]).unwrap();
        hours.iter().filter_map(failed).sum::<u64>()
    };
    until(|| loads_failed() >= 2).await;
    database.connection().execute_unprepared("ALTER TABLE payments_elsewhere RENAME TO payments").await.unwrap();
    until_warm(&stage).await;
    let (_, said) = keeper.interrupt();
    let trouble = "cannot keep the cache warm, trying again: warm up invoices: ";
    assert_said(&said, &["loaded 3 of 3 values", trouble, "all is well again: loaded 3 of 3 values"]);
    assert!(said[1].contains("payments"), "{said:#?}");
}
