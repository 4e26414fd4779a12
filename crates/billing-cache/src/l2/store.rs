//! The commands of the cache protocol on one key and its lease: GET, ACQUIRE, RELEASE, FILL, each atomic. INVALIDATE is in
//! [`super::removal`].
//!
//! Invariants (`protocol.md`, sections 2 and 9): a value is set only by FILL, and only while the lease still holds the
//! filler's token; ACQUIRE carries a fresh token each time it is sent, also when a cluster sends it elsewhere.

use std::future::Future;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, RedisResult, Script, Value};

use super::error::{L2Error, is_no_script};
use super::link::{Link, Terms, Wire};
use super::orphan::Asked;
use super::shards::{Gathered, Shards, is_elsewhere};
use crate::cache::millis;
use crate::clock::Moment;
use crate::key::lease_of;

/// `KEYS` value, lease; `ARGV` token, lease ms, mode. Answers the value, or 2 (present), 1 (granted), 0 (contended).
///
/// What is no string is taken for absent: FILL replaces it.
static ACQUIRE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
if ARGV[3] == 'warm' then
  if redis.call('EXISTS', KEYS[1]) == 1 then return 2 end
elseif ARGV[3] == 'read' then
  local value = redis.pcall('GET', KEYS[1])
  if type(value) == 'string' then return value end
end
local lease = redis.call('GET', KEYS[2])
if lease and not (ARGV[3] == 'read' and string.sub(lease, 1, 1) == 'w') then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 1",
    )
});

/// `KEYS` value, lease; `ARGV` token, value, ttl ms. Answers 1 (stored) or 0 (lost).
///
/// The lease goes first: nobody waits for a dead lease if the SET fails. It does not fail because memory is full: Redis
/// refuses only the first write of a script for that. So a load in flight is still stored, and ACQUIRE begins no further one.
static FILL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1",
    )
});

/// `KEYS` value, lease; `ARGV` token. Removes the lease if it is still this token's, as its end would.
static RELEASE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[2])",
    )
});

/// Of a value that is not stored.
const IDLE_TTL: Duration = Duration::from_secs(1);

/// On what terms a lease is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A reader: an existing value is the answer, and the lease of a warm-up may be taken over.
    Read,
    /// A warm-up: an existing value is left alone, and readers may take the lease over.
    Warm,
    /// Replace what is there, such as a value that does not decode.
    Refresh,
    /// A warm-up that replaces what is there; readers may take the lease over once the value is gone.
    Renew,
}

impl Mode {
    fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Warm => "warm",
            Self::Refresh | Self::Renew => "refresh",
        }
    }
}

/// The right to fill one key, as the lease names its holder. Unique for every send.
#[derive(Clone, Debug)]
pub(crate) struct Token(String);

impl Token {
    fn fresh(mode: Mode) -> Self {
        let mark = if matches!(mode, Mode::Warm | Mode::Renew) { 'w' } else { 'r' };
        Self(format!("{mark}{:032x}", rand::random::<u128>()))
    }
}

/// How an ACQUIRE ended.
#[derive(Debug)]
pub(crate) enum Acquired {
    /// The value is there.
    Hit(Vec<u8>),
    /// The value is there, and a warm-up does not need it.
    Present,
    /// The caller may load and fill.
    Granted(Token),
    /// Somebody else holds the lease.
    Contended,
    /// The server refused this one key of a batch, as when memory is full.
    Refused,
}

/// How a FILL ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    Stored,
    /// An invalidation, or the end of the lease, came between.
    Lost,
    /// Nothing was stored, since the slot is on its way; the lease still stands.
    Elsewhere,
}

/// A value to fill.
pub(crate) struct Fill {
    pub(crate) key: String,
    pub(crate) token: Token,
    pub(crate) json: Vec<u8>,
    pub(crate) ttl: Duration,
}

/// A value as it stands in Redis.
pub(crate) struct Stored {
    pub(crate) json: Vec<u8>,
    /// Time to live; `None` if it was not asked for, or a foreign hand set none.
    pub(crate) ttl_ms: Option<u64>,
    /// Before the question was sent: counted from here, the time to live ends no later than in Redis. The beginning of all
    /// time where it was not asked for.
    pub(crate) asked: Moment,
}

impl Stored {
    fn without_ttl(json: Vec<u8>) -> Self {
        Self { json, ttl_ms: None, asked: Moment::default() }
    }

    fn of((json, ttl_ms): (Option<Vec<u8>>, i64), asked: Moment) -> Option<Self> {
        // -2: gone between the two commands. -1: no expiry.
        json.filter(|_| ttl_ms != -2).map(|json| Self { json, ttl_ms: u64::try_from(ttl_ms).ok(), asked })
    }
}

/// Reads one value with its time to live. Each command has an answer of its own: what is wrong with the key must not look
/// like a failure of the pipeline, which would count against the server.
pub(crate) async fn get_with_ttl(shards: &Shards, key: &str) -> Result<Option<Stored>, L2Error> {
    let asked = Moment::now();
    let read = |mut wire: Wire| async move {
        let mut answers = wire.query_each([get_command(key), pttl_command(key)]).await?.into_iter();
        let mut next = || answers.next().unwrap_or(Ok(Value::Nil));
        Ok((redis::from_redis_value(next()?)?, redis::from_redis_value(next()?)?))
    };
    Ok(Stored::of(shards.one(key, shards.command_terms(), read).await?, asked))
}

/// Reads one value.
pub(crate) async fn get(shards: &Shards, key: &str) -> Result<Option<Stored>, L2Error> {
    let read = |mut wire: Wire| async move { wire.query(&get_command(key)).await };
    let json: Option<Vec<u8>> = shards.one(key, shards.command_terms(), read).await?;
    Ok(json.map(Stored::without_ttl))
}

/// What is asked of many values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Values,
    ValuesWithTtl,
}

/// Reads many values in one round trip to each shard. A value that is on its way to another shard counts as absent.
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

/// As MGET answers: what is no string is absent. What is elsewhere is, too; the path of one key finds it.
fn values_of(answers: Vec<RedisResult<Value>>) -> RedisResult<Vec<Option<Vec<u8>>>> {
    let value = |answer: RedisResult<Value>| match answer {
        Ok(value) => redis::from_redis_value(value).map_err(Into::into),
        Err(error) if is_elsewhere(&error) || error.code() == Some("WRONGTYPE") => Ok(None),
        Err(error) => Err(error),
    };
    answers.into_iter().map(value).collect()
}

/// Asks for the lease of one key.
pub(crate) async fn acquire(shards: &Shards, key: &str, mode: Mode, lease_ttl: Duration) -> Result<Acquired, L2Error> {
    let ask = |mut wire: Wire| async move {
        let token = Token::fresh(mode);
        let asked = Asked::for_one(wire.connection.clone(), key, &token, lease_ttl);
        let answer: RedisResult<Value> = wire.query(&acquire_command(key, &token, mode, lease_ttl)).await;
        asked.answered();
        Ok((token, answer?))
    };
    let (token, answer) = shards.one(key, shards.command_terms(), |wire| with_scripts(wire, ask)).await?;
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
        let ask = |wire: Wire| {
            let keys = &keys;
            async move {
                let tokens: Vec<Token> = keys.iter().map(|_| Token::fresh(mode)).collect();
                let asked = Asked::for_many(wire.connection.clone(), keys, &tokens, lease_ttl);
                let commands =
                    keys.iter().zip(&tokens).map(|(key, token)| acquire_command(key, token, mode, lease_ttl));
                let answers = each(wire, commands).await;
                asked.answered();
                Ok(tokens.into_iter().zip(answers?).collect::<Vec<_>>())
            }
        };
        let asked = link.run(terms, |wire| with_scripts(wire, ask)).await?;
        let one = |(token, answer): (Token, RedisResult<Value>)| match answer {
            Ok(answer) => acquired(token, answer),
            Err(_) => Ok(Acquired::Refused),
        };
        asked.into_iter().map(one).collect()
    };
    shards.gather(keys, acquire).await
}

/// Gives a lease back that will not be used.
pub(crate) async fn release(shards: &Shards, key: &str, token: &Token) -> Result<(), L2Error> {
    let release = |mut wire: Wire| async move { wire.query(&release_command(key, token)).await };
    shards.one(key, Terms::tell(shards.command_limit()), release).await
}

/// Stores one loaded value if its lease still stands.
pub(crate) async fn fill(shards: &Shards, fill: &Fill) -> Result<Filled, L2Error> {
    let store = |mut wire: Wire| async move { wire.query(&fill_command(fill)).await };
    match shards.one(&fill.key, shards.command_terms(), |wire| with_scripts(wire, store)).await {
        Err(L2Error::Redis(error)) if is_elsewhere(&error) => Ok(Filled::Elsewhere),
        stored => Ok(filled(&stored?)),
    }
}

/// Stores many loaded values. A refused one does not stop the others.
pub(crate) async fn fill_many(shards: &Shards, fills: &[Fill]) -> Gathered<Filled> {
    let terms = shards.batch_terms();
    let keys: Vec<String> = fills.iter().map(|fill| fill.key.clone()).collect();
    let store = move |link: Arc<Link>, places: Vec<usize>| async move {
        let store = |wire: Wire| each(wire, places.iter().map(|place| fill_command(&fills[*place])));
        let stored = link.run(terms, |wire| with_scripts(wire, store)).await?;
        let one = |answer: RedisResult<Value>| match answer {
            Ok(answer) => filled(&answer),
            Err(error) if is_elsewhere(&error) => Filled::Elsewhere,
            Err(_) => Filled::Lost,
        };
        Ok(stored.into_iter().map(one).collect())
    };
    shards.gather(&keys, store).await
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

/// Makes the scripts known to the server.
pub(crate) async fn load_scripts(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let mut pipeline = redis::pipe();
    pipeline.load_script(&ACQUIRE).ignore().load_script(&FILL).ignore().load_script(&RELEASE).ignore();
    pipeline.exec_async(connection).await
}

/// Loads the scripts and runs FILL under a lease that nobody holds: answers 0 at the end, and stores nothing.
pub(crate) fn idle_fill(key: &str) -> Pipeline {
    let fill = Fill { key: key.to_owned(), token: Token::fresh(Mode::Read), json: Vec::new(), ttl: IDLE_TTL };
    let mut pipeline = redis::pipe();
    pipeline.ignore_errors().load_script(&ACQUIRE).load_script(&FILL).add_command(fill_command(&fill));
    pipeline
}

/// Runs an operation; if the server has forgotten the scripts, loads them and runs it anew. Tokens are made inside the
/// operation, so that the second send carries fresh ones.
async fn with_scripts<T, F>(wire: Wire, operation: impl Fn(Wire) -> F) -> RedisResult<T>
where
    F: Future<Output = RedisResult<T>>,
{
    match operation(wire.clone()).await {
        Err(error) if is_no_script(&error) => {
            load_scripts(&mut wire.connection.clone()).await?;
            operation(wire).await
        }
        other => other,
    }
}

pub(super) fn pipeline_of(commands: impl Iterator<Item = Cmd>) -> Pipeline {
    let mut pipeline = redis::pipe();
    for command in commands {
        pipeline.add_command(command);
    }
    pipeline
}

/// Runs script calls in one pipeline; each has a result of its own, but a server without the scripts fails them all.
async fn each(mut wire: Wire, commands: impl Iterator<Item = Cmd>) -> RedisResult<Vec<RedisResult<Value>>> {
    let answers = wire.query_each(commands).await?;
    match answers.iter().find_map(|answer| answer.as_ref().err().filter(|error| is_no_script(error))) {
        Some(error) => Err(error.clone()),
        None => Ok(answers),
    }
}

fn evalsha(script: &Script, key: &str) -> Cmd {
    let mut command = redis::cmd("EVALSHA");
    command.arg(script.get_hash()).arg(2).arg(key).arg(lease_of(key));
    command
}

fn acquire_command(key: &str, token: &Token, mode: Mode, lease_ttl: Duration) -> Cmd {
    let mut command = evalsha(&ACQUIRE, key);
    command.arg(&token.0).arg(millis(lease_ttl)).arg(mode.as_str());
    command
}

pub(super) fn release_command(key: &str, token: &Token) -> Cmd {
    let mut command = evalsha(&RELEASE, key);
    command.arg(&token.0);
    command
}

fn fill_command(fill: &Fill) -> Cmd {
    let mut command = evalsha(&FILL, &fill.key);
    command.arg(&fill.token.0).arg(&fill.json).arg(millis(fill.ttl));
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

fn filled(answer: &Value) -> Filled {
    if *answer == Value::Int(1) { Filled::Stored } else { Filled::Lost }
}
