//! The rights a Redis user needs: every command and key the workspace uses, each tried in a way that changes nothing.
//!
//! Tried and not asked for: `ACL DRYRUN` is a right of administrators, is absent before Redis 7 and on many managed servers,
//! and says nothing about a proxy in between. The server checks rights before it looks at arguments, so a command that must
//! fail or find nothing tells as much as one that works. Whoever makes the workspace use a further command adds it here; a
//! test runs the services and tools with exactly these rights.

use redis::{Cmd, Pipeline, RedisError, RedisResult, Value};

use super::error::{L2Error, is_unknown_command};
use super::link::OwnConnection;
use crate::cache::Shared;
use crate::cached_type::TypeInfo;
use crate::key::lease_of;
use crate::numbers;

/// What a right is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Services read, fill and invalidate.
    Cache,
    /// Services and tools find the masters of a Redis Cluster; no other server is asked.
    Cluster,
    /// Services keep values in their memory.
    L1,
    /// Services add up hits and misses, and what is read most.
    Counters,
    /// `cache-admin` and `cache-monitor` look at what is there.
    Tools,
}

/// A right, as a part of an ACL rule gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclRule {
    /// `+client|tracking`, or `~invoice:*`.
    pub rule: String,
    /// What it is for.
    pub purpose: Purpose,
}

/// What services and tools need and do not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Rules that the Redis user lacks.
    pub rights: Vec<AclRule>,
    /// Commands, as rules name them, that the server does not know: no rule gives them.
    pub unknown: Vec<AclRule>,
}

/// A command, as ACL rules name it, and a harmless call of it.
struct Right {
    command: &'static str,
    purpose: Purpose,
    /// Its arguments; [`PROBE`] stands for a key of ours that does not exist.
    call: &'static [&'static str],
}

const PROBE: &str = "{probe}";
/// Keys are tried until one is on a given shard; the chance that none is on one with a single slot is one in e^64.
const MOST_TRIES: u32 = 1 << 20;

const RIGHTS: &[Right] = &[
    cache("ping", &[]),
    cache("unwatch", &[]),
    cache("info", &["replication"]),
    cache("get", &[PROBE]),
    cache("mget", &[PROBE]),
    cache("exists", &[PROBE]),
    cache("pttl", &[PROBE]),
    // XX: nothing is set where nothing is.
    cache("set", &[PROBE, "", "XX", "PX", "1000"]),
    cache("strlen", &[PROBE]),
    cache("del", &[PROBE]),
    cache("unlink", &[PROBE]),
    cache("expire", &[PROBE, "1"]),
    cache("scan", &["0", "MATCH", PROBE, "COUNT", "1"]),
    cache("eval", &["return 0", "0"]),
    // No script has this hash.
    cache("evalsha", &["0000000000000000000000000000000000000000", "0"]),
    Right { command: "cluster|nodes", purpose: Purpose::Cluster, call: &[] },
    Right { command: "asking", purpose: Purpose::Cluster, call: &[] },
    Right { command: "client|tracking", purpose: Purpose::L1, call: &["OFF"] },
    // An increment that is no number is refused.
    Right { command: "hincrby", purpose: Purpose::Counters, call: &[PROBE, "field", "none"] },
    Right { command: "zadd", purpose: Purpose::Counters, call: &[PROBE, "XX", "0", "none"] },
    Right { command: "zincrby", purpose: Purpose::Counters, call: &[PROBE, "none", "none"] },
    Right { command: "zremrangebyrank", purpose: Purpose::Counters, call: &[PROBE, "0", "0"] },
    tools("zrange", &[PROBE, "0", "0"]),
    tools("zrevrange", &[PROBE, "0", "0"]),
    tools("hscan", &[PROBE, "0"]),
    tools("memory|usage", &[PROBE]),
    tools("dbsize", &[]),
    tools("time", &[]),
];

const fn cache(command: &'static str, call: &'static [&'static str]) -> Right {
    Right { command, purpose: Purpose::Cache, call }
}

const fn tools(command: &'static str, call: &'static [&'static str]) -> Right {
    Right { command, purpose: Purpose::Tools, call }
}

/// The rights that matter on the servers of these settings.
fn rights_on(shared: &Shared) -> impl Iterator<Item = &'static Right> {
    let in_cluster = shared.shards.is_cluster();
    RIGHTS.iter().filter(move |right| in_cluster || right.purpose != Purpose::Cluster)
}

/// The rules of the smallest user that services and tools can work with: commands, then keys.
#[must_use]
pub(crate) fn smallest_rules(shared: &Shared) -> Vec<AclRule> {
    let commands = rights_on(shared).map(Right::rule);
    commands.chain(key_patterns(shared).iter().map(|(pattern, _)| rule_of_keys(pattern))).collect()
}

/// Which of the rights the user of this connection lacks, and which commands the server.
pub(crate) async fn missing(connection: &mut OwnConnection, shared: &Shared, probe: &str) -> Result<Missing, L2Error> {
    let patterns = key_patterns(shared);
    let mut pipeline = Pipeline::with_capacity(RIGHTS.len() + patterns.len());
    pipeline.ignore_errors();
    for right in rights_on(shared) {
        pipeline.add_command(right.harmless_call(probe));
    }
    for (_, key) in &patterns {
        pipeline.add_command(write_nothing(key));
    }
    let answers: Vec<RedisResult<Value>> = connection.pipeline(&pipeline).await?;
    let commands = rights_on(shared).map(|right| (Denied::Command, right.rule()));
    let keys = patterns.iter().map(|(pattern, _)| (Denied::Key, rule_of_keys(pattern)));
    let asked = commands.chain(keys).zip(&answers);
    let mut missing = Missing::default();
    for ((what, rule), answer) in asked {
        if denies(answer, what) {
            missing.rights.push(rule);
        } else if what == Denied::Command && answer.as_ref().is_err_and(is_unknown_command) {
            missing.unknown.push(rule);
        }
    }
    Ok(missing)
}

fn rule_of_keys(pattern: &str) -> AclRule {
    AclRule { rule: format!("~{pattern}"), purpose: Purpose::Cache }
}

/// A key of ours that does not exist, and that no other process makes; with what it has in braces.
pub(crate) fn probe_key(shared: &Shared, tag: &str) -> String {
    format!("{}{}doctor:{{{tag}}}:{:016x}", shared.space.prefix(), numbers::PREFIX, rand::random::<u64>())
}

/// A key that ACL rules for a cached type cover together with its lease, that is no key of the type, and that is here; none
/// where types with a single key are all there are.
pub(crate) fn probe_of_type(shared: &Shared, is_here: impl Fn(&str) -> bool) -> Option<String> {
    let registered = shared.types.iter().find(|registered| !registered.info.parts.is_empty())?;
    let key = unused_key(shared, &registered.info);
    // No braces: its lease has to be in its slot.
    (0..MOST_TRIES).map(|number| format!("{key}-{number}")).find(|key| is_here(key))
}

impl Right {
    fn rule(&self) -> AclRule {
        AclRule { rule: format!("+{}", self.command), purpose: self.purpose }
    }

    fn harmless_call(&self, probe: &str) -> Cmd {
        let mut command = Cmd::new();
        for word in self.command.split('|') {
            command.arg(word.to_uppercase());
        }
        for word in self.call {
            command.arg(if *word == PROBE { probe } else { word });
        }
        command
    }
}

/// A key that ACL rules for this type cover, and that is no key of it; but of a type with a single key, that one.
fn unused_key(shared: &Shared, info: &TypeInfo) -> String {
    let parts = ":doctor".repeat(info.parts.len());
    format!("{}{}{parts}", shared.space.prefix(), info.prefix)
}

/// What the keys we use look like to an ACL, each with a key that the pattern covers.
fn key_patterns(shared: &Shared) -> Vec<(String, String)> {
    let mut patterns = Vec::new();
    for registered in &shared.types {
        let pattern = registered.info.scan_pattern(&shared.space);
        let key = unused_key(shared, &registered.info);
        patterns.push((lease_of(&pattern), lease_of(&key)));
        patterns.push((pattern, key));
    }
    let bookkeeping = format!("{}{}", shared.space.prefix(), numbers::PREFIX);
    patterns.push((format!("{bookkeeping}*"), format!("{bookkeeping}doctor")));
    patterns
}

/// A command that reads and writes its key, and is refused for its increment before it looks at the key. A user who may not
/// run it at all is told so, and of his keys after that.
fn write_nothing(key: &str) -> Cmd {
    let mut command = redis::cmd("HINCRBY");
    command.arg(key).arg("field").arg("none");
    command
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Denied {
    Command,
    Key,
}

fn denies(answer: &RedisResult<Value>, what: Denied) -> bool {
    let denied = |error: &RedisError| (error.code() == Some("NOPERM")).then(|| denied(error));
    answer.as_ref().err().and_then(denied) == Some(what)
}

/// All versions say "no permissions to run the 'get' command" or "no permissions to access" a key.
fn denied(error: &RedisError) -> Denied {
    if error.detail().is_some_and(|detail| detail.contains("to run the")) { Denied::Command } else { Denied::Key }
}
