//! The journal of a file of SQLite, before it is opened: whoever makes it ours turns it to WAL mode, for good.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::url::{DatabaseUrl, SqliteMode, parse};
use super::{DatabaseError, DatabaseSettings};

/// What a file of SQLite begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Where it says how it is written.
const WRITE_VERSION: usize = 18;
/// What stands there in a file that has a rollback journal.
const ROLLBACK: u8 = 1;

/// Whether opening this database turns a file that is there already from a rollback journal to WAL mode.
///
/// # Errors
/// The URL is none.
pub fn turns_to_wal(settings: &DatabaseSettings) -> Result<bool, DatabaseError> {
    match parse(&settings.url)? {
        DatabaseUrl::Sqlite(file) if file.mode != SqliteMode::ReadOnly => Ok(has_rollback_journal(&file.path)),
        _ => Ok(false),
    }
}

/// A file that cannot be read has no journal that could be told of; opening it says why.
fn has_rollback_journal(path: &Path) -> bool {
    let mut header = [0; WRITE_VERSION + 1];
    let is_read = File::open(path).and_then(|mut file| file.read_exact(&mut header)).is_ok();
    is_read && header.starts_with(MAGIC) && header[WRITE_VERSION] == ROLLBACK
}
