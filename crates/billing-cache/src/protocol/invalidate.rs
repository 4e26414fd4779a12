//! INVALIDATE: removes keys with their leases, and says to which history of their shard that was done.
//!
//! Invariants (`protocol.md`, sections 2, 5 and 9): value and lease go at once, or the lease first; the history is read
//! before the removals, on the same connection, from a server that says it is the primary; the data id before and after
//! them, since data may be exchanged in between, and only if both are the same it is known which were told. One that
//! says it is a replica has not been told, even if it takes writes; the link leaves it, as it does at its first
//! refusal.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, future, stream};
use redis::{Cmd, ErrorKind, RedisResult, ServerErrorKind, Value};

use super::history::History;
use crate::clock::millis;
use crate::connection::data_id::DataId;
use crate::connection::error::L2Error;
use crate::connection::info::is_replica;
use crate::connection::link::{ConnectionNumber, Link, Terms, Wire};
use crate::connection::redirect::is_elsewhere;
use crate::connection::shards::{Gathered, Shards};
use crate::connection::which_data;
use crate::declaration::key::lease_of;

/// Keys that are removed at once while their slots are on their way.
const ON_THE_MOVE_AT_ONCE: usize = 16;

/// What became of a key on the shard that was told.
enum Removed {
    /// It is gone, in this history; none where the server does not tell.
    In(Option<History>),
    /// The shard does not have it any more, or not yet.
    Elsewhere,
}

/// Removes keys with their leases, in one pipeline for each shard; answers with the history in which that was done,
/// none where it cannot be named.
pub(crate) async fn invalidate(shards: &Shards, keys: &[String], limit: Duration) -> Gathered<Option<History>> {
    let remove = move |link: Arc<Link>, places: Vec<usize>| async move {
        let keys: Vec<&str> = places.iter().map(|place| keys[*place].as_str()).collect();
        remove(&link, &keys, limit).await
    };
    let ends = Instant::now() + limit;
    let Gathered { answers: removed, mut error } = shards.gather(keys, remove).await;
    let is_elsewhere = |place: &usize| matches!(removed[*place], Some(Removed::Elsewhere));
    let followed = stream::iter((0..keys.len()).filter(is_elsewhere)).map(|place| async move {
        let removing = invalidate_on_the_move(shards, &keys[place], limit);
        let late = L2Error::Timeout { limit_ms: millis(limit) };
        (place, tokio::time::timeout_at(ends.into(), removing).await.unwrap_or(Err(late)))
    });
    let followed: HashMap<usize, Result<(), L2Error>> = followed.buffer_unordered(ON_THE_MOVE_AT_ONCE).collect().await;
    let mut answers: Vec<Option<Option<History>>> = removed.into_iter().map(|removed| removed?.history()).collect();
    for (place, removed) in followed {
        match removed {
            Ok(()) => answers[place] = Some(None),
            Err(failed) => _ = error.get_or_insert(failed),
        }
    }
    Gathered { answers, error }
}

impl Removed {
    fn history(self) -> Option<Option<History>> {
        if let Self::In(history) = self { Some(history) } else { None }
    }
}

/// The history of every shard that is connected, and on which connection that was, in the order of the layout.
pub(crate) async fn histories(
    links: &[Arc<Link>],
    limit: Duration,
) -> Vec<Result<(ConnectionNumber, Option<History>), L2Error>> {
    let asked = links.iter().map(|link| async move {
        let (connection, key) = (link.connection().ok_or(L2Error::Away)?, link.data_key());
        let ask = |mut wire: Wire| async move {
            let info = wire.query_each([info_command()]).await?.into_iter().next();
            let data = match key {
                Some(key) => which_data::ask(&mut wire, key, link.if_no_data_id()).await?,
                None => None,
            };
            Ok((history_of(&wire, info, data.as_ref())?, data))
        };
        let (history, data) = link.run(Terms::tell(limit), ask).await?;
        Ok((link.note_data(connection, data).number(connection), history))
    });
    future::join_all(asked).await
}

/// The atomic removal of a key and its lease; answers how many of the two were there. It runs when memory is full.
pub(crate) fn unlink(key: &str) -> Cmd {
    let mut command = redis::cmd("UNLINK");
    command.arg(key).arg(lease_of(key));
    command
}

async fn remove(link: &Link, keys: &[&str], limit: Duration) -> Result<Vec<Removed>, L2Error> {
    let (connection, data_key) = (link.connection().ok_or(L2Error::Away)?, link.data_key());
    let tell = |mut wire: Wire| async move {
        let which_data = || data_key.map(which_data::get).into_iter();
        let removals = keys.iter().map(|key| unlink(key));
        let commands = std::iter::once(info_command()).chain(which_data()).chain(removals).chain(which_data());
        let mut answers = wire.query_each(commands).await?.into_iter();
        let info = answers.next();
        let (before, after) = match data_key {
            Some(_) => (DataId::of(answers.next()), DataId::of(answers.next_back())),
            None => (None, None),
        };
        let history = history_of(&wire, info, after.as_ref())?.filter(|_| before == after);
        let removed = |answer: RedisResult<Value>| match answer {
            Ok(_) => Ok(Removed::In(history.clone())),
            Err(error) if is_elsewhere(&error) => Ok(Removed::Elsewhere),
            Err(error) => Err(error),
        };
        Ok((answers.map(removed).collect::<RedisResult<Vec<Removed>>>()?, after))
    };
    let (removed, data) = link.run(Terms::tell(limit), tell).await?;
    link.note_data(connection, data);
    Ok(removed)
}

/// While a slot is on its way, a command on two names is refused by both masters unless both names are on one of them.
/// So the lease goes first, wherever it is, and then the value. Each twice: a migration of the key that broke off may
/// have left it on both masters, and only where the first has nothing does it send one to the other. To which history
/// that was done cannot be told.
async fn invalidate_on_the_move(shards: &Shards, key: &str, limit: Duration) -> Result<(), L2Error> {
    shards.hear_redirection();
    let lease = lease_of(key);
    let mut removed = Ok(());
    for name in [&lease, &lease, key, key] {
        let remove = |mut wire: Wire| async move { wire.query::<Value>(redis::cmd("UNLINK").arg(name)).await };
        match shards.one(key, Terms::tell(limit), remove).await {
            Ok(_) => {}
            // The other master is not known yet. What this one has goes all the same, so that fewer read it meanwhile.
            Err(L2Error::Redis(error)) if is_elsewhere(&error) => removed = Err(error.into()),
            Err(error) => return Err(error),
        }
    }
    removed
}

fn info_command() -> Cmd {
    let mut command = redis::cmd("INFO");
    command.arg("replication");
    command
}

fn history_of(wire: &Wire, info: Option<RedisResult<Value>>, data: Option<&DataId>) -> RedisResult<Option<History>> {
    let info: Option<String> = info.and_then(Result::ok).and_then(|info| redis::from_redis_value(info).ok());
    let info = info.unwrap_or_default();
    if is_replica(&info) {
        return Err((ErrorKind::Server(ServerErrorKind::ReadOnly), "the server has become a replica").into());
    }
    Ok(History::of(wire.run_id.as_deref(), &info, data))
}
