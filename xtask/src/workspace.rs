//! The paths of the workspace: its root, the target directory, the built programs; and directories that are removed
//! with the task.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use test_servers::program::stdout_of;

use crate::cleanup::AtEnd;

/// The directory of the workspace's `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a directory of the workspace")
}

/// Variables that `cargo run` sets for this program. Build scripts of dependencies watch them: if they were passed on,
/// cargo would rebuild whenever a person and a task use it alternately.
const ABOUT_THIS_CRATE: [&str; 2] = ["CARGO_MANIFEST_", "CARGO_PKG_"];

/// `cargo` of the same toolchain, in the root of the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    for (name, _) in std::env::vars_os() {
        if ABOUT_THIS_CRATE.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
}

/// The target directory, as set by the environment or a configuration file.
pub(crate) fn target_directory() -> Result<PathBuf> {
    let metadata = stdout_of(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata).context("parse cargo metadata")?;
    let directory = metadata["target_directory"].as_str().context("read cargo metadata: no target_directory")?;
    Ok(directory.into())
}

/// A directory below the system's temporary directory; removed with the task.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    _remove: AtEnd,
}

impl Scratch {
    pub(crate) fn new(purpose: &str) -> Result<Self> {
        let prefix = format!("billing-{purpose}-");
        let directory = tempfile::Builder::new().prefix(&prefix).tempdir().context("create a temporary directory")?;
        let path = directory.keep();
        let removed = path.clone();
        let remove = AtEnd::new(move || {
            if let Err(error) = std::fs::remove_dir_all(&removed) {
                eprintln!("left behind {}: {error}", removed.display());
            }
        });
        Ok(Self { path, _remove: remove })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_has_the_workspace() {
        assert!(root().join("Cargo.toml").is_file());
        assert!(root().join("xtask").is_dir());
    }

    #[test]
    fn a_scratch_directory_goes_with_its_content() {
        let scratch = Scratch::new("unit-test").unwrap();
        let path = scratch.path().to_owned();
        std::fs::write(path.join("file"), "content").unwrap();
        drop(scratch);
        assert!(!path.exists());
    }
}
