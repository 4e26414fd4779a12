//! `cargo xtask test`: format, conventions, lints, build, and every test, against servers that this task starts. Tests
//! that depend on the kind of Redis server are repeated on other servers.
//!
//! Invariant: this runs the same in a checkout on a fresh machine as in continuous integration, and the last lines are
//! cargo's.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use clap::Args;
use test_servers::{PostgresServer, redis};

use crate::environment::without_ours;
use crate::install::{self, Need};
use crate::other_servers::{self, OtherServer, SUITES, Suite};
use crate::process::{say, step};
use crate::workspace::{cargo, root, target_directory};
use crate::{chromium, deny, instructions, python, tidy};

/// The crate whose tests run the built programs.
const SYSTEM_TESTS: &str = "system-tests";
/// Prefixes of the variables for tests: how long some of them keep trying and from which seed, and which files and
/// screenshots in the repository they write again.
const OF_TESTS: [&str; 3] = ["BILLING_BAD_ROWS_", "BILLING_FUZZ_", "BILLING_UPDATE_"];
/// The path of the Redis server that tests start.
const REDIS_PROGRAM: &str = "REDIS_SERVER_BIN";
/// Failpoints, at which tests kill a service, and traces. Both are off by default.
const FEATURES: &str = "billing-core/failpoints,billing-telemetry/otel";

#[derive(Args, Default)]
pub(crate) struct Options {
    /// Leave out the format, the conventions and clippy
    #[arg(long)]
    no_lint: bool,
    /// Only this crate; may be given several times
    #[arg(long, value_name = "CRATE")]
    only: Vec<String>,
    /// Run no tests on this other server; may be given several times
    #[arg(long, value_name = "SERVER")]
    without: Vec<OtherServer>,
    /// Arguments for `cargo test`, for example `-- --test payments -- --nocapture`
    #[arg(last = true)]
    cargo_arguments: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    install::ensure(&options.needs())?;
    let target = target_directory()?;
    let python = python_of_tests(&target)?;
    let others = options.other_servers(&python, &target)?;
    if !options.no_lint {
        lint(options)?;
    }
    if let Some(mut build) = options.build() {
        step("the build", &mut build)?;
    }
    let postgres = PostgresServer::start()?;
    let surroundings = Surroundings { postgres: postgres.url(), python };
    step("the tests", surroundings.around(&mut options.tests()))?;
    for (server, program) in others {
        test_on(server, &program, options, &surroundings)?;
    }
    if options.is_everything() {
        say("$ cargo xtask bench instructions");
        instructions::within_bounds()?;
    }
    Ok(())
}

fn lint(options: &Options) -> Result<()> {
    step("the format", &mut options.format())?;
    say("$ cargo xtask tidy");
    tidy::run()?;
    step("clippy", &mut options.clippy())?;
    if options.is_everything() {
        step("clippy", &mut clippy_of_features())?;
        deny::run()?;
    }
    step("the documentation", &mut options.documentation())
}

fn test_on(server: OtherServer, program: &Path, options: &Options, surroundings: &Surroundings) -> Result<()> {
    let program = program.display().to_string();
    say(&format!("# on {server}: no tests with `{}` in their names", server.spared().join("` or `")));
    say(&format!("$ export {REDIS_PROGRAM}={program}"));
    for suite in options.suites() {
        let mut tests = options.tests_of(suite, server);
        step(&format!("the tests on {server}"), surroundings.around(&mut tests).env(REDIS_PROGRAM, &program))?;
    }
    Ok(())
}

/// The environment of the tests.
struct Surroundings {
    postgres: String,
    python: PathBuf,
}

impl Surroundings {
    fn around<'command>(&self, tests: &'command mut Command) -> &'command mut Command {
        without_ours(tests)
            .env("BILLING_TEST_POSTGRES_URL", &self.postgres)
            .env("BILLING_TEST_PYTHON", &self.python)
            .envs(redis::program().map(|program| (REDIS_PROGRAM, program)))
            .envs(chromium::program().map(|program| (chromium::VARIABLE, program)))
            .envs(of_tests())
    }
}

fn of_tests() -> impl Iterator<Item = (OsString, OsString)> {
    let is_of_tests = |name: &str| OF_TESTS.iter().any(|prefix| name.starts_with(prefix));
    std::env::vars_os().filter(move |(name, _)| name.to_str().is_some_and(is_of_tests))
}

/// Python comes from the package manager. Its packages do not: they are in a separate environment.
fn python_of_tests(target: &Path) -> Result<PathBuf> {
    let environment = target.join("xtask").join("venv");
    let requirements = root().join("tests").join("python").join("requirements.txt");
    if !python::has_requirements(&environment, &requirements) {
        install::ensure(&[Need::PythonVenv])?;
    }
    python::with_requirements(&environment, &requirements, "for the tests that look from the other side")
}

/// Builds the programs that the system tests run.
pub(crate) fn programs() -> Command {
    let mut command = cargo();
    command.args(["build", "--workspace", "--bins", "--examples", "--features", FEATURES]);
    command
}

/// Lints the crates that have optional features, with these features.
fn clippy_of_features() -> Command {
    let mut command = cargo();
    command.args(["clippy", "-p", "billing-cache", "-p", "billing-outbox", "-p", "billing-core"]);
    command.args(["-p", "billing-telemetry", "--all-targets"]);
    command.args(["--features", "billing-cache/mutations,billing-core/failpoints,billing-core/otel"]);
    command.args(["--", "-D", "warnings"]);
    command
}

impl Options {
    fn format(&self) -> Command {
        let mut command = cargo();
        command.arg("fmt").args(self.packages("--all")).arg("--check");
        command
    }

    fn clippy(&self) -> Command {
        let mut command = cargo();
        command.arg("clippy").args(self.packages("--workspace")).args(["--all-targets", "--", "-D", "warnings"]);
        command
    }

    /// Checks links in the documentation. Dependencies are already checked by clippy.
    fn documentation(&self) -> Command {
        let mut command = cargo();
        command.arg("doc").args(self.packages("--workspace")).args(["--no-deps", "--quiet"]);
        command.env("RUSTDOCFLAGS", "-D warnings");
        command
    }

    /// All needs at once, so that a missing one is not found after an hour of tests.
    fn needs(&self) -> Vec<Need> {
        let mut needs = vec![Need::Redis, Need::Postgres];
        if self.needs_programs() {
            needs.extend([Need::Chromium, Need::Promtool]);
        }
        if self.is_everything() && instructions::ARE_COUNTABLE {
            needs.push(Need::Valgrind);
        }
        needs
    }

    /// The system tests run the programs and the examples; tests of other crates do not need them.
    fn build(&self) -> Option<Command> {
        self.needs_programs().then(programs)
    }

    /// Whether all tests run.
    fn is_everything(&self) -> bool {
        self.only.is_empty() && self.cargo_arguments.is_empty()
    }

    /// Whether programs are needed, and a browser to inspect their pages.
    fn needs_programs(&self) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == SYSTEM_TESTS)
    }

    fn tests(&self) -> Command {
        let mut command = self.cargo_test();
        command.args(&self.cargo_arguments);
        command
    }

    /// The servers other than Redis that the suites run on.
    fn other_servers(&self, python: &Path, target: &Path) -> Result<Vec<(OtherServer, PathBuf)>> {
        if self.suites().next().is_none() {
            return Ok(Vec::new());
        }
        other_servers::programs(&self.without, python, target)
    }

    /// Empty if only some tests are selected.
    fn suites(&self) -> impl Iterator<Item = &'static Suite> {
        let is_tested = |suite: &&Suite| self.only.is_empty() || self.only.iter().any(|name| name == suite.package);
        SUITES.iter().filter(is_tested).filter(|_| self.cargo_arguments.is_empty())
    }

    fn tests_of(&self, suite: &Suite, server: OtherServer) -> Command {
        let mut command = self.cargo_test();
        command.args(["--test", suite.target, "--"]);
        for name in server.spared() {
            command.args(["--skip", name]);
        }
        command.args(suite.filters);
        command
    }

    fn cargo_test(&self) -> Command {
        let mut command = cargo();
        command.arg("test").args(self.packages("--workspace"));
        if self.only.is_empty() {
            // The features of the programs. Without them cargo would build the examples again.
            command.args(["--features", FEATURES]);
        }
        command
    }

    fn packages<'a>(&'a self, all: &'a str) -> Vec<&'a str> {
        if self.only.is_empty() {
            return vec![all];
        }
        self.only.iter().flat_map(|name| ["-p", name]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(command: &Command) -> String {
        command.get_args().map(|argument| argument.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn everything_is_the_default() {
        let options = Options::default();
        assert_eq!(arguments(&options.format()), "fmt --all --check");
        assert_eq!(arguments(&options.clippy()), "clippy --workspace --all-targets -- -D warnings");
        assert_eq!(
            arguments(&options.build().unwrap()),
            "build --workspace --bins --examples --features billing-core/failpoints,billing-telemetry/otel"
        );
        assert_eq!(arguments(&options.documentation()), "doc --workspace --no-deps --quiet");
        assert_eq!(
            arguments(&options.tests()),
            "test --workspace --features billing-core/failpoints,billing-telemetry/otel"
        );
        let suites: Vec<String> =
            options.suites().map(|suite| arguments(&options.tests_of(suite, OtherServer::Valkey))).collect();
        let everywhere = "test --workspace --features billing-core/failpoints,billing-telemetry/otel --test";
        assert_eq!(suites[0], format!("{everywhere} cache -- --skip tls"));
        assert_eq!(suites[1], format!("{everywhere} cache_admin -- --skip tls acl:: doctor:: stats::"));
    }

    #[test]
    fn one_crate_is_checked_and_tested_alone_and_arguments_go_to_cargo_test() {
        let cargo_arguments = ["name", "--", "--nocapture"].map(str::to_owned).into();
        let options = Options { only: vec!["x".to_owned()], cargo_arguments, ..Options::default() };
        assert_eq!(arguments(&options.clippy()), "clippy -p x --all-targets -- -D warnings");
        assert_eq!(arguments(&options.tests()), "test -p x name -- --nocapture");
        assert!(options.build().is_none() && !options.needs().contains(&Need::Chromium));
        assert_eq!(options.suites().count(), 0);
    }

    #[test]
    fn the_cache_is_tested_on_the_other_servers_and_other_crates_are_not() {
        let suites = |only: &str| {
            let options = Options { only: vec![only.to_owned()], ..Options::default() };
            options.suites().map(|suite| arguments(&options.tests_of(suite, OtherServer::Valkey))).collect::<Vec<_>>()
        };
        assert_eq!(suites("billing-cache"), ["test -p billing-cache --test cache -- --skip tls"]);
        assert_eq!(suites("billing-core"), [""; 0]);
    }

    #[test]
    fn the_system_tests_need_the_programs_a_browser_and_promtool() {
        let options = Options { only: vec![SYSTEM_TESTS.to_owned()], ..Options::default() };
        let needs = options.needs();
        assert!(options.build().is_some() && needs.contains(&Need::Chromium) && needs.contains(&Need::Promtool));
    }
}
