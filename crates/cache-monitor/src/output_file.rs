//! `--json FILE` and similar flags: writes the report to a file, completely or not at all.
//!
//! Invariants: a measurement does not start if its file cannot be written; an older file is replaced in one step, keeps
//! its mode, and a link to it remains a link; a path that is not a regular file (a pipe, a device, `/dev/stdout`) is
//! written directly.

use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cli_support::usage;
use tempfile::NamedTempFile;

/// The mode of a new file, before the umask is applied.
const NEW: u32 = 0o666;
/// Maximum number of links in a chain. More are a cycle.
const MOST_LINKS: usize = 40;

/// A place where a report can be written.
#[derive(Debug)]
pub(crate) struct OutputFile {
    /// The path from the command line.
    path: PathBuf,
    target: Target,
}

#[derive(Debug)]
enum Target {
    /// A regular file, or a file that does not exist yet. It is replaced as a whole.
    Replaced { path: PathBuf, directory: PathBuf, mode: Option<Permissions> },
    /// Something that is already open.
    Through(File),
}

impl OutputFile {
    /// Checks that a report can be written to the path, and opens it if it is not a regular file.
    ///
    /// # Errors
    /// A usage error that says what is wrong with the path.
    pub(crate) fn prepare(flag: &str, path: &Path) -> Result<Self> {
        let target = Target::at(path).map_err(|reason| usage(format!("{flag} {}: {reason}", path.display())))?;
        Ok(Self { path: path.to_owned(), target })
    }

    /// Writes the text and a line end.
    ///
    /// # Errors
    /// The file cannot be written; an older file is unchanged.
    pub(crate) fn write(&self, text: &str) -> Result<()> {
        self.target.write(text).with_context(|| format!("write the report to {}", self.path.display()))
    }
}

impl Target {
    fn at(path: &Path) -> Result<Self, String> {
        if let Some(stream) = standard_stream(path) {
            return stream.map(Self::Through).map_err(|error| error.to_string());
        }
        let path = behind_links(path).ok_or("too many links")?;
        match fs::metadata(&path) {
            Ok(old) if old.is_file() => Self::replaced(path, Some(&old)),
            Ok(other) if !other.is_dir() => open(&path).map(Self::Through),
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.file_name().is_some() => {
                Self::replaced(path, None)
            }
            Ok(_) => Err("is a directory; name a file in it".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Checks that the old file is writable, and that a new one can be created next to it.
    fn replaced(path: PathBuf, old: Option<&Metadata>) -> Result<Self, String> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = parent.unwrap_or(Path::new(".")).to_owned();
        if !directory.is_dir() {
            return Err(format!("there is no directory {}; create it first", directory.display()));
        }
        if old.is_some() {
            open(&path)?;
        }
        temporary(&directory).map_err(|error| format!("cannot create a file there: {error}"))?;
        Ok(Self::Replaced { path, directory, mode: old.map(Metadata::permissions) })
    }

    fn write(&self, text: &str) -> Result<()> {
        match self {
            Self::Through(file) => writeln!(&*file, "{text}")?,
            Self::Replaced { path, directory, mode } => {
                let mut new = temporary(directory)?;
                writeln!(new, "{text}").and_then(|()| new.as_file().sync_all())?;
                if let Some(mode) = mode {
                    new.as_file().set_permissions(mode.clone())?;
                }
                new.persist(path).map_err(|error| error.error)?;
            }
        }
        Ok(())
    }
}

/// The standard stream of the process, if the path names one: a file behind it would be overwritten from the start if
/// it were opened again.
fn standard_stream(path: &Path) -> Option<io::Result<File>> {
    let clone = match path.to_str()? {
        "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1" => io::stdout().as_fd().try_clone_to_owned(),
        "/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2" => io::stderr().as_fd().try_clone_to_owned(),
        _ => return None,
    };
    Some(clone.map(File::from))
}

/// The target of the links, which may not exist yet.
fn behind_links(path: &Path) -> Option<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&path) {
            // Links in /proc may have targets without a path.
            Ok(_) if path.starts_with("/proc") => return Some(path),
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => return Some(path),
        }
    }
    None
}

/// Opening a pipe waits here until somebody reads it.
fn open(path: &Path) -> Result<File, String> {
    File::options().write(true).open(path).map_err(|error| format!("cannot be written: {error}"))
}

fn temporary(directory: &Path) -> io::Result<NamedTempFile> {
    let permissions = Permissions::from_mode(NEW);
    tempfile::Builder::new().prefix(".cache-monitor-").permissions(permissions).tempfile_in(directory)
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
    fn a_file_keeps_its_mode_and_a_link_stays_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("report.json"), directory.path().join("latest.json"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink("report.json", &link).unwrap();
        OutputFile::prepare("--json", &link).unwrap().write("{}").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());

        fs::remove_file(&path).unwrap();
        OutputFile::prepare("--json", &link).unwrap().write("{}").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}\n");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn what_is_no_regular_file_is_written_through() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read_to_string(pipe).unwrap()
        });
        let file = OutputFile::prepare("--html", &pipe).unwrap();
        file.write("<html>").unwrap();
        drop(file);
        assert_eq!(reader.join().unwrap(), "<html>\n");
        assert!(!fs::symlink_metadata(&pipe).unwrap().is_file(), "the pipe was replaced");
        OutputFile::prepare("--json", Path::new("/dev/null")).unwrap().write("{}").unwrap();
        assert!(!fs::symlink_metadata("/dev/null").unwrap().is_file());
        assert!(OutputFile::prepare("--json", Path::new("/dev/full")).unwrap().write("{}").is_err());
    }

    #[test]
    fn a_path_that_cannot_be_written_is_refused_with_the_reason() {
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("circle", directory.path().join("circle")).unwrap();
        for (path, reason) in [
            (directory.path().to_owned(), "is a directory"),
            (directory.path().join("gone/report.json"), "there is no directory"),
            (PathBuf::from("/"), "is a directory"),
            (directory.path().join("circle"), "too many links"),
        ] {
            let error = OutputFile::prepare("--json", &path).unwrap_err().to_string();
            assert!(error.starts_with("--json ") && error.contains(reason), "{error}");
        }
    }
}
