//! Reading a whole file: settings, certificates, tokens, reports.
//!
//! Invariant: no file is read without a limit. A path may lead to a device without an end, or to the wrong file, and a
//! program that reads it whole takes the memory of the machine. Every program reads its files here.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

const MEBIBYTE: u64 = 1 << 20;

/// Settings, `.env`, certificates, keys and tokens are a few kilobytes. The public authorities of a whole system are
/// less than 300.
pub const LARGEST_FILE: u64 = MEBIBYTE;

/// The bytes of a file.
///
/// # Errors
/// Those of the system; or it is larger than `largest` bytes, and then no more than that was read.
pub fn read_file(path: &Path, largest: u64) -> io::Result<Vec<u8>> {
    read_opened(File::open(path)?, largest)
}

/// The bytes of a file that is open.
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
