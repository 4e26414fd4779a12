//! The mark: names the source of the values in Redis, so that two databases that share one Redis by mistake do not
//! answer with the rows of each other.
//!
//! A process that knows the name of its source keeps a mark in Redis while it runs. The mark disappears a minute after
//! the last such process. A process that finds the living mark of another source neither reads nor fills, but still
//! invalidates. Another key remembers for longer which source had the values last: a process that follows another
//! source clears all types before it reads.
//!
//! Invariant: nothing is read or filled before the first look at the mark, unless this Redis user may not look. In a
//! cluster this holds for all primaries: while the primary of the mark is away, a process that has not seen the mark
//! reads from none.
//!
//! The builder starts it for a source that has a name.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use redis::{Cmd, RedisResult, Value};
use tracing::{debug, info, warn};

use super::cache::Cache;
use super::shared::Shared;
use crate::connection::error::{L2Error, RedisUnreachable};
use crate::connection::link::{Terms, Wire};
use crate::declaration::cached_type::Source;
use crate::declaration::key::{BOOKKEEPING, KeySpace};
use crate::protocol::clear;

/// Time to live of a mark that is not renewed.
const LIFE_SECONDS: &str = "60";
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A year and a day, longer than any value lives.
const MEMORY_SECONDS: &str = "31622400";

/// The result of a look.
enum Found {
    /// The mark names this source, and so does the last owner of the values, if there is one.
    Ours,
    /// The mark names this source now, but the values were of another source.
    Inherited,
    /// Another source is in use.
    Other(String),
}

/// Keeps the mark alive. Ends when its cache is dropped.
pub(crate) async fn keep(shared: Arc<Shared>, identity: String) {
    let mut connections = shared.shards.changes();
    loop {
        let _ =
            tokio::time::timeout(LOOK_EVERY.mul_f64(0.5 + rand::random::<f64>() / 2.0), connections.changed()).await;
        look(&shared, &identity).await;
    }
}

impl<S: Source> Cache<S> {
    /// The name of the source that uses these Redis keys now; `None` if none of its processes runs.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn source_in_use(&self) -> Result<Option<String>, RedisUnreachable> {
        let mark = key(&self.shared().space, "mark");
        let mut connection = self.shared().shards.own_connection(&mark).await?;
        connection.command(&get(&mark)).await.map_err(|error| self.shared().shards.unreachable(error))
    }
}

/// Looks once and acts on the result. If the mark could not be read, nothing changes.
pub(crate) async fn look(shared: &Shared, identity: &str) {
    let looked = match ask(shared, identity).await {
        Ok(Found::Inherited) => take_over(shared, identity).await.map(|()| None),
        Ok(Found::Ours) => Ok(None),
        Ok(Found::Other(other)) => Ok(Some(other)),
        // This user may not look, so another source cannot be found. Reads use Redis anyway.
        Err(error) if error.is_refusal() => Ok(None),
        Err(error) => Err(error),
    };
    match looked {
        Ok(other) => settle(shared, other),
        Err(error) => debug!(%error, "the mark of the database could not be looked at"),
    }
}

fn settle(shared: &Shared, other: Option<String>) {
    let mut known = shared.other_source.lock().unwrap_or_else(PoisonError::into_inner);
    match (&*known, &other) {
        (None, Some(other)) => {
            let hint = "give each its own cache.key_space, or its own Redis";
            warn!(other, hint, "another database uses these keys of Redis: reads go to the database");
        }
        (Some(_), None) => info!("no other database uses these keys of Redis any more"),
        _ => {}
    }
    shared.shards.read_from_redis(other.is_none());
    if other.is_some() {
        // After reads were stopped, so that nothing more gets into L1.
        shared.guard.stamps.bump_all();
    }
    *known = other;
}

/// The answers to SET do not matter: a Redis that is full keeps no mark, and is used anyway.
async fn ask(shared: &Shared, identity: &str) -> Result<Found, L2Error> {
    let (mark, last) = (key(&shared.space, "mark"), key(&shared.space, "last"));
    let claim = command(&["SET", &mark, identity, "NX", "EX", LIFE_SECONDS]);
    let mut answers = tell(shared, &[claim, get(&mark), get(&last)]).await?.into_iter().skip(1);
    let mut text = || -> Result<Option<String>, L2Error> {
        let answer = answers.next().ok_or(L2Error::Unexpected { command: "GET" })??;
        Ok(redis::from_redis_value(answer).map_err(redis::RedisError::from)?)
    };
    let (holder, before) = (text()?, text()?);
    if let Some(holder) = holder.filter(|holder| holder != identity) {
        return Ok(Found::Other(holder));
    }
    if before.is_some_and(|before| before != identity) {
        return Ok(Found::Inherited);
    }
    remember(shared, identity).await?;
    Ok(Found::Ours)
}

/// Removes the values of another source, and only then claims the keys for this source.
async fn take_over(shared: &Shared, identity: &str) -> Result<(), L2Error> {
    let types: Vec<_> = shared.types.iter().map(|registered| registered.info).collect();
    clear::clear_types(shared.scanner(), &types).await?;
    shared.guard.stamps.bump_all();
    remember(shared, identity).await
}

/// Renews the mark and the record of the last source.
async fn remember(shared: &Shared, identity: &str) -> Result<(), L2Error> {
    let (mark, last) = (key(&shared.space, "mark"), key(&shared.space, "last"));
    let renew = command(&["EXPIRE", &mark, LIFE_SECONDS]);
    tell(shared, &[renew, command(&["SET", &last, identity, "EX", MEMORY_SECONDS])]).await.map(drop)
}

/// A key for facts about the data as a whole. All have the same braces, so that they are on one primary of a cluster.
pub(crate) fn key(space: &KeySpace, name: &str) -> String {
    format!("{}{BOOKKEEPING}{{database}}:{name}", space.prefix())
}

async fn tell(shared: &Shared, commands: &[Cmd]) -> Result<Vec<RedisResult<Value>>, L2Error> {
    let ask = |mut wire: Wire| async move { wire.query_each(commands.iter().cloned()).await };
    shared.shards.one(&key(&shared.space, "mark"), Terms::tell(shared.shards.command_limit()), ask).await
}

fn get(key: &str) -> Cmd {
    command(&["GET", key])
}

fn command(words: &[&str]) -> Cmd {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command
}
