//! `--json FILE` and its kin: the report as a file that is either whole or not there.
//!
//! Invariant: a measurement does not begin if its file cannot be written; an older file is replaced in one step.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cli_support::usage;
use tempfile::NamedTempFile;

/// A place where a file can be written.
#[derive(Debug)]
pub(crate) struct OutputFile {
    path: PathBuf,
    directory: PathBuf,
}

impl OutputFile {
    /// Makes sure that a file can be written where the flag says, by creating one next to it and removing it.
    ///
    /// # Errors
    /// A usage error that says what is wrong with the path.
    pub(crate) fn prepare(flag: &str, path: &Path) -> Result<Self> {
        let refuse = |reason: String| usage(format!("{flag} {}: {reason}", path.display()));
        if path.file_name().is_none() || path.is_dir() {
            return Err(refuse("is a directory; name a file in it".to_owned()));
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = parent.unwrap_or(Path::new(".")).to_owned();
        if !directory.is_dir() {
            return Err(refuse(format!("there is no directory {}; create it first", directory.display())));
        }
        let file = Self { path: path.to_owned(), directory };
        file.temporary().map_err(|error| refuse(format!("cannot create a file there: {error}")))?;
        Ok(file)
    }

    /// Writes the text and a line end.
    ///
    /// # Errors
    /// The file cannot be written; an older one is as it was.
    pub(crate) fn write(&self, text: &str) -> Result<()> {
        let failed = || format!("write the report to {}", self.path.display());
        let mut temporary = self.temporary().with_context(failed)?;
        writeln!(temporary, "{text}").and_then(|()| temporary.as_file().sync_all()).with_context(failed)?;
        temporary.persist(&self.path).map_err(|error| error.error).with_context(failed)?;
        Ok(())
    }

    /// With the permissions that any new file would have.
    fn temporary(&self) -> std::io::Result<NamedTempFile> {
        use std::os::unix::fs::PermissionsExt as _;
        let permissions = fs::Permissions::from_mode(0o666);
        tempfile::Builder::new().prefix(".cache-monitor-").permissions(permissions).tempfile_in(&self.directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_stays_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("report.json");
        fs::write(&path, "old and longer").unwrap();
        let file = OutputFile::prepare("--json", &path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old and longer");
        file.write("{}").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}\n");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_path_that_cannot_be_written_is_refused_with_the_reason() {
        let directory = tempfile::tempdir().unwrap();
        for (path, reason) in [
            (directory.path().to_owned(), "is a directory"),
            (directory.path().join("gone/report.json"), "there is no directory"),
            (PathBuf::from("/"), "is a directory"),
        ] {
            let error = OutputFile::prepare("--json", &path).unwrap_err().to_string();
            assert!(error.starts_with("--json ") && error.contains(reason), "{error}");
        }
    }
}
