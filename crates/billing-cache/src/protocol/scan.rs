//! SCAN: one step of a scan over many keys. It uses constant memory and short commands, never `KEYS`.
//!
//! Used by clear, keyspace statistics and the scans of the audit.

use redis::{Cmd, Value};

use crate::connection::error::L2Error;
use crate::connection::shards::Shards;
use crate::declaration::key::KeySpace;

/// What a scan over keys needs.
#[derive(Clone, Copy)]
pub(crate) struct Scanner<'a> {
    pub(crate) shards: &'a Shards,
    pub(crate) space: &'a KeySpace,
    /// Keys that one step examines, if the rate limit allows it.
    pub(crate) scan_count: usize,
}

/// One `SCAN` command; a scan begins with cursor 0.
pub(crate) fn scan_command(cursor: u64, pattern: Option<&str>, count: usize) -> Cmd {
    let mut command = redis::cmd("SCAN");
    command.arg(cursor);
    if let Some(pattern) = pattern {
        command.arg("MATCH").arg(pattern);
    }
    command.arg("COUNT").arg(count);
    command
}

/// The next cursor, or `None` at the end, and the names found. `SCAN` may report a name twice.
pub(crate) fn scanned(answer: Value) -> Result<(Option<u64>, Vec<Vec<u8>>), L2Error> {
    let unexpected = |_| L2Error::Unexpected { command: "SCAN" };
    let (cursor, names): (u64, Vec<Vec<u8>>) = redis::from_redis_value(answer).map_err(unexpected)?;
    Ok(((cursor != 0).then_some(cursor), names))
}
