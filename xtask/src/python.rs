//! Python environments: one with redis-py for the tests that check the contract from the other side (what the existing
//! processes of the platform read and write), others with what a file of requirements pins.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::failure::Unavailable;
use crate::process::{run, say, shown, succeeds};

const REDIS_PY_VERSION: &str = "7.4.1";

/// The module `ensurepip` is what Debian leaves out of python3 and puts into python3-venv.
pub(crate) fn can_make_environments() -> bool {
    succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"]))
}

/// The Python of a virtual environment in `directory` that has redis-py; made when it is not there.
pub(crate) fn with_redis_py(directory: &Path) -> Result<PathBuf> {
    let python = python_in(directory);
    if !has_redis_py(directory) {
        make(directory, &python).map_err(|error| {
            let why =
                format!("redis-py {REDIS_PY_VERSION} in {} is needed for the contract tests", directory.display());
            error.context(Unavailable(why))
        })?;
    }
    Ok(python)
}

/// The Python of a virtual environment in `directory` that has what a file of requirements pins; made when there is none, or
/// one of other requirements.
pub(crate) fn with_requirements(directory: &Path, requirements: &Path) -> Result<PathBuf> {
    let (python, installed) = (python_in(directory), directory.join("requirements.txt"));
    let wanted = std::fs::read(requirements).with_context(|| format!("read {}", requirements.display()))?;
    if std::fs::read(&installed).is_ok_and(|there| there == wanted) {
        return Ok(python);
    }
    let mut environment = Command::new("python3");
    environment.args(["-m", "venv", "--clear"]).arg(directory);
    let mut packages = Command::new(&python);
    packages
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(requirements);
    install(&mut [&mut environment, &mut packages], "what the billing cache is compared with")?;
    std::fs::write(&installed, wanted).with_context(|| format!("write {}", installed.display()))?;
    Ok(python)
}

/// Whether the environment is there, works, and has the version of this file.
pub(crate) fn has_redis_py(directory: &Path) -> bool {
    let check = format!("import redis; assert redis.__version__ == '{REDIS_PY_VERSION}'");
    succeeds(Command::new(python_in(directory)).args(["-c", &check]))
}

fn python_in(directory: &Path) -> PathBuf {
    directory.join("bin").join("python")
}

fn make(directory: &Path, python: &Path) -> Result<()> {
    let mut environment = Command::new("python3");
    environment.args(["-m", "venv", "--clear"]).arg(directory);
    let mut package = Command::new(python);
    let requirement = format!("redis=={REDIS_PY_VERSION}");
    package.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", &requirement]);
    install(&mut [&mut environment, &mut package], "the other side of the contract")
}

fn install(commands: &mut [&mut Command], why: &str) -> Result<()> {
    for command in commands {
        say(&format!("$ {}    # {why}", shown(command)));
        run(&shown(command), command.stdout(std::io::stderr()))?;
    }
    Ok(())
}
