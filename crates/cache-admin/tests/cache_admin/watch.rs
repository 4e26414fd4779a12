//! `stats --watch`: goes on until Ctrl-C, whatever becomes of Redis.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::harness::Stage;

fn watch(stage: &Stage, arguments: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let arguments = [&["stats", "--watch", "1"], arguments].concat();
    let mut child = stage.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    (child, stdout)
}

fn next_document(stdout: &mut BufReader<ChildStdout>) -> Value {
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// Presses Ctrl-C, and gives the exit code and what was said on stderr.
fn interrupt(mut child: Child) -> (Option<i32>, String) {
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::INT).unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code(), said)
}

#[test]
fn each_look_is_a_line_of_json_and_ctrl_c_is_a_good_end() {
    let stage = Stage::sqlite();
    let (child, mut stdout) = watch(&stage, &["--format", "json"]);
    assert_eq!(next_document(&mut stdout)["foreign"], 0);
    stage.set("other:program", 60);
    while next_document(&mut stdout)["foreign"] != 1 {}
    assert_eq!(interrupt(child), (Some(0), String::new()));
}

#[test]
fn text_is_appended_where_there_is_no_terminal() {
    let stage = Stage::sqlite();
    let (child, stdout) = watch(&stage, &[]);
    let heads = stdout.lines().map(Result::unwrap).inspect(|line| assert!(!line.contains('\u{1b}'), "{line}"));
    assert_eq!(heads.filter(|line| line.contains("cached values")).take(2).count(), 2);
    assert_eq!(interrupt(child), (Some(0), String::new()));
}

#[test]
fn a_redis_that_goes_away_and_comes_back_is_said_and_survived() {
    let stage = Stage::sqlite();
    let (mut child, mut stdout) = watch(&stage, &["--format", "json"]);
    next_document(&mut stdout);
    stage.redis.stop().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    stderr.read_line(&mut said).unwrap();
    assert!(said.starts_with("error: cannot use Redis at 127.0.0.1:"), "{said}");
    stage.redis.restart().unwrap();
    stage.set("other:program", 60);
    while next_document(&mut stdout)["foreign"] != 1 {}
    child.stderr = Some(stderr.into_inner());
    assert_eq!(interrupt(child).0, Some(0));
}

#[test]
fn a_reader_that_has_seen_enough_ends_it() {
    let stage = Stage::sqlite();
    let (mut child, mut stdout) = watch(&stage, &["--format", "json"]);
    next_document(&mut stdout);
    drop(stdout);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn settings_that_cannot_work_end_it() {
    let stage = Stage::sqlite();
    let run = stage.run_with(&["stats", "--watch", "1"], &[("REDIS_PORT", "abc")]);
    run.assert_error(2);
    assert_eq!(stage.run(&["stats", "--watch", "0"]).code, Some(2));
}
