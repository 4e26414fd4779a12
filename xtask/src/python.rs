//! Python environments, each with the packages that a requirements file pins: one for the tests from the outside (the
//! client library of the platform's processes, the reference parser of metrics), and one for the peers of the
//! benchmarks. Also wheels that only contain a program.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use test_servers::program::{shown, succeeds};

use crate::failure::Unavailable;
use crate::process::{run, say};

/// Debian moves the module `ensurepip` from python3 to python3-venv.
pub(crate) fn can_make_environments() -> bool {
    succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"]))
}

/// The Python of a virtual environment in `directory` with the packages that the file pins. It is created if there is
/// none, or if the present one was made from other requirements.
pub(crate) fn with_requirements(directory: &Path, requirements: &Path, why: &str) -> Result<PathBuf> {
    let python = python_in(directory);
    if !has_requirements(directory, requirements) {
        make(directory, requirements, why).map_err(|error| {
            let (file, directory) = (requirements.display(), directory.display());
            error.context(Unavailable(format!("the packages of {file}, in {directory}, are needed {why}")))
        })?;
    }
    Ok(python)
}

/// Whether the environment exists, works, and was made from the current content of this file.
pub(crate) fn has_requirements(directory: &Path, requirements: &Path) -> bool {
    is_made_of(directory, requirements) && succeeds(Command::new(python_in(directory)).args(["-c", ""]))
}

/// Unpacks the packages that the file pins into `directory`, for the programs in them. Packages that are only needed to
/// import them are left out, and the version of this Python does not matter. It needs pip.
pub(crate) fn unpacked(python: &Path, requirements: &Path, directory: &Path, why: &str) -> Result<()> {
    if is_made_of(directory, requirements) {
        return Ok(());
    }
    if directory.exists() {
        std::fs::remove_dir_all(directory).with_context(|| format!("remove {}", directory.display()))?;
    }
    let mut packages = pip_install(python, requirements);
    packages.args(["--no-deps", "--python-version", "3.12", "--target"]).arg(directory);
    install(&mut packages, why)?;
    note_what_it_is_made_of(directory, requirements)
}

fn is_made_of(directory: &Path, requirements: &Path) -> bool {
    match (std::fs::read(made_of(directory)), std::fs::read(requirements)) {
        (Ok(made_of), Ok(wanted)) => made_of == wanted,
        _ => false,
    }
}

fn python_in(directory: &Path) -> PathBuf {
    directory.join("bin").join("python")
}

/// The copy of the file, written when everything is installed.
fn made_of(directory: &Path) -> PathBuf {
    directory.join("requirements.txt")
}

fn make(directory: &Path, requirements: &Path, why: &str) -> Result<()> {
    let mut environment = Command::new("python3");
    environment.args(["-m", "venv", "--clear"]).arg(directory);
    install(&mut environment, why)?;
    install(&mut pip_install(&python_in(directory), requirements), why)?;
    note_what_it_is_made_of(directory, requirements)
}

fn pip_install(python: &Path, requirements: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(requirements);
    command
}

fn install(command: &mut Command, why: &str) -> Result<()> {
    say(&format!("$ {}    # {why}", shown(command)));
    run(&shown(command), command.stdout(std::io::stderr()))
}

fn note_what_it_is_made_of(directory: &Path, requirements: &Path) -> Result<()> {
    std::fs::copy(requirements, made_of(directory)).context("note what the environment was made of")?;
    Ok(())
}
