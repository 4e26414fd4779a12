//! Finds out which data a server has: asks for the data id, keeps it alive, and sets one if there is none.
//!
//! Used by the heartbeats of L1, INVALIDATE and the looks of a relay.

use std::time::Duration;

use redis::{Cmd, RedisResult, Value};

use super::data_id::{DataId, IfNone};
use super::error::L2Error;
use super::link::{Data, Link, Terms, Wire};

/// One day: the time to live of the id after the last look. It is renewed in the second half of that day.
const LIFE_SECONDS: &str = "86400";
const RENEW_BELOW_MS: i64 = 43_200_000;

/// A look for L1.
pub(crate) async fn look(link: &Link, limit: Duration) -> Result<Data, L2Error> {
    let (Some(key), Some(connection)) = (link.data_key(), link.connection()) else { return Ok(Data::Same) };
    let look = |mut wire: Wire| async move { ask(&mut wire, key, IfNone::Set).await };
    let found = link.run(Terms::tell(limit), look).await?;
    Ok(link.note_data(connection, found))
}

/// Asks for the id. A Redis that is full does not store one, and is used anyway.
pub(crate) async fn ask(wire: &mut Wire, key: &str, if_none: IfNone) -> RedisResult<Option<DataId>> {
    let mut answers = wire.query_each([get(key), command(&["PTTL", key])]).await?.into_iter();
    let (id, left) = (DataId::of(answers.next()), answers.next());
    if id.is_none() && if_none == IfNone::Set {
        // Another process may have been faster.
        return Ok(DataId::of(wire.query_each([set(key), get(key)]).await?.into_iter().nth(1)));
    }
    if matches!(left, Some(Ok(Value::Int(left_ms))) if id.is_some() && left_ms < RENEW_BELOW_MS) {
        wire.query_each([command(&["EXPIRE", key, LIFE_SECONDS])]).await?;
    }
    Ok(id)
}

/// Sets an id if there is none.
pub(crate) fn set(key: &str) -> Cmd {
    command(&["SET", key, DataId::fresh().as_str(), "NX", "EX", LIFE_SECONDS])
}

/// Only the question for the id.
pub(crate) fn get(key: &str) -> Cmd {
    command(&["GET", key])
}

fn command(words: &[&str]) -> Cmd {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command
}
