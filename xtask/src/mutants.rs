//! `cargo xtask mutants`: takes each part of the protocol out of the code, and runs the test that must fail then.
//!
//! Invariant: a mutation counts as noticed only if its test fails with it and passes without it. The mutations and
//! their tests are those of `docs/protocol.md` ([`table`]).

pub(crate) mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use rustix::process::Signal;
use serde_json::Value;
use test_servers::program::{end_of, shown, to_log};
use test_servers::{PostgresServer, redis};

use crate::environment::without_ours;
use crate::install::{self, Need};
use crate::process::{Running, say};
use crate::workspace::{Scratch, cargo, root};
use table::Mutant;

/// The variable that names the part to go without.
const VARIABLE: &str = "BILLING_MUTATION";
const FEATURE: &str = "billing-cache/mutations";
/// The packages of the suites.
const SUITES: [(&str, &str); 1] = [("cache", "billing-cache")];
/// Tests that run at once. Most of them wait for something.
const AT_ONCE: usize = 4;
/// A test without a part may wait for what never comes. No test waits this long.
const LIMIT: Duration = Duration::from_secs(180);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

#[derive(Args)]
pub(crate) struct Options {
    /// Only these mutations; all without a name
    names: Vec<String>,
}

/// Runs the mutations. Prints one line for each to stdout; it succeeds if each was noticed.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mutants = options.chosen(table::read(root())?)?;
    install::ensure(&[Need::Redis, Need::Postgres])?;
    let suites = build(&mutants)?;
    let (logs, server) = (Scratch::new("mutants")?, PostgresServer::start()?);
    let trial = Trial { suites, logs: logs.path(), postgres: server.url() };
    trial.passes_with_every_part(&mutants)?;
    let missed = trial.missed(mutants)?;
    ensure!(missed.is_empty(), "no test failed without {}", missed.join(", "));
    Ok(())
}

impl Options {
    fn chosen(&self, all: Vec<Mutant>) -> Result<Vec<Mutant>> {
        if let Some(unknown) = self.names.iter().find(|name| all.iter().all(|mutant| mutant.name != **name)) {
            bail!("there is no mutation {unknown}: choose one of {}", table::DOCUMENT);
        }
        let is_chosen = |mutant: &Mutant| self.names.is_empty() || self.names.contains(&mutant.name);
        Ok(all.into_iter().filter(is_chosen).collect())
    }
}

/// The built tests of a suite.
struct Suite {
    program: PathBuf,
    /// The directory in which cargo runs them.
    package: PathBuf,
}

/// Builds the suites of these mutations, once for all of them.
fn build(mutants: &[Mutant]) -> Result<BTreeMap<String, Suite>> {
    let mut command = build_of(mutants);
    say(&format!("$ {}", shown(&command)));
    let output = command.stderr(Stdio::inherit()).output().context("start cargo")?;
    ensure!(output.status.success(), "the build failed");
    let messages = output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    Ok(messages.filter_map(|message: Value| suite_of(&message)).collect())
}

fn build_of(mutants: &[Mutant]) -> Command {
    let wanted: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.suite.as_str()).collect();
    let mut command = cargo();
    command.args(["test", "--no-run", "--message-format", "json-render-diagnostics", "--features", FEATURE]);
    for (suite, package) in SUITES.iter().filter(|(suite, _)| wanted.contains(suite)) {
        command.args(["-p", package, "--test", suite]);
    }
    command
}

/// The suite that a message of cargo reports as built.
fn suite_of(message: &Value) -> Option<(String, Suite)> {
    let name = message["target"]["name"].as_str()?;
    let program = message["executable"].as_str()?.into();
    let package = PathBuf::from(message["manifest_path"].as_str()?).parent()?.to_owned();
    Some((name.to_owned(), Suite { program, package }))
}

struct Trial<'a> {
    suites: BTreeMap<String, Suite>,
    logs: &'a Path,
    postgres: String,
}

/// What became of the tests that ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
}

impl Trial<'_> {
    fn passes_with_every_part(&self, mutants: &[Mutant]) -> Result<()> {
        for suite in self.suites.keys() {
            let of_suite = mutants.iter().filter(|mutant| mutant.suite == *suite);
            let tests: BTreeSet<&str> = of_suite.map(|mutant| mutant.test.as_str()).collect();
            let log = self.log(suite);
            let outcome = self.run(suite, &tests, None)?;
            ensure!(outcome == Outcome::Passed, "a test of {suite} fails with every part: {}", end_of(&log));
            let all = format!("test result: ok. {} passed", tests.len());
            ensure!(end_of(&log).contains(&all), "{suite} lacks a test that {} names", table::DOCUMENT);
        }
        Ok(())
    }

    /// The mutations that their tests did not notice.
    fn missed(&self, mutants: Vec<Mutant>) -> Result<Vec<String>> {
        let (left, missed) = (Mutex::new(mutants.into_iter()), Mutex::new(Vec::new()));
        let next = || left.lock().expect("no panic while a mutation is taken").next();
        let work = || -> Result<()> {
            while let Some(mutant) = next() {
                let outcome = self.run(&mutant.suite, &BTreeSet::from([mutant.test.as_str()]), Some(&mutant.name))?;
                println!("{}: {}", mutant.name, told(&mutant, outcome));
                if outcome == Outcome::Passed {
                    missed.lock().expect("no panic while a name is noted").push(mutant.name);
                }
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().expect("a worker does not panic"))
        })?;
        Ok(missed.into_inner().expect("no panic while a name is noted"))
    }

    /// Runs these tests of a suite, without one part or with all.
    fn run(&self, suite: &str, tests: &BTreeSet<&str>, without: Option<&str>) -> Result<Outcome> {
        let Suite { program, package } =
            self.suites.get(suite).with_context(|| format!("no suite {suite} was built"))?;
        let log = self.log(without.unwrap_or(suite));
        let mut command = Command::new(program);
        without_ours(command.current_dir(package).arg("--exact").args(tests))
            .env("BILLING_TEST_POSTGRES_URL", &self.postgres)
            .envs(redis::program().map(|program| ("REDIS_SERVER_BIN", program)))
            .envs(without.map(|part| (VARIABLE, part)));
        let running = Running::spawn(to_log(&mut command, &log)?, Signal::TERM)?;
        let ends = Instant::now() + LIMIT;
        while running.ended()?.is_none() {
            ensure!(Instant::now() < ends, "the tests do not end without {}", without.unwrap_or("any mutation"));
            std::thread::sleep(POLL_INTERVAL);
        }
        outcome_of(&std::fs::read_to_string(&log)?).with_context(|| format!("{suite} did not run: {}", end_of(&log)))
    }

    fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }
}

/// A program that was ended by a signal has no outcome.
fn outcome_of(output: &str) -> Option<Outcome> {
    let result = output.lines().rev().find_map(|line| line.strip_prefix("test result: "))?;
    Some(if result.starts_with("ok") { Outcome::Passed } else { Outcome::Failed })
}

fn told(mutant: &Mutant, outcome: Outcome) -> String {
    match outcome {
        Outcome::Failed => format!("noticed by {} {}", mutant.suite, mutant.test),
        Outcome::Passed => format!("NOT noticed by {} {}", mutant.suite, mutant.test),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant(name: &str) -> Mutant {
        Mutant { name: name.to_owned(), suite: "cache".to_owned(), test: "late::it_is".to_owned() }
    }

    #[test]
    fn a_name_that_is_no_mutation_is_refused() {
        let all = || vec![mutant("a"), mutant("b")];
        let chosen =
            |names: &[&str]| Options { names: names.iter().map(|&name| name.to_owned()).collect() }.chosen(all());
        assert_eq!(chosen(&[]).unwrap(), all());
        assert_eq!(chosen(&["b"]).unwrap(), [mutant("b")]);
        let refused = chosen(&["c"]).unwrap_err().to_string();
        assert_eq!(refused, "there is no mutation c: choose one of docs/protocol.md");
    }

    #[test]
    fn only_the_suites_that_are_needed_are_built_with_the_mutations() {
        let command = build_of(&[mutant("a")]);
        let arguments: Vec<_> = command.get_args().map(|argument| argument.to_str().unwrap()).collect();
        assert!(arguments.join(" ").ends_with("--features billing-cache/mutations -p billing-cache --test cache"));
    }

    #[test]
    fn a_run_that_was_cut_off_has_no_outcome() {
        assert_eq!(outcome_of("running 1 test\n"), None);
        assert_eq!(outcome_of("x\ntest result: FAILED. 0 passed; 1 failed\n\n"), Some(Outcome::Failed));
        assert_eq!(outcome_of("x\ntest result: ok. 1 passed; 0 failed\n\n"), Some(Outcome::Passed));
    }
}
