//! GET, and the time to live if it is needed, for one key or for many.
//!
//! Used by reads of one key and of many.

use std::sync::Arc;

use redis::{Cmd, FromRedisValue, RedisError, RedisResult, Value};

use crate::clock::Moment;
use crate::connection::error::L2Error;
use crate::connection::link::{Answers, Commands, Link, Wire};
use crate::connection::redirect::is_elsewhere;
use crate::connection::shards::{Gathered, Shards};

/// A value as stored in Redis.
pub(crate) struct Stored {
    pub(crate) json: Vec<u8>,
    pub(crate) left: TimeLeft,
    /// A moment before the question was sent. Counted from here, the time to live ends no later than in Redis. The zero
    /// moment if the time to live was not asked for.
    pub(crate) asked: Moment,
}

/// How long a value has to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeLeft {
    NotAsked,
    /// Milliseconds.
    Millis(u64),
    /// Forever: another program stored it without an expiry.
    Endless,
}

impl Stored {
    fn without_ttl(json: Vec<u8>) -> Self {
        Self { json, left: TimeLeft::NotAsked, asked: Moment::default() }
    }

    fn of((json, ttl_ms): (Option<Vec<u8>>, i64), asked: Moment) -> Option<Self> {
        // -2: removed between the two commands. -1: no expiry.
        let left = u64::try_from(ttl_ms).map_or(TimeLeft::Endless, TimeLeft::Millis);
        json.filter(|_| ttl_ms != -2).map(|json| Self { json, left, asked })
    }
}

/// Reads one value with its time to live.
pub(crate) async fn get_with_ttl(shards: &Shards, key: &str) -> Result<Option<Stored>, L2Error> {
    let asked = Moment::now();
    let commands = || Commands { get: get_command(key), pttl: Some(pttl_command(key)) };
    let Answers { value, ttl } = shards.read(key, commands).await?;
    // Without an answer to PTTL the value counts as removed.
    let ttl_ms = ttl.map_or(Ok(-2), parsed)?;
    Ok(Stored::of((parsed(value)?, ttl_ms), asked))
}

/// Reads one value.
pub(crate) async fn get(shards: &Shards, key: &str) -> Result<Option<Stored>, L2Error> {
    let commands = || Commands { get: get_command(key), pttl: None };
    let json: Option<Vec<u8>> = parsed(shards.read(key, commands).await?.value)?;
    Ok(json.map(Stored::without_ttl))
}

fn parsed<T: FromRedisValue>(value: Value) -> Result<T, L2Error> {
    Ok(redis::from_redis_value(value).map_err(RedisError::from)?)
}

/// What is asked for many values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Values,
    ValuesWithTtl,
}

/// Reads many values in one round trip to each shard. A value that migrates to another shard counts as absent.
pub(crate) async fn get_many(shards: &Shards, keys: &[String], wanted: Wanted) -> Gathered<Option<Stored>> {
    let (terms, is_cluster) = (shards.command_terms(), shards.is_cluster());
    let read = move |link: Arc<Link>, places: Vec<usize>| async move {
        let keys: Vec<&str> = places.iter().map(|place| keys[*place].as_str()).collect();
        let asked = Moment::now();
        let ask = |mut wire: Wire| async move {
            // MGET costs less, but a cluster refuses it for keys of several slots.
            let values =
                if is_cluster { keys.iter().map(|key| get_command(key)).collect() } else { vec![mget_command(&keys)] };
            let ttls = if wanted == Wanted::ValuesWithTtl { keys.as_slice() } else { &[] };
            let count = values.len();
            let mut answers =
                wire.query_each(values.into_iter().chain(ttls.iter().map(|key| pttl_command(key)))).await?;
            let ttls = answers.split_off(count);
            let values = if is_cluster { values_of(answers)? } else { redis::from_redis_value(answers.remove(0)?)? };
            Ok((values, ttls))
        };
        let (values, ttls): (Vec<Option<Vec<u8>>>, Vec<RedisResult<Value>>) = link.run(terms, ask).await?;
        if wanted == Wanted::Values {
            return Ok(values.into_iter().map(|json| json.map(Stored::without_ttl)).collect());
        }
        let ttls = ttls.into_iter().map(|ttl| if let Ok(Value::Int(ttl_ms)) = ttl { ttl_ms } else { -2 });
        Ok(values.into_iter().zip(ttls).map(|read| Stored::of(read, asked)).collect())
    };
    shards.gather(keys, read).await
}

/// The values as MGET would answer: a value that is no string is absent. A value on another shard also counts as
/// absent; the read of that single key finds it.
fn values_of(answers: Vec<RedisResult<Value>>) -> RedisResult<Vec<Option<Vec<u8>>>> {
    let value = |answer: RedisResult<Value>| match answer {
        Ok(value) => redis::from_redis_value(value).map_err(Into::into),
        Err(error) if is_elsewhere(&error) || error.code() == Some("WRONGTYPE") => Ok(None),
        Err(error) => Err(error),
    };
    answers.into_iter().map(value).collect()
}

fn get_command(key: &str) -> Cmd {
    let mut command = redis::cmd("GET");
    command.arg(key);
    command
}

fn mget_command(keys: &[&str]) -> Cmd {
    let mut command = redis::cmd("MGET");
    command.arg(keys);
    command
}

fn pttl_command(key: &str) -> Cmd {
    let mut command = redis::cmd("PTTL");
    command.arg(key);
    command
}
