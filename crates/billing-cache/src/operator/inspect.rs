//! Inspection: what stands in Redis under given keys, looked at from outside. No read of the cache: nothing is loaded,
//! filled or counted, and what does not decode is shown as it is.

use redis::{Cmd, RedisResult, Value};

use crate::connection::error::{L2Error, RedisUnreachable};
use crate::declaration::any_key::AnyKey;
use crate::declaration::cached_type::Source;
use crate::declaration::key::lease_of;
use crate::read::cache::Cache;

/// What stands under the key of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    Absent,
    /// These bytes, which should be JSON.
    Value(Vec<u8>),
    /// Something that is no string, such as a list: a foreign hand.
    NotAString,
    /// A string that is longer than `cache.max_value_bytes`, and was not fetched: a foreign hand.
    TooLong {
        /// Its length.
        bytes: u64,
    },
}

impl Standing {
    /// The length of the string, if it is one.
    #[must_use]
    pub fn length(&self) -> Option<usize> {
        match self {
            Self::Value(bytes) => Some(bytes.len()),
            Self::TooLong { bytes } => usize::try_from(*bytes).ok(),
            Self::Absent | Self::NotAString => None,
        }
    }
}

/// All that Redis knows of one value.
#[derive(Clone, Debug)]
pub struct KeyState {
    /// What stands under the key.
    pub standing: Standing,
    /// How long it has to live, in milliseconds; `None` if it never expires or is not there.
    pub ttl_ms: Option<u64>,
    /// What it takes in the server's memory, in bytes, its key included; `None` if it is not there, or the server does
    /// not tell.
    pub memory_bytes: Option<u64>,
    /// How long the lease of the load in flight has to live, in milliseconds; `None` if nobody holds it.
    pub lease_ms: Option<u64>,
}

impl<S: Source> Cache<S> {
    /// What stands under many keys, in their order: two pipelines for each `cache.scan_count` of them, since lengths
    /// are asked first.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn standing(&self, keys: &[AnyKey]) -> Result<Vec<Standing>, RedisUnreachable> {
        let shared = self.shared();
        let mut standing = Vec::with_capacity(keys.len());
        for batch in keys.chunks(shared.settings.scan_count) {
            let texts: Vec<String> = batch.iter().map(|key| key.as_str().to_owned()).collect();
            standing.extend(self.standing_of_batch(&texts).await?);
        }
        Ok(standing)
    }

    async fn standing_of_batch(&self, texts: &[String]) -> Result<Vec<Standing>, RedisUnreachable> {
        let shared = self.shared();
        let shards = &shared.shards;
        // To parse a longer one takes many times its length in memory, and nobody can look at it.
        let longest = shared.settings.max_value_bytes;
        let lengths = shards.look_at(texts, |key| vec![command(&["STRLEN", key])]).await?;
        // What cannot be told, for a lack of rights or of a string, is fetched.
        let lengths: Vec<u64> =
            lengths.into_iter().map(|answers| answers.into_iter().next().map_or(0, length_of)).collect();
        let short: Vec<String> = texts
            .iter()
            .zip(&lengths)
            .filter(|(_, length)| **length <= longest)
            .map(|(text, _)| text.clone())
            .collect();
        // One GET each: MGET takes what is no string for absent.
        let mut values = shards.look_at(&short, |key| vec![command(&["GET", key])]).await?.into_iter();
        let standing = lengths.into_iter().map(|bytes| {
            if bytes > longest {
                return Ok(Standing::TooLong { bytes });
            }
            standing_of(values.next().unwrap_or_default().into_iter().next().unwrap_or(Ok(Value::Nil)))
        });
        standing.collect::<Result<_, _>>().map_err(|error| shards.unreachable(error))
    }

    /// All that Redis knows of one value.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn inspect(&self, key: &AnyKey) -> Result<KeyState, RedisUnreachable> {
        let shards = &self.shared().shards;
        let texts = [key.as_str().to_owned()];
        let standing = self.standing_of_batch(&texts).await?.pop().unwrap_or(Standing::Absent);
        let asked = |key: &str| {
            let lease = lease_of(key);
            let commands: [&[&str]; 3] = [&["PTTL", key], &["MEMORY", "USAGE", key], &["PTTL", &lease]];
            commands.map(command).to_vec()
        };
        let answers = shards.look_at(&texts, asked).await?;
        let answers = answers.into_iter().next().unwrap_or_default();
        state_of(standing, answers).map_err(|error| shards.unreachable(error))
    }
}

fn command(words: &[&str]) -> Cmd {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command
}

fn length_of(answer: RedisResult<Value>) -> u64 {
    answer.ok().and_then(positive).unwrap_or_default()
}

fn state_of(standing: Standing, answers: Vec<RedisResult<Value>>) -> Result<KeyState, L2Error> {
    let Ok([ttl, memory, lease]) = <[_; 3]>::try_from(answers) else {
        return Err(L2Error::Unexpected { command: "PTTL" });
    };
    Ok(KeyState {
        standing,
        ttl_ms: positive(ttl?),
        // Not every Redis user may ask this.
        memory_bytes: memory.ok().and_then(positive),
        lease_ms: positive(lease?),
    })
}

fn standing_of(answer: RedisResult<Value>) -> Result<Standing, L2Error> {
    match answer.map_err(L2Error::from) {
        Ok(Value::BulkString(bytes)) => Ok(Standing::Value(bytes)),
        Ok(Value::Nil) => Ok(Standing::Absent),
        Ok(_) => Err(L2Error::Unexpected { command: "GET" }),
        Err(error) if error.is_wrong_type() => Ok(Standing::NotAString),
        Err(error) => Err(error),
    }
}

/// PTTL answers -1 for no expiry and -2 for no key.
fn positive(answer: Value) -> Option<u64> {
    if let Value::Int(number) = answer { u64::try_from(number).ok() } else { None }
}
