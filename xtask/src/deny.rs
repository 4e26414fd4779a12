//! `cargo xtask deny`: checks that dependencies have acceptable licences, come from allowed sources, are present in one
//! version, and have no known vulnerability (`deny.toml`). cargo-deny is built once into the target directory.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use test_servers::program;

use crate::process::{say, step};
use crate::workspace::{cargo, root, target_directory};

const VERSION: &str = "0.20.2";
const CHECKS: [&str; 3] = ["bans", "licenses", "sources"];

pub(crate) fn run() -> Result<()> {
    let program = program()?;
    step("what we depend on", asked(&program).arg("check").args(CHECKS))?;
    // Fetched separately, because cargo-deny reports a missing network as a failed check.
    if program::stdout_of(asked(&program).args(["fetch", "db"])).is_err() {
        say("NOT CHECKED: advisories; the database of known vulnerabilities cannot be fetched here");
        return Ok(());
    }
    step("known vulnerabilities", asked(&program).args(["check", "--disable-fetch", "advisories"]))
}

fn asked(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

fn program() -> Result<PathBuf> {
    let directory = target_directory()?.join("xtask").join(format!("cargo-deny-{VERSION}"));
    let program = directory.join("bin").join("cargo-deny");
    if !program.is_file() {
        step("the build of cargo-deny", &mut install(&directory))?;
    }
    Ok(program)
}

/// Without optimisations: it runs for seconds, and an optimised build would take minutes.
fn install(directory: &Path) -> Command {
    let mut command = cargo();
    command.args(["install", "cargo-deny", "--version", VERSION, "--locked", "--quiet", "--debug"]);
    command.args(["--config", "profile.dev.debug=false", "--root"]).arg(directory);
    command
}
