//! Inspection: shows what Redis contains under given keys. It is no read of the cache: nothing is loaded, filled or
//! counted, and a value that does not decode is shown as it is.
//!
//! Used by `cache-admin inspect` and the audit.

use redis::{Cmd, RedisResult, Value};

use crate::connection::error::{L2Error, RedisUnreachable};
use crate::declaration::any_key::AnyKey;
use crate::declaration::cached_type::Source;
use crate::declaration::key::lease_of;
use crate::read::cache::Cache;

/// The content of the key of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    Absent,
    /// These bytes, which should be JSON.
    Value(Vec<u8>),
    /// A value that is no string, such as a list. Another program stored it.
    NotAString,
    /// A string longer than `cache.max_value_bytes`, which was not fetched. Another program stored it.
    TooLong {
        /// Its length in bytes.
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

/// Everything that Redis knows about one value.
#[derive(Clone, Debug)]
pub struct KeyState {
    /// The content of the key.
    pub standing: Standing,
    /// Its time to live in milliseconds; `None` if it never expires or does not exist.
    pub ttl_ms: Option<u64>,
    /// The memory it uses in the server, in bytes, including its key; `None` if it does not exist, or the server does
    /// not report it.
    pub memory_bytes: Option<u64>,
    /// The time to live of the lease of the load in flight, in milliseconds; `None` if there is no lease.
    pub lease_ms: Option<u64>,
}

impl<S: Source> Cache<S> {
    /// The content of many keys, in their order. This takes two pipelines for each `cache.scan_count` of them, because
    /// lengths are asked first.
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
        // A longer one is not fetched: parsing it takes many times its length in memory, and no person can read it.
        let longest = shared.settings.max_value_bytes;
        let lengths = shards.look_at(texts, |key| vec![command(&["STRLEN", key])]).await?;
        // If the length is not known, because of a missing right or a value that is no string, the value is fetched.
        let lengths: Vec<u64> =
            lengths.into_iter().map(|answers| answers.into_iter().next().map_or(0, length_of)).collect();
        let short: Vec<String> = texts
            .iter()
            .zip(&lengths)
            .filter(|(_, length)| **length <= longest)
            .map(|(text, _)| text.clone())
            .collect();
        // One GET each: MGET would report a value that is no string as absent.
        let mut values = shards.look_at(&short, |key| vec![command(&["GET", key])]).await?.into_iter();
        let standing = lengths.into_iter().map(|bytes| {
            if bytes > longest {
                return Ok(Standing::TooLong { bytes });
            }
            standing_of(values.next().unwrap_or_default().into_iter().next().unwrap_or(Ok(Value::Nil)))
        });
        standing.collect::<Result<_, _>>().map_err(|error| shards.unreachable(error))
    }

    /// Everything that Redis knows about one value.
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
        // Not every Redis user may ask for it.
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
