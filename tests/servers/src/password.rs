//! The password of a development server, in a file beside its data that only its owner can read.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The file in the directory of a server.
#[must_use]
pub fn file(directory: &Path) -> PathBuf {
    directory.join("password")
}

/// The password of the server in this directory, if it has one.
///
/// # Errors
/// Its file cannot be read.
pub fn of(directory: &Path) -> Result<Option<String>> {
    let file = file(directory);
    if !file.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    Ok(Some(text.trim().to_owned()))
}

/// The password of the server in this directory; a random one is made if there is none.
///
/// # Errors
/// Its file cannot be read or written.
pub fn of_or_new(directory: &Path) -> Result<String> {
    if let Some(password) = of(directory)? {
        return Ok(password);
    }
    let password = format!("{:032x}", rand::random::<u128>());
    write_private(&file(directory), &format!("{password}\n"))?;
    Ok(password)
}

/// Writes a new file that only its owner can read.
///
/// # Errors
/// It cannot be written.
pub fn write_private(file: &Path, text: &str) -> Result<()> {
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file);
    opened.and_then(|mut opened| opened.write_all(text.as_bytes())).with_context(|| format!("write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_password_is_made_once_and_only_its_owner_can_read_it() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(of(directory.path()).unwrap(), None);
        let password = of_or_new(directory.path()).unwrap();
        assert_eq!(password.len(), 32);
        assert_eq!(of_or_new(directory.path()).unwrap(), password);
        let mode = fs::metadata(file(directory.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
