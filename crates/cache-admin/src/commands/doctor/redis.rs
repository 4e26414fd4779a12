//! Redis: whether it answers, is a primary, has free memory, grants the rights that we need, and is fast enough.

use std::time::Duration;

use billing_cache::{AclRule, Examination, L2Error, Missing, Purpose, RedisSettings, ServerFacts, ServerInfo};
use billing_core::cached::BillingCache;
use billing_core::settings::Settings;
use cli_support::Code;
use cli_support::render::{bytes, count, duration};
use secrecy::ExposeSecret;

use super::checked::{Checked, RECONNECT, not_checked};
use super::several::{self, Examined};
use super::{clock, cluster, sentinels, tls};
use crate::reports::doctor::{Finding, Subject};

const SUBJECT: Subject = Subject::Redis;
/// The checks that use `INFO`, in this order.
const OF_INFO: [&str; 6] = ["version", "role", "memory", "eviction", "persistence", "replicas"];
/// The other checks of a server that answers, in this order.
const OF_TRIALS: [&str; 7] = ["sentinels", "tls", "rights", "announcements", "scripts", "latency", "clock"];

/// The first version with RESP3, which invalidation messages need.
const OLDEST: (u32, u32) = (6, 0);
/// The oldest version that the tests use.
const OLDEST_TESTED: (u32, u32) = (6, 2);
/// Percentage of the memory limit. What remains above it is soon used up.
const NEARLY_FULL_PERCENT: u64 = 90;
/// Percentage of the timeout of a command. A slower server leaves little room for peaks.
const SLUGGISH_PERCENT: u32 = 20;

pub(super) async fn check(cache: &BillingCache, settings: &Settings) -> Checked {
    let examined = cache.examine_redis().await;
    let cluster = cluster::check(cache).await;
    match examined {
        Ok(examinations) => {
            let mut findings = vec![SUBJECT.ok("connection", format!("{} answers", cache.endpoint())), cluster];
            let examined = examinations.into_iter().map(|examination| judge(examination, settings));
            findings.extend(several::worst(examined.collect()));
            findings.extend(other_database(cache).await);
            Checked::fine(findings)
        }
        Err(error) => {
            let found = format!("cannot use Redis at {}: {}", error.endpoint(), error.cause());
            let mut findings = vec![SUBJECT.problem("connection", found, error.advice()), cluster];
            findings.extend(not_checked(SUBJECT, &OF_INFO, "Redis is away", RECONNECT));
            findings.extend(not_checked(SUBJECT, &OF_TRIALS, "Redis is away", RECONNECT));
            Checked { findings, code: Code::Unreachable }
        }
    }
}

/// Another database whose services use the same keys. Neither may serve rows of the other, so the services of this
/// database bypass Redis.
async fn other_database(cache: &BillingCache) -> Option<Finding> {
    let (holder, mine) = (cache.source_in_use().await.ok()??, cache.source().identity().await.ok()?);
    let found =
        format!("services of another database ({holder}) use these keys; those of this one ({mine}) bypass Redis");
    let remedy = "give each database its own cache.key_space, or its own Redis; check DATABASE_URL";
    (holder != mine).then(|| SUBJECT.problem("database", found, remedy))
}

/// Judges one primary.
fn judge(examination: Examination, settings: &Settings) -> Examined {
    let mut findings = of_info(&examination.server, &settings.redis);
    findings.extend(of_trials(&examination, settings));
    Examined { name: examination.endpoint, findings }
}

fn of_info(server: &Result<ServerFacts, L2Error>, settings: &RedisSettings) -> Vec<Finding> {
    match server {
        Ok(facts) => vec![
            version(&facts.info.version),
            role(facts, settings),
            memory(&facts.info),
            eviction(&facts.info, facts.evicted_keys),
            persistence(facts),
            replicas(facts),
        ],
        Err(error) => not_checked(SUBJECT, &OF_INFO, &format!("INFO: {error}"), "let this Redis user run INFO (+info)"),
    }
}

fn version(version: &str) -> Finding {
    let upgrade = "run Redis 6.2 or later, or Valkey";
    match major_and_minor(version.strip_prefix("Valkey ").unwrap_or(version)) {
        Some(number) if number >= OLDEST_TESTED => SUBJECT.ok("version", version),
        Some(number) if number >= OLDEST => {
            SUBJECT.note("version", format!("{version} is older than what the cache is tested with"), upgrade)
        }
        Some(_) => {
            let found = format!("{version} is too old to announce changes, and is maintained no more");
            SUBJECT.problem("version", found, upgrade)
        }
        None => SUBJECT.not_checked("version", format!("the server calls itself {version:?}"), "run Redis or Valkey"),
    }
}

fn major_and_minor(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn role(facts: &ServerFacts, settings: &RedisSettings) -> Finding {
    if facts.is_cluster && settings.cluster_nodes.trim().is_empty() {
        let found = "a node of a Redis Cluster, which holds only some of the keys";
        return SUBJECT.problem("role", found, "name its nodes in REDIS_CLUSTER_NODES, in place of REDIS_HOST");
    }
    match facts.info.role.as_str() {
        "master" => SUBJECT.ok("role", "primary"),
        "slave" => {
            let found = "a replica, which may lag behind acknowledged invalidations: services do not read it";
            SUBJECT.problem("role", found, "point REDIS_HOST at the primary")
        }
        other => SUBJECT.problem("role", format!("{other:?}"), "point REDIS_HOST at the primary"),
    }
}

fn memory(info: &ServerInfo) -> Finding {
    let used = bytes(info.used_memory);
    if info.maxmemory == 0 {
        const REMEDY: &str =
            "CONFIG SET maxmemory 1gb maxmemory-policy volatile-lru, with as much as there is to spare";
        let found = format!("{used} used, without a limit: a cache can fill the machine");
        return SUBJECT.note("memory", found, REMEDY);
    }
    let share = info.used_memory.saturating_mul(100) / info.maxmemory;
    let found = format!("{used} of {} used ({share} %)", bytes(info.maxmemory));
    if share < NEARLY_FULL_PERCENT {
        SUBJECT.ok("memory", found)
    } else if info.maxmemory_policy == "noeviction" {
        // Invalidations need no memory, so cached values stay correct.
        let found = format!("{found}: when it is full, writes of every program are refused, but not invalidations");
        SUBJECT.note("memory", found, "raise maxmemory, or CONFIG SET maxmemory-policy volatile-lru")
    } else {
        let found = format!("{found}: values are evicted before their time");
        SUBJECT.note("memory", found, "raise maxmemory if the hit rate of `cache-admin stats` is too low")
    }
}

fn eviction(info: &ServerInfo, evicted_keys: u64) -> Finding {
    let policy = info.maxmemory_policy.as_str();
    let remedy = "CONFIG SET maxmemory-policy volatile-lru: all our keys expire, those of others may not";
    match policy {
        _ if info.maxmemory == 0 => SUBJECT.ok("eviction", format!("{policy}, without effect before there is a limit")),
        "noeviction" => {
            SUBJECT.note("eviction", "noeviction: when memory is full, writes of every program are refused", remedy)
        }
        _ if policy.starts_with("allkeys") => {
            let found = format!("{policy}: when memory is full, keys of other programs are dropped too");
            SUBJECT.note("eviction", found, remedy)
        }
        _ => SUBJECT.ok("eviction", format!("{policy}, {} keys evicted since the start", count(evicted_keys))),
    }
}

fn persistence(facts: &ServerFacts) -> Finding {
    if !facts.last_snapshot_succeeded {
        let found =
            "the last snapshot on disk failed: by default the server then refuses writes, so invalidations wait";
        return SUBJECT.problem("persistence", found, "free disk space, see the log of the server, then BGSAVE");
    }
    let log = if facts.appends { "with" } else { "without" };
    let found =
        format!("{log} an append-only file; after a restart services apply recent invalidations before they read");
    SUBJECT.ok("persistence", found)
}

fn replicas(facts: &ServerFacts) -> Finding {
    match (facts.replicas, facts.requires_replicas) {
        (0, _) => SUBJECT.ok("replicas", "none"),
        (replicas, true) => SUBJECT.ok("replicas", format!("{replicas}, without which the primary refuses writes")),
        (replicas, false) => {
            let found = format!("{replicas}; after a failover a primary that was cut off goes on accepting writes");
            SUBJECT.note("replicas", found, "CONFIG SET min-replicas-to-write 1")
        }
    }
}

fn of_trials(examination: &Examination, settings: &Settings) -> Vec<Finding> {
    let Examination { sentinels, tls, missing, announcements, scripts, pings, clock, .. } = examination;
    let clock = match clock {
        Ok(offset) => clock::judge(SUBJECT, *offset, settings),
        Err(error) => SUBJECT.not_checked("clock", format!("TIME: {error}"), "let this Redis user run TIME (+time)"),
    };
    let rights = match missing {
        Ok(missing) => rights(missing, &settings.redis),
        Err(error) => SUBJECT.not_checked("rights", error.to_string(), "run cache-admin doctor again"),
    };
    vec![
        sentinels::judge(sentinels),
        tls::judge(tls),
        rights,
        announced(announcements),
        scripts_run(scripts),
        latency(pings, settings),
        clock,
    ]
}

fn rights(missing: &Missing, settings: &RedisSettings) -> Finding {
    let Missing { rights, unknown, untold } = missing;
    let untold = untold.iter().map(|(right, why)| format!("{} could not be tried: {why}", right.rule));
    let untold = untold.collect::<Vec<_>>().join("; ");
    if rights.is_empty() && unknown.is_empty() {
        return match untold.as_str() {
            "" => SUBJECT.ok("rights", "all that services and tools need"),
            _ => SUBJECT.not_checked("rights", untold, "see what stands between here and the server"),
        };
    }
    let is_of_cache = |right: &&AclRule| matches!(right.purpose, Purpose::Cache | Purpose::Cluster);
    let for_cache: Vec<&str> =
        rights.iter().chain(unknown).filter(is_of_cache).map(|right| right.rule.as_str()).collect();
    let remedy = remedy_of(missing, settings);
    let found = |found: String| if untold.is_empty() { found } else { format!("{found}; {untold}") };
    if for_cache.is_empty() {
        let lacks: Vec<String> = rights.iter().chain(unknown).map(lack).collect();
        SUBJECT.note("rights", found(format!("missing: {}", lacks.join(", "))), remedy)
    } else {
        let lacks = format!("services cannot use Redis without {}", for_cache.join(" "));
        SUBJECT.problem("rights", found(lacks), remedy)
    }
}

/// An ACL rule grants a right that the user lacks. No rule helps with a command that the server does not know.
fn remedy_of(Missing { rights, unknown, .. }: &Missing, settings: &RedisSettings) -> String {
    let names = |rules: &[AclRule]| rules.iter().map(|right| right.rule.as_str()).collect::<Vec<_>>().join(" ");
    let grant = (!rights.is_empty()).then(|| format!("ACL SETUSER {} {}", user(settings), names(rights)));
    let unknown = (!unknown.is_empty())
        .then(|| format!("the server does not know {}: see what its provider says of that", names(unknown)));
    grant.into_iter().chain(unknown).collect::<Vec<_>>().join("; ")
}

fn lack(right: &AclRule) -> String {
    let consequence = match right.purpose {
        Purpose::Cache | Purpose::Cluster => "services cannot use Redis",
        Purpose::L1 => "L1 stays off",
        Purpose::Counters => "hits are not counted",
        Purpose::Tools => "tools see less",
    };
    format!("{} ({consequence})", right.rule)
}

/// The user in the settings. A URL may name another user, so `USER` stands for it.
fn user(settings: &RedisSettings) -> &str {
    match settings.username.as_str() {
        _ if !settings.url.expose_secret().is_empty() => "USER",
        "" => "default",
        name => name,
    }
}

fn announced(announcements: &Result<(), L2Error>) -> Finding {
    match announcements {
        Ok(()) => SUBJECT.ok("announcements", "a change was announced (CLIENT TRACKING), as L1 needs"),
        Err(error) => {
            let found = format!("changes are not announced, so L1 stays off: {error}");
            let remedy = "Redis 6 or later, +client|tracking, and no proxy in between that does not speak RESP3";
            SUBJECT.note("announcements", found, remedy)
        }
    }
}

fn scripts_run(scripts: &Result<(), L2Error>) -> Finding {
    match scripts {
        Ok(()) => SUBJECT.ok("scripts", "run"),
        Err(error) => {
            let found = format!("the scripts of the cache cannot be run, so nothing is cached: {error}");
            SUBJECT.problem("scripts", found, "allow +eval and +evalsha, and no proxy without scripts")
        }
    }
}

fn latency(pings: &Result<Vec<Duration>, L2Error>, settings: &Settings) -> Finding {
    let limit = Duration::from_millis(settings.redis.command_timeout_ms);
    let pings = match pings {
        Ok(pings) if !pings.is_empty() => pings,
        Ok(_) => return SUBJECT.not_checked("latency", "no PING was answered", "run cache-admin doctor again"),
        Err(error) => return SUBJECT.not_checked("latency", format!("PING: {error}"), "run cache-admin doctor again"),
    };
    let median = pings[pings.len() / 2];
    let (number, limit_ms) = (pings.len(), limit.as_millis());
    let found =
        format!("PING takes {} (median of {number}) of the {limit_ms} ms that a command may take", duration(median));
    let is_above = |percent: u32| median * 100 > limit * percent;
    let remedy = "raise redis.command_timeout_ms, or bring Redis nearer";
    if is_above(100) {
        SUBJECT.problem("latency", format!("{found}: invalidations wait until Redis is faster"), remedy)
    } else if is_above(settings.cache.breaker.slow_call_percent) {
        SUBJECT.note("latency", format!("{found}: the breaker takes that for slow and skips Redis"), remedy)
    } else if is_above(SLUGGISH_PERCENT) {
        SUBJECT.note("latency", found, "raise redis.command_timeout_ms, or see SLOWLOG GET for what holds it up")
    } else {
        SUBJECT.ok("latency", found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reports::doctor::Level;

    #[test]
    fn a_redis_that_is_slow_is_a_problem_only_if_invalidations_wait() {
        let settings = Settings::defaults();
        let limit = Duration::from_millis(settings.redis.command_timeout_ms);
        for (median, level) in [(limit / 10, Level::Ok), (limit * 9 / 10, Level::Note), (limit * 2, Level::Problem)] {
            assert_eq!(latency(&Ok(vec![median]), &settings).level, level, "{median:?}");
        }
    }

    /// Newer servers have policies of their own, such as the least recently modified.
    #[test]
    fn of_policies_that_are_not_known_by_name_the_kind_is_told_by_the_beginning() {
        for (policy, level) in [
            ("volatile-lru", Level::Ok),
            ("volatile-lrm", Level::Ok),
            ("allkeys-lrm", Level::Note),
            ("noeviction", Level::Note),
        ] {
            let info = ServerInfo { maxmemory: 1, maxmemory_policy: policy.to_owned(), ..ServerInfo::default() };
            assert_eq!(eviction(&info, 0).level, level, "{policy}");
        }
    }

    #[test]
    fn a_version_that_no_test_runs_on_is_named() {
        for (found, judged) in [
            ("5.0.14", Level::Problem),
            ("6.0.16", Level::Note),
            ("6.2.14", Level::Ok),
            ("8.2.3", Level::Ok),
            ("Valkey 9.1.2", Level::Ok),
            ("", Level::NotChecked),
        ] {
            assert_eq!(version(found).level, judged, "{found}");
        }
    }
}
