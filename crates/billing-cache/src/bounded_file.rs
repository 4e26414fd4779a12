//! Reads a whole file: settings, certificates, tokens, reports.
//!
//! Invariant: no file is read without a limit. A path may name an endless device or the wrong file, and a program that
//! reads that whole uses all memory of the machine. Every program reads its files through this module.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

const MEBIBYTE: u64 = 1 << 20;

/// Settings, `.env`, certificates, keys and tokens are a few kilobytes. The public certificate authorities of a whole
/// system are less than 300.
pub const LARGEST_FILE: u64 = MEBIBYTE;

/// Reads a file.
///
/// # Errors
/// Those of the system, and a file larger than `largest` bytes. Of such a file no more than `largest` bytes and one are
/// read.
pub fn read_file(path: &Path, largest: u64) -> io::Result<Vec<u8>> {
    read_opened(File::open(path)?, largest)
}

/// Reads a file that is already open.
///
/// # Errors
/// As [`read_file`].
pub fn read_opened(file: File, largest: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(largest.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > largest {
        return Err(io::Error::other(format!("it is larger than {} MiB", largest.div_ceil(MEBIBYTE))));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_to_its_limit_and_no_further() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "1234").unwrap();
        assert_eq!(read_file(file.path(), 4).unwrap(), b"1234");
        assert_eq!(read_file(file.path(), 3).unwrap_err().to_string(), "it is larger than 1 MiB");
    }

    #[test]
    fn a_device_without_an_end_is_larger_than_any_file() {
        let error = read_file(Path::new("/dev/zero"), 3 * MEBIBYTE).unwrap_err();
        assert_eq!(error.to_string(), "it is larger than 3 MiB");
    }
}
