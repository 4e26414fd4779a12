//! A Python with two packages for the tests that look from the other side: redis-py, with which the existing processes of the
//! platform read and write, and the client library of Prometheus, which has the reference parser of its format.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::failure::Unavailable;
use crate::process::{run, say, shown, succeeds};

/// Names on PyPI, with versions.
const PACKAGES: [(&str, &str); 2] = [("redis", "7.4.1"), ("prometheus-client", "0.26.0")];

/// The module `ensurepip` is what Debian leaves out of python3 and puts into python3-venv.
pub(crate) fn can_make_environments() -> bool {
    succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"]))
}

/// The Python of a virtual environment in `directory` that has the packages; made when it is not there.
pub(crate) fn with_packages(directory: &Path) -> Result<PathBuf> {
    let python = python_in(directory);
    if !has_packages(directory) {
        make(directory, &python).map_err(|error| {
            let packages = requirements().join(" and ");
            error.context(Unavailable(format!("{packages} in {} are needed for the tests", directory.display())))
        })?;
    }
    Ok(python)
}

/// Whether the environment is there, works, and has the versions of this file.
pub(crate) fn has_packages(directory: &Path) -> bool {
    let check = |(name, wanted)| format!("assert version('{name}') == '{wanted}'");
    let checks = PACKAGES.map(check).join("; ");
    let script = format!("from importlib.metadata import version; {checks}");
    succeeds(Command::new(python_in(directory)).args(["-c", &script]))
}

fn requirements() -> [String; PACKAGES.len()] {
    PACKAGES.map(|(name, version)| format!("{name}=={version}"))
}

fn python_in(directory: &Path) -> PathBuf {
    directory.join("bin").join("python")
}

fn make(directory: &Path, python: &Path) -> Result<()> {
    let mut environment = Command::new("python3");
    environment.args(["-m", "venv", "--clear"]).arg(directory);
    let mut packages = Command::new(python);
    packages.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(requirements());
    for command in [&mut environment, &mut packages] {
        say(&format!("$ {}    # for the tests that look from the other side", shown(command)));
        run(&shown(command), command.stdout(std::io::stderr()))?;
    }
    Ok(())
}
