//! The commands of the cache protocol on one key and its lease: GET, ACQUIRE, RELEASE, FILL, each atomic. INVALIDATE is in
//! [`super::removal`].
//!
//! Invariants (`protocol.md`, sections 2 and 9): a value is set only by FILL, and only while the lease still holds the
//! filler's token; ACQUIRE carries a fresh token each time it is sent, also when a cluster sends it elsewhere, and when the
//! server does not know the script. Scripts are called by their hash; one that is not known (NOSCRIPT) is sent with its text,
//! by which it becomes known, so no right to SCRIPT is needed.

use std::future::Future;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use redis::{Cmd, Pipeline, RedisResult, Value};

use super::error::{L2Error, is_no_script};
use super::link::{Link, Terms, Wire};
use super::orphan::Asked;
use super::redirect::is_elsewhere;
use super::shards::{Gathered, Shards};
use crate::clock::{Moment, millis};
use crate::key::lease_of;

/// What the server runs.
struct Script {
    text: &'static str,
    hash: String,
}

impl Script {
    fn new(text: &'static str) -> Self {
        Self { text, hash: redis::Script::new(text).get_hash().to_owned() }
    }
}

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
    /// The server refused this one key of a batch, as when memory is full or the user lacks a right.
    Refused(L2Error),
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
    pub(crate) left: TimeLeft,
    /// Before the question was sent: counted from here, the time to live ends no later than in Redis. The beginning of all
    /// time where it was not asked for.
    pub(crate) asked: Moment,
}

/// How long a value has to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeLeft {
    NotAsked,
    /// In milliseconds.
    Millis(u64),
    /// For ever: a foreign hand stored it without an expiry.
    Endless,
}

impl Stored {
    fn without_ttl(json: Vec<u8>) -> Self {
        Self { json, left: TimeLeft::NotAsked, asked: Moment::default() }
    }

    fn of((json, ttl_ms): (Option<Vec<u8>>, i64), asked: Moment) -> Option<Self> {
        // -2: gone between the two commands. -1: no expiry.
        let left = u64::try_from(ttl_ms).map_or(TimeLeft::Endless, TimeLeft::Millis);
        json.filter(|_| ttl_ms != -2).map(|json| Self { json, left, asked })
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

/// Gives a lease back that will not be used.
pub(crate) async fn release(shards: &Shards, key: &str, token: &Token) -> Result<(), L2Error> {
    let release = |mut wire: Wire| async move { wire.query(&release_command(key, token)).await };
    shards.one(key, Terms::tell(shards.command_limit()), release).await
}

/// Stores one loaded value if its lease still stands.
pub(crate) async fn fill(shards: &Shards, fill: &Fill) -> Result<Filled, L2Error> {
    let store = |mut wire: Wire, by: By| async move { wire.query(&fill_command(by, fill)).await };
    match shards.one(&fill.key, shards.command_terms(), |wire| known_or_told(wire, store)).await {
        Err(L2Error::Redis(error)) if is_elsewhere(&error) => Ok(Filled::Elsewhere),
        stored => Ok(filled(&stored?)),
    }
}

/// Stores many loaded values. A refused one does not stop the others.
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

/// Runs FILL, with its text, under a lease that nobody holds: answers 0, and stores nothing.
pub(crate) fn idle_fill(key: &str) -> Cmd {
    let fill = Fill { key: key.to_owned(), token: Token::fresh(Mode::Read), json: Vec::new(), ttl: IDLE_TTL };
    fill_command(By::Text, &fill)
}

/// How a script is named to the server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// By its hash, in the hope that the server knows it.
    Hash,
    /// By its text, which makes it known.
    Text,
}

impl By {
    /// The first call of a pipeline so, which is enough, and the others by the hash.
    fn first(self) -> impl Iterator<Item = Self> {
        std::iter::once(self).chain(std::iter::repeat(Self::Hash))
    }
}

/// Calls a script; if the server does not know it, once more with its text. Tokens are made inside the operation, so that the
/// second send carries a fresh one.
async fn known_or_told<T, F>(wire: Wire, operation: impl Fn(Wire, By) -> F) -> RedisResult<T>
where
    F: Future<Output = RedisResult<T>>,
{
    match operation(wire.clone(), By::Hash).await {
        Err(error) if is_no_script(&error) => operation(wire, By::Text).await,
        other => other,
    }
}

/// The same of a pipeline of so many calls, by their places, each with an answer of its own. Only those are sent once more that the server did not
/// know the script of: another client may have made it known in between.
async fn each_known_or_told<T, F>(
    wire: Wire,
    calls: usize,
    operation: impl Fn(Wire, By, Vec<usize>) -> F,
) -> RedisResult<Vec<RedisResult<T>>>
where
    F: Future<Output = RedisResult<Vec<RedisResult<T>>>>,
{
    let mut answers = operation(wire.clone(), By::Hash, (0..calls).collect()).await?;
    let is_unknown = |answer: &RedisResult<T>| answer.as_ref().is_err_and(is_no_script);
    let unknown: Vec<usize> = (0..).zip(&answers).filter(|(_, answer)| is_unknown(answer)).map(|(at, _)| at).collect();
    if unknown.is_empty() {
        return Ok(answers);
    }
    for (place, answer) in unknown.iter().zip(operation(wire, By::Text, unknown.clone()).await?) {
        answers[*place] = answer;
    }
    Ok(answers)
}

pub(super) fn pipeline_of(commands: impl Iterator<Item = Cmd>) -> Pipeline {
    let mut pipeline = redis::pipe();
    for command in commands {
        pipeline.add_command(command);
    }
    pipeline
}

fn call(script: &Script, by: By, key: &str) -> Cmd {
    let (name, named) = match by {
        By::Hash => ("EVALSHA", script.hash.as_str()),
        By::Text => ("EVAL", script.text),
    };
    let mut command = redis::cmd(name);
    command.arg(named).arg(2).arg(key).arg(lease_of(key));
    command
}

fn acquire_command(by: By, key: &str, token: &Token, mode: Mode, lease_ttl: Duration) -> Cmd {
    let mut command = call(&ACQUIRE, by, key);
    command.arg(&token.0).arg(millis(lease_ttl)).arg(mode.as_str());
    command
}

/// Rare and short, so always with its text: nothing has to wait behind it for an answer.
pub(super) fn release_command(key: &str, token: &Token) -> Cmd {
    let mut command = call(&RELEASE, By::Text, key);
    command.arg(&token.0);
    command
}

fn fill_command(by: By, fill: &Fill) -> Cmd {
    let mut command = call(&FILL, by, &fill.key);
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
