//! The report of one sentinel, from its answers to three questions.
//!
//! Used by `sentinel`.

use redis::{ErrorKind, FromRedisValue, RedisResult, Value};

/// The report of one sentinel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// Host and port of the primary; `None` if the sentinel watches no primary of that name.
    pub(super) primary: Option<(String, u16)>,
    /// The number of its configuration. The newest failover has the highest.
    pub(super) epoch: u64,
    /// The addresses of the replicas that are not down.
    pub(super) replicas: Vec<(String, u16)>,
}

impl Answer {
    pub(super) fn of(answers: Vec<RedisResult<Value>>) -> RedisResult<Self> {
        let unexpected = |_| (ErrorKind::UnexpectedReturnType, "unexpected answer of a sentinel");
        let [primary, master, replicas] = <[_; 3]>::try_from(answers).map_err(unexpected)?;
        let primary = redis::from_redis_value(primary?)?;
        // The other answers are useful, but may be forbidden.
        let master: Vec<String> = told(master);
        let replicas: Vec<Vec<String>> = told(replicas);
        let epoch = field(&master, "config-epoch").and_then(|epoch| epoch.parse().ok()).unwrap_or(0);
        Ok(Self { primary, epoch, replicas: replicas.iter().filter_map(|fields| reached(fields)).collect() })
    }
}

fn told<T: FromRedisValue + Default>(answer: RedisResult<Value>) -> T {
    answer.ok().and_then(|value| redis::from_redis_value(value).ok()).unwrap_or_default()
}

/// The address of a replica, unless it is down.
fn reached(fields: &[String]) -> Option<(String, u16)> {
    let is_down = field(fields, "flags").is_some_and(|flags| flags.contains("down"));
    let port = field(fields, "port").and_then(|port| port.parse().ok());
    Some((field(fields, "ip")?.to_owned(), port?)).filter(|_| !is_down)
}

/// The value that follows its name in a list of names and values.
fn field<'a>(fields: &'a [String], name: &str) -> Option<&'a str> {
    fields.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| pair[1].as_str())
}
