//! The commands of the cache protocol: GET, ACQUIRE, RELEASE, FILL, INVALIDATE, each atomic on one key and its lease.
//!
//! Invariants (`protocol.md`, sections 2 and 9): a value is set only by FILL, and only while the lease still holds the
//! filler's token; ACQUIRE carries a fresh token each time it is sent; INVALIDATE removes value and lease at once.

use std::future::Future;
use std::sync::LazyLock;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, Pipeline, RedisResult, Script, ServerErrorKind, Value};

use super::error::{L2Error, is_no_script};
use super::history::{self, History};
use super::link::{Link, Wire};
use super::orphan::Asked;
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
pub(crate) async fn get_with_ttl(link: &Link, key: &str) -> Result<Option<Stored>, L2Error> {
    let mut pipeline = redis::pipe();
    pipeline.ignore_errors().cmd("GET").arg(key).cmd("PTTL").arg(key);
    let pipeline = &pipeline;
    let asked = Moment::now();
    let read = |mut wire: Wire| async move {
        let answers: Vec<RedisResult<Value>> = pipeline.query_async(&mut wire.connection).await?;
        let mut answers = answers.into_iter();
        let mut next = || answers.next().unwrap_or(Ok(Value::Nil));
        Ok((redis::from_redis_value(next()?)?, redis::from_redis_value(next()?)?))
    };
    Ok(Stored::of(link.command(read).await?, asked))
}

/// Reads many values with their times to live, in the order of the keys.
pub(crate) async fn get_many_with_ttl(link: &Link, keys: &[String]) -> Result<Vec<Option<Stored>>, L2Error> {
    let mut pipeline = redis::pipe();
    pipeline.cmd("MGET").arg(keys);
    for key in keys {
        pipeline.cmd("PTTL").arg(key);
    }
    let pipeline = &pipeline;
    let asked = Moment::now();
    let answers: Vec<Value> =
        link.command(|mut wire| async move { pipeline.query_async(&mut wire.connection).await }).await?;
    let mut answers = answers.into_iter();
    let values: Vec<Option<Vec<u8>>> = redis::from_redis_value(answers.next().unwrap_or_default())
        .map_err(|_| L2Error::Unexpected { command: "MGET" })?;
    let ttls = answers.map(|ttl| if let Value::Int(ttl_ms) = ttl { ttl_ms } else { -2 });
    Ok(values.into_iter().zip(ttls).map(|read| Stored::of(read, asked)).collect())
}

/// Reads one value.
pub(crate) async fn get(link: &Link, key: &str) -> Result<Option<Stored>, L2Error> {
    let read = |mut wire: Wire| async move { redis::cmd("GET").arg(key).query_async(&mut wire.connection).await };
    let json: Option<Vec<u8>> = link.command(read).await?;
    Ok(json.map(Stored::without_ttl))
}

/// Reads many values in one round trip, in the order of the keys.
pub(crate) async fn get_many(link: &Link, keys: &[String]) -> Result<Vec<Option<Stored>>, L2Error> {
    let read = |mut wire: Wire| async move { redis::cmd("MGET").arg(keys).query_async(&mut wire.connection).await };
    let values: Vec<Option<Vec<u8>>> = link.command(read).await?;
    Ok(values.into_iter().map(|json| json.map(Stored::without_ttl)).collect())
}

/// Asks for the lease of one key.
pub(crate) async fn acquire(link: &Link, key: &str, mode: Mode, lease_ttl: Duration) -> Result<Acquired, L2Error> {
    let ask = |mut connection: MultiplexedConnection| async move {
        let token = Token::fresh(mode);
        let asked = Asked::for_one(connection.clone(), key, &token, lease_ttl);
        let answer: RedisResult<Value> =
            acquire_command(key, &token, mode, lease_ttl).query_async(&mut connection).await;
        asked.answered();
        Ok((token, answer?))
    };
    let (token, answer) = link.command(|wire| with_scripts(wire.connection, ask)).await?;
    acquired(token, answer)
}

/// Asks for the leases of many keys in one pipeline; answers in the order of the keys.
pub(crate) async fn acquire_many(
    link: &Link,
    keys: &[String],
    mode: Mode,
    lease_ttl: Duration,
) -> Result<Vec<Acquired>, L2Error> {
    let ask = |connection: MultiplexedConnection| async move {
        let tokens: Vec<Token> = keys.iter().map(|_| Token::fresh(mode)).collect();
        let asked = Asked::for_many(connection.clone(), keys, &tokens, lease_ttl);
        let commands = keys.iter().zip(&tokens).map(|(key, token)| acquire_command(key, token, mode, lease_ttl));
        let answers = each(pipeline_of(commands), connection).await;
        asked.answered();
        Ok(tokens.into_iter().zip(answers?).collect::<Vec<_>>())
    };
    let asked = link.batch(|wire| with_scripts(wire.connection, ask)).await?;
    let one = |(token, answer): (Token, RedisResult<Value>)| match answer {
        Ok(answer) => acquired(token, answer),
        Err(_) => Ok(Acquired::Refused),
    };
    asked.into_iter().map(one).collect()
}

/// Gives a lease back that will not be used.
pub(crate) async fn release(link: &Link, key: &str, token: &Token) -> Result<(), L2Error> {
    let command = release_command(key, token);
    link.tell(link.command_limit(), |mut wire| async move { command.exec_async(&mut wire.connection).await }).await
}

/// Stores one loaded value if its lease still stands.
pub(crate) async fn fill(link: &Link, fill: &Fill) -> Result<Filled, L2Error> {
    let store =
        |mut connection: MultiplexedConnection| async move { fill_command(fill).query_async(&mut connection).await };
    Ok(filled(&link.command(|wire| with_scripts(wire.connection, store)).await?))
}

/// Stores many loaded values; answers in the order of the fills. A refused one does not stop the others.
pub(crate) async fn fill_many(link: &Link, fills: &[Fill]) -> Result<Vec<Filled>, L2Error> {
    let store = |connection: MultiplexedConnection| each(pipeline_of(fills.iter().map(fill_command)), connection);
    let stored = link.batch(|wire| with_scripts(wire.connection, store)).await?;
    Ok(stored.into_iter().map(|answer| answer.map_or(Filled::Lost, |answer| filled(&answer))).collect())
}

/// Removes keys with their leases in one pipeline, and says to which history that was done.
///
/// A single UNLINK is atomic over both names, and runs when memory is full. The history is read before the removals, on the
/// same connection, from a server that says it is the primary. One that says it is a replica has not been told, even if it
/// takes writes; the link leaves it, as it does at its first refusal.
pub(crate) async fn invalidate(link: &Link, keys: &[String], limit: Duration) -> Result<Option<History>, L2Error> {
    link.tell(limit, |mut wire| async move {
        let mut pipeline = Pipeline::with_capacity(keys.len() + 1);
        pipeline.ignore_errors().cmd("INFO").arg("replication");
        for key in keys {
            pipeline.add_command(unlink(key));
        }
        let answers: Vec<RedisResult<Value>> = pipeline.query_async(&mut wire.connection).await?;
        let mut answers = answers.into_iter();
        let info: Option<String> =
            answers.next().and_then(Result::ok).and_then(|info| redis::from_redis_value(info).ok());
        let info = info.unwrap_or_default();
        if history::is_replica(&info) {
            return Err((ErrorKind::Server(ServerErrorKind::ReadOnly), "the server has become a replica").into());
        }
        for answer in answers {
            answer?;
        }
        Ok(History::of(wire.run_id.as_deref(), &info))
    })
    .await
}

/// The atomic removal of a key and its lease; answers how many of the two were there.
pub(crate) fn unlink(key: &str) -> Cmd {
    let mut command = redis::cmd("UNLINK");
    command.arg(key).arg(lease_of(key));
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
async fn with_scripts<T, F>(
    mut connection: MultiplexedConnection,
    operation: impl Fn(MultiplexedConnection) -> F,
) -> RedisResult<T>
where
    F: Future<Output = RedisResult<T>>,
{
    match operation(connection.clone()).await {
        Err(error) if is_no_script(&error) => {
            load_scripts(&mut connection).await?;
            operation(connection).await
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
async fn each(mut pipeline: Pipeline, mut connection: MultiplexedConnection) -> RedisResult<Vec<RedisResult<Value>>> {
    pipeline.ignore_errors();
    let answers: Vec<RedisResult<Value>> = pipeline.query_async(&mut connection).await?;
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
