//! Servers on which the tests run once more: Valkey, and the oldest Redis that is supported.
//!
//! Package managers have neither everywhere, so both come from wheels that `tests/python` pins. Invariant: nothing of a
//! wheel is run but its server; which tests a server is spared is said by name.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::failure::Unavailable;
use crate::process::say;
use crate::python;
use crate::workspace::root;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OtherServer {
    Valkey,
    #[value(name = "redis-6.2")]
    OldestRedis,
}

/// Tests that run on the other servers too.
pub(crate) struct Suite {
    pub(crate) package: &'static str,
    pub(crate) target: &'static str,
    /// Beginnings of the names of the tests; all of them if there is none.
    pub(crate) filters: &'static [&'static str],
}

/// The cache itself, and the commands that depend most on what a server is.
pub(crate) const SUITES: [Suite; 2] = [
    Suite { package: "billing-cache", target: "cache", filters: &[] },
    Suite { package: "cache-admin", target: "cache_admin", filters: &["acl::", "doctor::", "stats::"] },
];

impl OtherServer {
    /// In the names of the tests that are not run on it: the wheels are built without TLS, and before Redis 7 ACL rules
    /// cannot take single subcommands away, as the tests of a cluster do.
    pub(crate) fn spared(self) -> &'static [&'static str] {
        match self {
            Self::Valkey => &["tls"],
            Self::OldestRedis => &["tls", "cluster::"],
        }
    }

    /// Its name on the command line, and in `tests/python`.
    fn name(self) -> &'static str {
        match self {
            Self::Valkey => "valkey",
            Self::OldestRedis => "redis-6.2",
        }
    }

    fn program_name(self) -> &'static str {
        match self {
            Self::Valkey => "valkey-server",
            Self::OldestRedis => "redis-server",
        }
    }

    /// The server's program, unpacked below the target directory if it is not there yet.
    fn program(self, python: &Path, target: &Path) -> Result<PathBuf> {
        let directory = target.join("xtask").join(self.name());
        let requirements = root().join("tests").join("python").join(format!("{}.txt", self.name()));
        python::unpacked(python, &requirements, &directory, "for the tests on another server")
            .and_then(|()| find_below(&directory, self.program_name())?.context("the wheel has no server"))
            .map_err(|error| {
                let file = requirements.display();
                error.context(Unavailable(format!(
                    "{self} cannot be had from the wheel that {file} names: leave it out with --without {self}"
                )))
            })
    }
}

impl fmt::Display for OtherServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The programs of all other servers but those that are to be left out, which is said.
pub(crate) fn programs(without: &[OtherServer], python: &Path, target: &Path) -> Result<Vec<(OtherServer, PathBuf)>> {
    let mut programs = Vec::new();
    for server in OtherServer::value_variants() {
        if without.contains(server) {
            say(&format!("--without {server}: no test runs on it"));
        } else {
            programs.push((*server, server.program(python, target)?));
        }
    }
    Ok(programs)
}

fn find_below(directory: &Path, name: &str) -> Result<Option<PathBuf>> {
    for entry in directory.read_dir().with_context(|| format!("look into {}", directory.display()))? {
        let path = entry?.path();
        let found =
            if path.is_dir() { find_below(&path, name)? } else { Some(path).filter(|path| path.ends_with(name)) };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_pinned_wheel_and_the_name_that_leaves_it_out() {
        for server in OtherServer::value_variants() {
            assert_eq!(OtherServer::from_str(server.name(), false), Ok(*server));
            let requirements = root().join("tests").join("python").join(format!("{server}.txt"));
            let requirements = std::fs::read_to_string(requirements).unwrap();
            assert!(requirements.contains("==") && requirements.contains("--only-binary :all:"), "{requirements}");
        }
    }

    #[test]
    fn a_program_is_found_wherever_the_wheel_has_it() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("package").join("bin");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(inner.join("valkey-server"), "").unwrap();
        assert_eq!(find_below(directory.path(), "valkey-server").unwrap(), Some(inner.join("valkey-server")));
        assert_eq!(find_below(directory.path(), "redis-server").unwrap(), None);
    }
}
