//! The rights that a Redis user needs: every command and key that the workspace uses, each tried in a way that changes
//! nothing.
//!
//! Rights are tried because asking is not reliable: `ACL DRYRUN` is a right of administrators, does not exist before
//! Redis 7 and on many managed servers, and says nothing about a proxy in between. The server checks rights before
//! arguments, so a command that must fail or find nothing proves as much as one that succeeds. If you make the
//! workspace use another command, add it here; a test runs the services and tools with exactly these rights.
//!
//! Invariant: a right counts as present only if an answer proves it, because the call got as far as its arguments. An
//! answer that proves neither is returned as it is.
//!
//! Used by the health check.

use redis::{Cmd, Pipeline, RedisError, RedisResult, Value};

use crate::connection::error::{L2Error, is_unknown_command};
use crate::connection::link::OwnConnection;
use crate::declaration::cached_type::TypeInfo;
use crate::declaration::key::{BOOKKEEPING, lease_of};
use crate::read::shared::Shared;

/// The purpose of a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Services read, fill and invalidate.
    Cache,
    /// Services and tools find the primaries of a Redis Cluster. Other servers are not asked.
    Cluster,
    /// Services keep values in their memory.
    L1,
    /// Services add up hits and misses, and the most-read keys.
    Counters,
    /// `cache-admin` and `cache-monitor` inspect what Redis contains.
    Tools,
}

/// A right, as one part of an ACL rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclRule {
    /// `+client|tracking`, or `~invoice:*`.
    pub rule: String,
    /// Its purpose.
    pub purpose: Purpose,
}

/// What services and tools need and do not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Rules that the Redis user lacks.
    pub rights: Vec<AclRule>,
    /// Commands, as named in rules, that the server does not know. No rule can grant them.
    pub unknown: Vec<AclRule>,
    /// Rules that could not be checked, and why.
    pub untold: Vec<(AclRule, String)>,
}

/// A command, as ACL rules name it, and a harmless call of it.
struct Right {
    command: &'static str,
    purpose: Purpose,
    /// Its arguments; [`PROBE`] stands for a bookkeeping key that does not exist.
    call: &'static [&'static str],
    ends: Ends,
}

/// How a permitted call ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    Well,
    /// With `ERR`, because of its arguments.
    Refused,
}

const PROBE: &str = "{probe}";
/// Number of keys tried until one is on a given shard. The chance that none is on a shard with a single slot is one in
/// e^64.
const MOST_TRIES: u32 = 1 << 20;

const RIGHTS: &[Right] = &[
    cache("ping", &[]),
    cache("unwatch", &[]),
    cache("info", &["replication"]),
    cache("get", &[PROBE]),
    cache("mget", &[PROBE]),
    cache("exists", &[PROBE]),
    cache("pttl", &[PROBE]),
    // XX sets nothing if the key does not exist.
    cache("set", &[PROBE, "", "XX", "PX", "1000"]),
    cache("strlen", &[PROBE]),
    cache("del", &[PROBE]),
    cache("unlink", &[PROBE]),
    cache("expire", &[PROBE, "1"]),
    cache("scan", &["0", "MATCH", PROBE, "COUNT", "1"]),
    cache("eval", &["return 0", "0"]),
    // No script has this hash.
    cache("evalsha", &["0000000000000000000000000000000000000000", "0"]),
    right(Purpose::Cluster, "cluster|nodes", &[]),
    right(Purpose::Cluster, "asking", &[]),
    right(Purpose::L1, "client|tracking", &["OFF"]),
    // An increment that is no number is refused.
    right(Purpose::Counters, "hincrby", &[PROBE, "field", "none"]).refused(),
    right(Purpose::Counters, "zadd", &[PROBE, "XX", "0", "none"]),
    right(Purpose::Counters, "zincrby", &[PROBE, "none", "none"]).refused(),
    right(Purpose::Counters, "zremrangebyrank", &[PROBE, "0", "0"]),
    tools("zrange", &[PROBE, "0", "0"]),
    tools("zrevrange", &[PROBE, "0", "0"]),
    tools("hscan", &[PROBE, "0"]),
    tools("memory|usage", &[PROBE]),
    tools("dbsize", &[]),
    tools("time", &[]),
];

/// Calls that read their key, and calls that would write to it but have an argument that is refused before the key is
/// used. They change nothing, whatever the key contains. The user may lack some of these commands, so there are
/// several.
const READS: [&[&str]; 3] = [&["STRLEN", PROBE], &["EXISTS", PROBE], &["PTTL", PROBE]];
const WRITES: [&[&str]; 3] =
    [&["SET", PROBE, "", "NX", "XX"], &["EXPIRE", PROBE, "none"], &["HINCRBY", PROBE, "field", "none"]];

const fn cache(command: &'static str, call: &'static [&'static str]) -> Right {
    right(Purpose::Cache, command, call)
}

const fn tools(command: &'static str, call: &'static [&'static str]) -> Right {
    right(Purpose::Tools, command, call)
}

const fn right(purpose: Purpose, command: &'static str, call: &'static [&'static str]) -> Right {
    Right { command, purpose, call, ends: Ends::Well }
}

/// The rights that matter on the servers in the settings.
fn rights_on(shared: &Shared) -> impl Iterator<Item = &'static Right> {
    let in_cluster = shared.shards.is_cluster();
    RIGHTS.iter().filter(move |right| in_cluster || right.purpose != Purpose::Cluster)
}

/// The rules of the user with the fewest rights that services and tools can work with: commands, then keys.
#[must_use]
pub(crate) fn smallest_rules(shared: &Shared) -> Vec<AclRule> {
    let commands = rights_on(shared).map(Right::rule);
    commands.chain(key_patterns(shared).iter().map(|(pattern, _)| rule_of_keys(pattern))).collect()
}

/// The rights that the user of this connection lacks, and the commands that the server lacks.
pub(crate) async fn missing(connection: &mut OwnConnection, shared: &Shared, probe: &str) -> Result<Missing, L2Error> {
    let mut missing = missing_commands(connection, shared, probe).await?;
    missing_keys(connection, shared, &mut missing).await?;
    Ok(missing)
}

async fn missing_commands(connection: &mut OwnConnection, shared: &Shared, probe: &str) -> Result<Missing, L2Error> {
    let calls = rights_on(shared).map(|right| right.harmless_call(probe));
    let answers = answers(connection, calls).await?;
    let mut missing = Missing::default();
    for (right, answer) in rights_on(shared).zip(&answers) {
        match Told::of(answer, right.ends) {
            Told::Granted | Told::NoKey => {}
            Told::NoCommand => missing.rights.push(right.rule()),
            Told::UnknownCommand => missing.unknown.push(right.rule()),
            Told::Nothing(why) => missing.untold.push((right.rule(), why)),
        }
    }
    Ok(missing)
}

async fn missing_keys(connection: &mut OwnConnection, shared: &Shared, missing: &mut Missing) -> Result<(), L2Error> {
    let patterns = key_patterns(shared);
    let calls = patterns.iter().flat_map(|(_, key)| READS.iter().chain(&WRITES).map(|words| call(words, key)));
    let answers = answers(connection, calls).await?;
    for ((pattern, _), answers) in patterns.iter().zip(answers.chunks(READS.len() + WRITES.len())) {
        let (reads, writes) = answers.split_at(READS.len());
        let told = [Told::of_any(reads, Ends::Well), Told::of_any(writes, Ends::Refused)];
        let rule = rule_of_keys(pattern);
        if told.contains(&Told::NoKey) {
            missing.rights.push(rule);
        } else if let Some(told) = told.into_iter().find(|told| *told != Told::Granted) {
            missing.untold.push((rule, told.why()));
        }
    }
    Ok(())
}

async fn answers(
    connection: &mut OwnConnection,
    calls: impl Iterator<Item = Cmd>,
) -> Result<Vec<RedisResult<Value>>, L2Error> {
    let mut pipeline = Pipeline::new();
    pipeline.ignore_errors();
    for call in calls {
        pipeline.add_command(call);
    }
    connection.pipeline(&pipeline).await
}

fn rule_of_keys(pattern: &str) -> AclRule {
    AclRule { rule: format!("~{pattern}"), purpose: Purpose::Cache }
}

/// A bookkeeping key with this tag in braces that does not exist, and that no other process creates.
pub(crate) fn probe_key(shared: &Shared, tag: &str) -> String {
    format!("{}{BOOKKEEPING}doctor:{{{tag}}}:{:016x}", shared.space.prefix(), rand::random::<u64>())
}

/// A key on this shard that ACL rules for a cached type cover together with its lease, but that is no key of the type;
/// `None` if there are only types with a single key.
pub(crate) fn probe_of_type(shared: &Shared, is_here: impl Fn(&str) -> bool) -> Option<String> {
    let registered = shared.types.iter().find(|registered| !registered.info.parts.is_empty())?;
    let key = unused_key(shared, &registered.info);
    // Without braces, because its lease must be in its slot.
    (0..MOST_TRIES).map(|number| format!("{key}-{number}")).find(|key| is_here(key))
}

impl Right {
    fn rule(&self) -> AclRule {
        AclRule { rule: format!("+{}", self.command), purpose: self.purpose }
    }

    const fn refused(self) -> Self {
        Self { ends: Ends::Refused, ..self }
    }

    fn harmless_call(&self, probe: &str) -> Cmd {
        let name: Vec<String> = self.command.split('|').map(str::to_uppercase).collect();
        let words: Vec<&str> = name.iter().map(String::as_str).chain(self.call.iter().copied()).collect();
        call(&words, probe)
    }
}

/// A call with this key in place of [`PROBE`].
fn call(words: &[&str], key: &str) -> Cmd {
    let mut command = Cmd::new();
    for word in words {
        command.arg(if *word == PROBE { key } else { word });
    }
    command
}

/// A key that ACL rules for this type cover, but that is no key of it. For a type with a single key, it is that key.
fn unused_key(shared: &Shared, info: &TypeInfo) -> String {
    let parts = ":doctor".repeat(info.parts.len());
    format!("{}{}{parts}", shared.space.prefix(), info.prefix)
}

/// The ACL patterns of the keys that the workspace uses, each with a key that the pattern covers.
fn key_patterns(shared: &Shared) -> Vec<(String, String)> {
    let mut patterns = Vec::new();
    for registered in &shared.types {
        let pattern = registered.info.scan_pattern(&shared.space);
        let key = unused_key(shared, &registered.info);
        patterns.push((lease_of(&pattern), lease_of(&key)));
        patterns.push((pattern, key));
    }
    let bookkeeping = format!("{}{BOOKKEEPING}", shared.space.prefix());
    patterns.push((format!("{bookkeeping}*"), format!("{bookkeeping}doctor")));
    patterns
}

/// What an answer says about the right to make the call.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    /// The call got as far as its arguments or its key.
    Granted,
    NoCommand,
    /// The command is allowed, but its key is not.
    NoKey,
    UnknownCommand,
    /// Nothing is proved, for this reason.
    Nothing(String),
}

/// Errors of a server that has permitted the call: their causes are checked after the rights.
const AFTER_RIGHTS: [&str; 12] = [
    "NOSCRIPT",
    "WRONGTYPE",
    "MOVED",
    "ASK",
    "TRYAGAIN",
    "CROSSSLOT",
    "CLUSTERDOWN",
    "OOM",
    "MISCONF",
    "NOREPLICAS",
    "READONLY",
    "MASTERDOWN",
];

impl Told {
    fn of(answer: &RedisResult<Value>, ends: Ends) -> Self {
        let Err(error) = answer else { return Self::Granted };
        match error.code() {
            Some("NOPERM") => denied(error),
            _ if is_unknown_command(error) => Self::UnknownCommand,
            Some("ERR") if ends == Ends::Refused => Self::Granted,
            Some(code) if AFTER_RIGHTS.contains(&code) => Self::Granted,
            _ => Self::Nothing(error.to_string()),
        }
    }

    /// For several calls with one key: what one of them proves, or why none does.
    fn of_any(answers: &[RedisResult<Value>], ends: Ends) -> Self {
        let told: Vec<Self> = answers.iter().map(|answer| Self::of(answer, ends)).collect();
        let proof = [Self::NoKey, Self::Granted].into_iter().find(|proof| told.contains(proof));
        proof.or_else(|| told.into_iter().next()).unwrap_or(Self::NoCommand)
    }

    fn why(self) -> String {
        match self {
            Self::Nothing(why) => why,
            _ => "no command by which it could be tried is allowed".to_owned(),
        }
    }
}

/// All versions say "no permissions to run the 'get' command" or "no permissions to access" a key.
fn denied(error: &RedisError) -> Told {
    if error.detail().is_some_and(|detail| detail.contains("to run the")) { Told::NoCommand } else { Told::NoKey }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(line: &str) -> RedisResult<Value> {
        let value = redis::parse_redis_value(format!("{line}\r\n").as_bytes()).unwrap();
        value.extract_error()
    }

    #[test]
    fn only_an_answer_that_proves_a_right_counts_as_one() {
        let granted = Told::Granted;
        for (line, ends, told) in [
            ("+OK", Ends::Well, granted.clone()),
            ("-MOVED 1 127.0.0.1:1", Ends::Well, granted.clone()),
            ("-READONLY You can't write against a read only replica.", Ends::Well, granted.clone()),
            ("-ERR value is not an integer or out of range", Ends::Refused, granted),
            ("-NOPERM User a has no permissions to run the 'get' command", Ends::Well, Told::NoCommand),
            ("-NOPERM No permissions to access a key", Ends::Refused, Told::NoKey),
            ("-ERR unknown command 'GET', with args beginning with: ", Ends::Refused, Told::UnknownCommand),
        ] {
            assert_eq!(Told::of(&answer(line), ends), told, "{line}");
        }
        for line in ["-NOAUTH Authentication required.", "-ERR not by this proxy", "-LOADING Redis is loading"] {
            assert!(matches!(Told::of(&answer(line), Ends::Well), Told::Nothing(_)), "{line}");
        }
    }

    #[test]
    fn one_command_of_several_that_gets_through_is_proof() {
        let (denied, ok) = ("-NOPERM this user has no permissions to run the 'set' command", "+OK");
        let told =
            |lines: &[&str]| Told::of_any(&lines.iter().map(|line| answer(line)).collect::<Vec<_>>(), Ends::Well);
        assert_eq!(told(&[denied, ok]), Told::Granted);
        assert_eq!(told(&[ok, "-NOPERM No permissions to access a key"]), Told::NoKey);
        assert_eq!(told(&[denied, denied]), Told::NoCommand);
    }
}
