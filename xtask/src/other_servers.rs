//! Other servers on which tests are repeated: Valkey, a new Redis, and the oldest supported Redis.
//!
//! Package managers do not have them everywhere, so they come from wheels that `tests/python` pins. Invariant: only the
//! server of a wheel is run; the tests that a server skips are listed by name.

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
    #[value(name = "redis-8.2")]
    NewRedis,
    #[value(name = "redis-6.2")]
    OldestRedis,
}

/// Tests that also run on the other servers.
pub(crate) struct Suite {
    pub(crate) package: &'static str,
    pub(crate) target: &'static str,
    /// Prefixes of the test names; all tests if empty.
    pub(crate) filters: &'static [&'static str],
}

/// The cache itself, and the commands that depend most on the kind of server.
pub(crate) const SUITES: [Suite; 2] = [
    Suite { package: "billing-cache", target: "cache", filters: &[] },
    Suite { package: "cache-admin", target: "cache_admin", filters: &["acl::", "doctor::", "stats::"] },
];

impl OtherServer {
    /// Parts of the names of tests that it skips. The wheels are built without TLS. Before Redis 7, ACL rules cannot
    /// remove single subcommands, which the tests of a cluster need.
    pub(crate) fn spared(self) -> &'static [&'static str] {
        match self {
            Self::Valkey | Self::NewRedis => &["tls"],
            Self::OldestRedis => &["tls", "cluster::"],
        }
    }

    /// Its name on the command line, and in `tests/python`.
    fn name(self) -> &'static str {
        match self {
            Self::Valkey => "valkey",
            Self::NewRedis => "redis-8.2",
            Self::OldestRedis => "redis-6.2",
        }
    }

    fn program_name(self) -> &'static str {
        match self {
            Self::Valkey => "valkey-server",
            Self::NewRedis | Self::OldestRedis => "redis-server",
        }
    }

    /// The path of the server, which is unpacked below the target directory if it is not there yet.
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

/// The paths of all other servers except those of `--without`; each omission is reported.
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
            for pin in ["==", "--only-binary :all:", "--hash=sha256:"] {
                assert!(requirements.contains(pin), "{pin}: {requirements}");
            }
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
