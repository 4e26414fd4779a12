//! FILL: stores a loaded value under its lease.
//!
//! Invariant (`protocol.md`, "Commands"): a value is set only by FILL, and only while the lease still holds the token
//! of the caller.
//!
//! Used by the leader of a flight, reads of many, warm-up and refresh ahead.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use redis::{Cmd, RedisResult, Value};

use super::lease::{Lease, Mode, Token};
use super::script::{By, Script, call, each_known_or_told, known_or_told};
use crate::clock::millis;
use crate::connection::error::L2Error;
use crate::connection::link::{Link, Wire};
use crate::connection::redirect::is_elsewhere;
use crate::connection::shards::{Gathered, Shards};
use crate::mutation;

/// `KEYS` value, lease; `ARGV` token, value, ttl ms. Answers 1 (stored) or 0 (lost).
///
/// The lease is removed first, so that no reader waits for a dead lease if the SET fails. The SET does not fail because
/// memory is full: Redis refuses only the first write of a script for that reason. So the load in flight is still
/// stored, and ACQUIRE then starts no further load.
static FILL: LazyLock<Script> = LazyLock::new(|| {
    let text = r"
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1";
    let check = "if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end";
    Script::new(mutation::script("fill-checks-lease", text, check))
});

/// Time to live of a value that is never stored.
const IDLE_TTL: Duration = Duration::from_secs(1);

/// The result of a FILL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    Stored,
    /// An invalidation, or the end of the lease, came between.
    Lost,
    /// Nothing was stored because the slot migrates. The lease still exists.
    Elsewhere,
}

/// A value to fill.
pub(crate) struct Fill {
    pub(crate) key: String,
    pub(crate) token: Token,
    pub(crate) json: Vec<u8>,
    pub(crate) ttl: Duration,
}

impl Fill {
    /// The lease under which the value would have been stored.
    pub(crate) fn lease(self) -> Lease {
        Lease { key: self.key, token: self.token }
    }
}

/// Stores one loaded value if its lease still exists.
pub(crate) async fn fill(shards: &Shards, fill: &Fill) -> Result<Filled, L2Error> {
    let store = |mut wire: Wire, by: By| async move { wire.query(&fill_command(by, fill)).await };
    match shards.one(&fill.key, shards.command_terms(), |wire| known_or_told(wire, store)).await {
        Err(L2Error::Redis(error)) if is_elsewhere(&error) => Ok(Filled::Elsewhere),
        stored => Ok(filled(&stored?)),
    }
}

/// Stores many loaded values. If one is refused, the others are still stored.
pub(crate) async fn fill_many(shards: &Shards, fills: &[Fill]) -> Gathered<Filled> {
    let terms = shards.batch_terms();
    let keys: Vec<String> = fills.iter().map(|fill| fill.key.clone()).collect();
    let store = move |link: Arc<Link>, places: Vec<usize>| async move {
        let all: Vec<&Fill> = places.iter().map(|place| &fills[*place]).collect();
        let all = all.as_slice();
        let store = |mut wire: Wire, by: By, places: Vec<usize>| async move {
            let calls = by.first().zip(places);
            wire.query_each(calls.map(|(by, place)| fill_command(by, all[place]))).await
        };
        let stored = link.run(terms, |wire| each_known_or_told(wire, all.len(), store)).await?;
        let one = |answer: RedisResult<Value>| match answer {
            Ok(answer) => filled(&answer),
            Err(error) if is_elsewhere(&error) => Filled::Elsewhere,
            Err(_) => Filled::Lost,
        };
        Ok(stored.into_iter().map(one).collect())
    };
    shards.gather(&keys, store).await
}

/// Runs FILL by its text, under a lease that nobody holds: it answers 0 and stores nothing.
pub(crate) fn idle_fill(key: &str) -> Cmd {
    let fill = Fill { key: key.to_owned(), token: Token::fresh(Mode::Read), json: Vec::new(), ttl: IDLE_TTL };
    fill_command(By::Text, &fill)
}

fn fill_command(by: By, fill: &Fill) -> Cmd {
    let mut command = call(&FILL, by, &fill.key);
    command.arg(&fill.token.0).arg(&fill.json).arg(millis(fill.ttl));
    command
}

fn filled(answer: &Value) -> Filled {
    if *answer == Value::Int(1) { Filled::Stored } else { Filled::Lost }
}
