//! `cargo xtask test`: format, conventions, lints, build, and every test, against servers that this task starts.
//!
//! Invariant: what runs here in a checkout on a fresh machine is what continuous integration runs, and the last lines
//! are cargo's.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::environment::without_ours;
use crate::install::{self, Need};
use crate::postgres::{self, PostgresServer};
use crate::process::{self, say, shown};
use crate::workspace::{Scratch, cargo, root, target_directory};
use crate::{chromium, instructions, python, redis, tidy};

/// The crate whose tests run the built programs.
const SYSTEM_TESTS: &str = "system-tests";
/// Set to 1, the pictures in the documentation are taken anew.
const UPDATE_SCREENSHOTS: &str = "BILLING_UPDATE_SCREENSHOTS";
/// Lets the tests kill a service at a named point.
const FAILPOINTS: &str = "billing-core/failpoints";

#[derive(Args, Default)]
pub(crate) struct Options {
    /// Leave out the format, the conventions and clippy
    #[arg(long)]
    no_lint: bool,
    /// Only this crate; may be given several times
    #[arg(long, value_name = "CRATE")]
    only: Vec<String>,
    /// Arguments for `cargo test`, for example `-- --test payments -- --nocapture`
    #[arg(last = true)]
    cargo_arguments: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    install::ensure(&options.needs())?;
    let python = python_of_tests(&target_directory()?)?;
    if !options.no_lint {
        step("the format", &mut options.format())?;
        say("$ cargo xtask tidy");
        tidy::run()?;
        step("clippy", &mut options.clippy())?;
    }
    if let Some(mut build) = options.build() {
        step("the build", &mut build)?;
    }
    let directory = Scratch::new("postgres")?;
    let server = PostgresServer::start(directory.path())?;
    let mut tests = options.tests();
    without_ours(&mut tests)
        .env("BILLING_TEST_POSTGRES_URL", postgres::url(server.port))
        .env("BILLING_TEST_PYTHON", python)
        .envs(redis::program().map(|program| ("REDIS_SERVER_BIN", program)))
        .envs(chromium::program().map(|program| (chromium::VARIABLE, program)))
        .envs(std::env::var_os(UPDATE_SCREENSHOTS).map(|value| (UPDATE_SCREENSHOTS, value)));
    step("the tests", &mut tests)?;
    if options.is_everything() {
        say("$ cargo xtask bench instructions");
        instructions::within_bounds()?;
    }
    Ok(())
}

pub(crate) fn step(name: &str, command: &mut Command) -> Result<()> {
    // Cargo names itself by its whole path; a person does not.
    let cargo = command.get_program().to_string_lossy().into_owned();
    say(&format!("$ {}", shown(command).replacen(&cargo, "cargo", 1)));
    process::run(name, command)
}

/// Python comes from the package manager, its packages do not: they have an environment of their own.
fn python_of_tests(target: &Path) -> Result<PathBuf> {
    let environment = target.join("xtask").join("venv");
    let requirements = root().join("tests").join("python").join("requirements.txt");
    if !python::has_requirements(&environment, &requirements) {
        install::ensure(&[Need::PythonVenv])?;
    }
    python::with_requirements(&environment, &requirements, "for the tests that look from the other side")
}

/// Builds what the tests of the whole system run.
pub(crate) fn programs() -> Command {
    let mut command = cargo();
    command.args(["build", "--workspace", "--bins", "--examples", "--features", FAILPOINTS]);
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

    /// All of them, so that nothing is found missing after an hour of tests.
    fn needs(&self) -> Vec<Need> {
        let mut needs = vec![Need::Redis, Need::Postgres];
        if self.needs_programs() {
            needs.push(Need::Chromium);
        }
        if self.is_everything() && instructions::ARE_COUNTABLE {
            needs.push(Need::Valgrind);
        }
        needs
    }

    /// The tests of the whole system run the programs and the examples; no other crate's tests need them.
    fn build(&self) -> Option<Command> {
        self.needs_programs().then(programs)
    }

    /// Whether nothing was left out.
    fn is_everything(&self) -> bool {
        self.only.is_empty() && self.cargo_arguments.is_empty()
    }

    /// Programs to run, and a browser to look at what they show.
    fn needs_programs(&self) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == SYSTEM_TESTS)
    }

    fn tests(&self) -> Command {
        let mut command = cargo();
        command.arg("test").args(self.packages("--workspace"));
        if self.only.is_empty() {
            // Or cargo would build the examples once more, without the failpoints.
            command.args(["--features", FAILPOINTS]);
        }
        command.args(&self.cargo_arguments);
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
            "build --workspace --bins --examples --features billing-core/failpoints"
        );
        assert_eq!(arguments(&options.tests()), "test --workspace --features billing-core/failpoints");
    }

    #[test]
    fn one_crate_is_checked_and_tested_alone_and_arguments_go_to_cargo_test() {
        let cargo_arguments = ["name", "--", "--nocapture"].map(str::to_owned).into();
        let options = Options { only: vec!["x".to_owned()], cargo_arguments, ..Options::default() };
        assert_eq!(arguments(&options.clippy()), "clippy -p x --all-targets -- -D warnings");
        assert_eq!(arguments(&options.tests()), "test -p x name -- --nocapture");
        assert!(options.build().is_none() && !options.needs().contains(&Need::Chromium));
    }

    #[test]
    fn the_system_tests_need_the_programs_and_a_browser() {
        let options = Options { only: vec![SYSTEM_TESTS.to_owned()], ..Options::default() };
        assert!(options.build().is_some() && options.needs().contains(&Need::Chromium));
    }
}
