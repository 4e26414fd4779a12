//! ACQUIRE: asks for the value of a key, or for its lease if there is no value.
//!
//! Invariant (`protocol.md`, "Commands"): each send carries a fresh token, also after a redirection in a cluster, and
//! after the server did not know the script.
//!
//! Used by the leader of a flight, reads of many, warm-up and refresh ahead.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use redis::{Cmd, RedisResult, Value};

use super::abandoned::Asked;
use super::lease::{Mode, Token};
use super::script::{By, Script, call, each_known_or_told, known_or_told};
use crate::clock::millis;
use crate::connection::error::L2Error;
use crate::connection::link::{Link, Wire};
use crate::connection::shards::{Gathered, Shards};
use crate::mutation;

/// `KEYS` value, lease; `ARGV` token, lease ms, mode. Answers the value, or 2 (present), 1 (granted), 0 (contended).
///
/// A value that is no string counts as absent: FILL replaces it.
static ACQUIRE: LazyLock<Script> = LazyLock::new(|| {
    let text = r"
if ARGV[3] == 'warm' then
  if redis.call('EXISTS', KEYS[1]) == 1 then return 2 end
elseif ARGV[3] == 'read' then
  local value = redis.pcall('GET', KEYS[1])
  if type(value) == 'string' then return value end
end
local lease = redis.call('GET', KEYS[2])
if lease and not (ARGV[3] == 'read' and string.sub(lease, 1, 1) == 'w') then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 1";
    let take_over = " and not (ARGV[3] == 'read' and string.sub(lease, 1, 1) == 'w')";
    Script::new(mutation::script("weak-lease", text, take_over))
});

/// The result of an ACQUIRE.
#[derive(Debug)]
pub(crate) enum Acquired {
    /// The value exists.
    Hit(Vec<u8>),
    /// The value exists, and a warm-up does not need it.
    Present,
    /// The caller may load and fill.
    Granted(Token),
    /// Another caller holds the lease.
    Contended,
    /// The server refused this one key of a batch, for example because memory is full or a right is missing.
    Refused(L2Error),
}

/// Asks for the lease of one key.
pub(crate) async fn acquire(shards: &Shards, key: &str, mode: Mode, lease_ttl: Duration) -> Result<Acquired, L2Error> {
    let ask = |mut wire: Wire, by: By| async move {
        let token = Token::fresh(mode);
        let asked = Asked::for_one(wire.connection.clone(), key, &token, lease_ttl);
        let answer: RedisResult<Value> = wire.query(&acquire_command(by, key, &token, mode, lease_ttl)).await;
        asked.answered();
        Ok((token, answer?))
    };
    let (token, answer) = shards.one(key, shards.command_terms(), |wire| known_or_told(wire, ask)).await?;
    acquired(token, answer)
}

/// Asks for the leases of many keys, in one pipeline for each shard.
pub(crate) async fn acquire_many(
    shards: &Shards,
    keys: &[String],
    mode: Mode,
    lease_ttl: Duration,
) -> Gathered<Acquired> {
    let terms = shards.batch_terms();
    let acquire = move |link: Arc<Link>, places: Vec<usize>| async move {
        let keys: Vec<&str> = places.iter().map(|place| keys[*place].as_str()).collect();
        let all = keys.as_slice();
        let ask = |mut wire: Wire, by: By, places: Vec<usize>| async move {
            let keys: Vec<&str> = places.into_iter().map(|place| all[place]).collect();
            let tokens: Vec<Token> = keys.iter().map(|_| Token::fresh(mode)).collect();
            let asked = Asked::for_many(wire.connection.clone(), &keys, &tokens, lease_ttl);
            let calls = by.first().zip(keys.iter().zip(&tokens));
            let commands = calls.map(|(by, (key, token))| acquire_command(by, key, token, mode, lease_ttl));
            let answers = wire.query_each(commands).await;
            asked.answered();
            let answers = tokens.into_iter().zip(answers?);
            Ok(answers.map(|(token, answer)| answer.map(|answer| (token, answer))).collect())
        };
        let asked = link.run(terms, |wire| each_known_or_told(wire, keys.len(), ask)).await?;
        let one = |answer: RedisResult<(Token, Value)>| match answer {
            Ok((token, answer)) => acquired(token, answer),
            Err(error) => Ok(Acquired::Refused(error.into())),
        };
        asked.into_iter().map(one).collect()
    };
    shards.gather(keys, acquire).await
}

fn acquire_command(by: By, key: &str, token: &Token, mode: Mode, lease_ttl: Duration) -> Cmd {
    let mut command = call(&ACQUIRE, by, key);
    command.arg(&token.0).arg(millis(lease_ttl)).arg(mode.as_str());
    command
}

fn acquired(token: Token, answer: Value) -> Result<Acquired, L2Error> {
    match answer {
        Value::BulkString(value) => Ok(Acquired::Hit(value)),
        Value::Int(2) => Ok(Acquired::Present),
        Value::Int(1) => Ok(Acquired::Granted(token)),
        Value::Int(0) => Ok(Acquired::Contended),
        _ => Err(L2Error::Unexpected { command: "ACQUIRE" }),
    }
}
