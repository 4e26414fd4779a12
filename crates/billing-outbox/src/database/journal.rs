//! The journal mode of an SQLite file before it is opened. Opening it turns it to WAL mode, permanently.
//!
//! Used by `cache-admin migrate`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::url::{DatabaseUrl, SqliteMode, parse};
use super::{DatabaseError, DatabaseSettings};

/// The first bytes of an SQLite file.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// The offset of the write version.
const WRITE_VERSION: usize = 18;
/// The write version of a file with a rollback journal.
const ROLLBACK: u8 = 1;

/// Whether opening this database turns an existing file from a rollback journal to WAL mode.
///
/// # Errors
/// The URL is invalid.
pub fn turns_to_wal(settings: &DatabaseSettings) -> Result<bool, DatabaseError> {
    match parse(&settings.url)? {
        DatabaseUrl::Sqlite(file) if file.mode != SqliteMode::ReadOnly => Ok(has_rollback_journal(&file.path)),
        _ => Ok(false),
    }
}

/// For a file that cannot be read it is false; opening it reports why.
fn has_rollback_journal(path: &Path) -> bool {
    let mut header = [0; WRITE_VERSION + 1];
    let is_read = File::open(path).and_then(|mut file| file.read_exact(&mut header)).is_ok();
    is_read && header.starts_with(MAGIC) && header[WRITE_VERSION] == ROLLBACK
}
