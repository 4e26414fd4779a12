//! SCAN: one step of a walk over many keys. Constant memory, short commands, never `KEYS`.

use redis::{Cmd, Value};

use crate::connection::error::L2Error;
use crate::connection::shards::Shards;
use crate::declaration::key::KeySpace;

/// What a walk over keys goes by.
#[derive(Clone, Copy)]
pub(crate) struct Scanner<'a> {
    pub(crate) shards: &'a Shards,
    pub(crate) space: &'a KeySpace,
    /// Keys that one step looks at, where its pace allows it.
    pub(crate) scan_count: usize,
}

/// One `SCAN` of a walk that was begun with cursor 0.
pub(crate) fn scan_command(cursor: u64, pattern: Option<&str>, count: usize) -> Cmd {
    let mut command = redis::cmd("SCAN");
    command.arg(cursor);
    if let Some(pattern) = pattern {
        command.arg("MATCH").arg(pattern);
    }
    command.arg("COUNT").arg(count);
    command
}

/// The cursor to go on from, `None` at the end, and the names found. A name may come twice in a walk, as `SCAN` has it.
pub(crate) fn scanned(answer: Value) -> Result<(Option<u64>, Vec<Vec<u8>>), L2Error> {
    let unexpected = |_| L2Error::Unexpected { command: "SCAN" };
    let (cursor, names): (u64, Vec<Vec<u8>>) = redis::from_redis_value(answer).map_err(unexpected)?;
    Ok(((cursor != 0).then_some(cursor), names))
}
