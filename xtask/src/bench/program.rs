//! The benchmark programs of the workspace: each prints its figures as JSON lines, which are collected here.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use test_servers::program;
use test_servers::{PostgresServer, RedisServer};

use super::record::Record;
use crate::environment::without_ours;
use crate::process::{self, say};
use crate::workspace::{Scratch, cargo};

/// The depth of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Depth {
    Full,
    /// A few rounds of everything, which show whether it works but not how fast it is.
    Quick,
}

/// A benchmark target, as cargo names it.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) package: &'static str,
    pub(crate) name: &'static str,
}

pub(super) const SERVICE: Target = Target { package: "billing-core", name: "billing" };
pub(super) const WARM_UP: Target = Target { package: "cache-admin", name: "warm_up" };
pub(super) const HOT_PATH: Target = Target { package: "billing-cache", name: "hot_path" };
pub(super) const TOOLS: Target = Target { package: "cache-admin", name: "tools" };

impl Target {
    /// Builds it in the form in which it is run.
    pub(crate) fn build(self) -> Result<()> {
        let Self { package, name } = self;
        let mut command = cargo();
        command.args(["bench", "--package", package, "--bench", name, "--no-run"]);
        say(&format!("$ {}", program::shown(&command)));
        process::run("the build of a benchmark", &mut command)
    }

    fn command(self, arguments: &[String], depth: Depth) -> Command {
        let Self { package, name } = self;
        let mut command = cargo();
        command.args(["bench", "--package", package, "--bench", name]);
        if !arguments.is_empty() {
            command.arg("--").args(arguments);
        }
        without_ours(&mut command);
        if depth == Depth::Quick {
            command.env("BENCH_QUICK", "1");
        }
        command
    }
}

/// Runs a benchmark that needs no servers or starts them itself.
pub(crate) fn alone(target: Target, arguments: &[String], depth: Depth, section: &str) -> Result<Vec<Record>> {
    collect(&mut target.command(arguments, depth), section)
}

/// Runs a benchmark on SQLite, with an empty Redis for it alone.
pub(crate) fn on_sqlite(target: Target, depth: Depth, section: &str) -> Result<Vec<Record>> {
    let directory = Scratch::new("bench")?;
    on(target, depth, section, &format!("sqlite://{}", directory.path().join("bench.sqlite").display()))
}

/// Runs a benchmark on PostgreSQL, with an empty Redis for it alone.
pub(crate) fn on_postgres(target: Target, depth: Depth, section: &str) -> Result<Vec<Record>> {
    let server = PostgresServer::start()?;
    on(target, depth, section, &server.url())
}

fn on(target: Target, depth: Depth, section: &str, database_url: &str) -> Result<Vec<Record>> {
    let redis = RedisServer::start()?;
    let mut command = target.command(&[], depth);
    command.env("BENCH_REDIS_PORT", redis.port().to_string()).env("BENCH_DATABASE_URL", database_url);
    collect(&mut command, section)
}

/// Runs a program and reads its output.
fn collect(command: &mut Command, section: &str) -> Result<Vec<Record>> {
    let directory = Scratch::new("bench-output")?;
    let output = directory.path().join("stdout");
    say(&format!("$ {}", program::shown(command)));
    process::run("the benchmark", command.stdout(File::create(&output).context("create the file of the figures")?))?;
    read(&output, section)
}

fn read(output: &Path, section: &str) -> Result<Vec<Record>> {
    let text = std::fs::read_to_string(output).context("read the figures")?;
    text.lines().filter(|line| line.starts_with('{')).map(|line| parse(line, section)).collect()
}

fn parse(line: &str, section: &str) -> Result<Record> {
    let record: Record = serde_json::from_str(line).with_context(|| format!("read the figures in {line}"))?;
    Ok(Record { section: section.to_owned(), ..record })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_figure_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("stdout");
        let line = r#"{"work":"w","side":"s","figure":"time","unit":"s","rounds":[1]}"#;
        std::fs::write(&file, format!("running 0 tests\n{line}\n")).unwrap();
        let records = read(&file, "service/sqlite").unwrap();
        assert_eq!((records.len(), records[0].section.as_str()), (1, "service/sqlite"));
    }
}
