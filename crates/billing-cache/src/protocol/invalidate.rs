//! INVALIDATE: removes keys with their leases, and reports in which history of their shard that happened.
//!
//! Invariants (`protocol.md`, "Commands" and "Relay and replay"): value and lease are removed together, or the lease
//! first. The history is read before the removals, on the same connection, from a server that says it is the primary.
//! The data id is read before and after them, because data may be exchanged in between. Only if both are equal is it
//! known from which data the keys were removed. A server that says it is a replica does not count, even if it accepts
//! writes; the link then leaves it, as it does at the first write that it refuses.
//!
//! Used by writes, the relay and retries.

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
use crate::mutation::keeps;

/// Number of keys removed at a time while their slots migrate.
const ON_THE_MOVE_AT_ONCE: usize = 16;

/// The result for a key on the shard that was asked.
enum Removed {
    /// It is removed, in this history; `None` if the server does not report one.
    In(Option<History>),
    /// The shard no longer has the key, or not yet.
    Elsewhere,
}

/// Removes keys with their leases, in one pipeline for each shard. Answers with the history in which that happened, or
/// `None` if it is not known.
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

/// The history of every connected shard, and the connection on which it was read, in the order of the slot map.
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

/// The atomic removal of a key and its lease. Answers how many of the two existed. It also runs when memory is full.
pub(crate) fn unlink(key: &str) -> Cmd {
    let mut command = redis::cmd("UNLINK");
    command.arg(key);
    if keeps("invalidate-removes-lease") {
        command.arg(lease_of(key));
    }
    command
}

/// Sets a data id first if this connection knows of none: rows that are marked without an id would be applied again as
/// soon as there is one.
async fn remove(link: &Link, keys: &[&str], limit: Duration) -> Result<Vec<Removed>, L2Error> {
    let (connection, data_key) = (link.connection().ok_or(L2Error::Away)?, link.data_key());
    let tell = |mut wire: Wire| async move {
        let set = data_key.filter(|_| !link.knows_data_id(connection)).map(which_data::set);
        let (is_set, which_data) = (set.is_some(), || data_key.map(which_data::get));
        let removals = keys.iter().map(|key| unlink(key));
        let commands =
            std::iter::once(info_command()).chain(set).chain(which_data()).chain(removals).chain(which_data());
        let mut answers = wire.query_each(commands).await?.into_iter();
        let info = answers.next();
        // The answers of the two GETs tell whether there is an id, whoever set it.
        let _set = is_set.then(|| answers.next());
        let (before, after) = match data_key {
            Some(_) => (DataId::of(answers.next()), DataId::of(answers.next_back())),
            None => (None, None),
        };
        let data = if keeps("data-id-after") { &after } else { &before };
        let is_of_one = before == after || !(keeps("data-id-before") && keeps("data-id-after"));
        let history = history_of(&wire, info, data.as_ref())?.filter(|_| is_of_one);
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

/// While a slot migrates, both primaries refuse a command on two names unless one of them has both names. So the lease
/// is removed first, wherever it is, and then the value. Each is removed twice: a broken-off migration of the key may
/// have left it on both primaries, and the first one redirects to the other only once it has nothing itself. The
/// history of these removals is not known.
async fn invalidate_on_the_move(shards: &Shards, key: &str, limit: Duration) -> Result<(), L2Error> {
    shards.hear_redirection();
    let lease = lease_of(key);
    let mut removed = Ok(());
    for name in [&lease, &lease, key, key] {
        let remove = |mut wire: Wire| async move { wire.query::<Value>(redis::cmd("UNLINK").arg(name)).await };
        match shards.one(key, Terms::tell(limit), remove).await {
            Ok(_) => {}
            // The other primary is not known yet. What this one has is removed anyway, so that fewer readers get it
            // meanwhile.
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
