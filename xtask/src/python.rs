//! Python environments, each with what a file of requirements pins: one for the tests that look from the other side (the client
//! library of the platform's processes, the reference parser of metrics), one for what the benchmarks compare with.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::failure::Unavailable;
use crate::process::{run, say, shown, succeeds};

/// The module `ensurepip` is what Debian leaves out of python3 and puts into python3-venv.
pub(crate) fn can_make_environments() -> bool {
    succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"]))
}

/// The Python of a virtual environment in `directory` that has what the file pins; made when there is none, or one of other
/// requirements.
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

/// Whether the environment is there, works, and was made of this file as it is now.
pub(crate) fn has_requirements(directory: &Path, requirements: &Path) -> bool {
    let is_the_same = match (std::fs::read(made_of(directory)), std::fs::read(requirements)) {
        (Ok(made_of), Ok(wanted)) => made_of == wanted,
        _ => false,
    };
    is_the_same && succeeds(Command::new(python_in(directory)).args(["-c", ""]))
}

fn python_in(directory: &Path) -> PathBuf {
    directory.join("bin").join("python")
}

/// The copy of the file, put there when all is installed.
fn made_of(directory: &Path) -> PathBuf {
    directory.join("requirements.txt")
}

fn make(directory: &Path, requirements: &Path, why: &str) -> Result<()> {
    let mut environment = Command::new("python3");
    environment.args(["-m", "venv", "--clear"]).arg(directory);
    let mut packages = Command::new(python_in(directory));
    packages
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(requirements);
    for command in [&mut environment, &mut packages] {
        say(&format!("$ {}    # {why}", shown(command)));
        run(&shown(command), command.stdout(std::io::stderr()))?;
    }
    std::fs::copy(requirements, made_of(directory)).context("note what the environment was made of")?;
    Ok(())
}
