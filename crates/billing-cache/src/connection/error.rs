//! The errors between the cache and Redis. Reads swallow and count them; tools show them.

pub(crate) mod address;
pub(crate) mod cluster;
mod handshake;
pub(crate) mod sentinel;
pub(crate) mod tls;

use std::time::Duration;

use redis::{ErrorKind, RedisError, ServerErrorKind};

use super::breaker::Verdict;
use crate::clock::millis;
use cluster::ClusterError;
use sentinel::SentinelError;
use tls::TlsError;

/// Redis did not execute a command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum L2Error {
    /// There is no connection. It is restored in the background.
    #[error("no connection to Redis")]
    Away,
    /// The server may have lost acknowledged invalidations, which are being applied again.
    #[error("recent invalidations are being applied again")]
    Quarantined,
    /// Another database uses the same keys, or it is not known yet whether one does.
    #[error("it is not known that the values are of this database")]
    OtherSource,
    /// Redis failed or was slow too often, and is skipped for a while.
    #[error("the breaker is open")]
    BreakerOpen,
    /// No answer within the limit.
    #[error("Redis did not answer within {limit_ms} ms")]
    Timeout {
        /// The limit, in milliseconds.
        limit_ms: u64,
    },
    /// The server is a replica, which may lag behind acknowledged invalidations.
    #[error("the server is a replica")]
    Replica,
    /// The settings or files of TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The sentinels do not name the primary.
    #[error(transparent)]
    Sentinels(#[from] SentinelError),
    /// Keys moved from one primary of a cluster to another during a scan, so some may have been missed.
    #[error("slots of the cluster are on the move")]
    SlotsMove,
    /// The cluster cannot be used.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Redis answered with an error, or the connection broke.
    #[error(transparent)]
    Redis(RedisError),
    /// The answer is not one of Redis: another program listens there.
    #[error("what answers there is no Redis")]
    NotRedis,
    /// Redis answered something that the protocol does not know.
    #[error("unexpected answer from Redis to {command}")]
    Unexpected {
        /// The command.
        command: &'static str,
    },
}

impl From<RedisError> for L2Error {
    fn from(error: RedisError) -> Self {
        if error.kind() == ErrorKind::Parse { Self::NotRedis } else { Self::Redis(error) }
    }
}

impl L2Error {
    /// Whether the command was sent to Redis. It is not sent while Redis is away, in quarantine, of another source, or
    /// skipped.
    pub(crate) fn was_asked(&self) -> bool {
        !matches!(self, Self::Away | Self::Quarantined | Self::OtherSource | Self::BreakerOpen)
    }

    /// Whether there is no primary at the address.
    pub(crate) fn is_unreachable(&self) -> bool {
        match self {
            Self::Replica => true,
            Self::Redis(error) => error.is_connection_refusal() || error.is_timeout(),
            _ => false,
        }
    }

    /// Whether there was no answer in time.
    pub(crate) fn is_timeout(&self) -> bool {
        match self {
            Self::Timeout { .. } => true,
            Self::Redis(error) => error.is_timeout(),
            _ => false,
        }
    }

    /// Whether the server accepted the connection and then closed it.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self, Self::Redis(error) if was_closed(error))
    }

    /// Whether this user may not run the command or use the key, or the server does not know the command.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Redis(error) if code(error) == Some("NOPERM") || is_unknown_command(error))
    }

    /// Whether the value of the key is no string.
    pub(crate) fn is_wrong_type(&self) -> bool {
        matches!(self, Self::Redis(error) if code(error) == Some("WRONGTYPE"))
    }
}

/// Whether the server has forgotten the scripts, as after `SCRIPT FLUSH`.
pub(crate) fn is_no_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

/// Whether the server has no such command. A managed server may lack it, or it was renamed.
pub(crate) fn is_unknown_command(error: &RedisError) -> bool {
    let is_said = |detail: &str| detail.starts_with("unknown command") || detail.starts_with("unknown subcommand");
    error.code() == Some("ERR") && error.detail().is_some_and(is_said)
}

/// What an error says about the server. `None` if memory is full, because reads still work, or if a right is missing,
/// because other keys may be allowed. Success if only the value is no string or the script is unknown. Failure for
/// everything else.
pub(crate) fn verdict(error: &RedisError) -> Option<Verdict> {
    match code(error) {
        Some("OOM" | "NOPERM") => None,
        Some("WRONGTYPE" | "NOSCRIPT") => Some(Verdict::Success),
        _ => Some(Verdict::Failure),
    }
}

/// Whether the server is not, or no longer, a primary.
pub(crate) fn is_read_only(error: &RedisError) -> bool {
    code(error) == Some("READONLY")
}

/// The word with which the server names the error. For a command within a script this also works before Redis 7, which
/// answers `ERR Error running script (call to f_108b…): @user_script:2: @user_script: 2: -OOM command not allowed …`.
fn code(error: &RedisError) -> Option<&str> {
    error.detail().and_then(code_within_script).or_else(|| error.code())
}

fn code_within_script(detail: &str) -> Option<&str> {
    let (_, from_line) = detail.strip_prefix("Error running script")?.rsplit_once("@user_script:")?;
    let (_, message) = from_line.split_once(": ")?;
    let (word, _) = message.trim_start_matches('-').split_once(' ')?;
    word.bytes().all(|byte| byte.is_ascii_uppercase()).then_some(word)
}

fn was_closed(error: &RedisError) -> bool {
    error.is_connection_dropped() && !error.is_connection_refusal()
}

/// Redis could not be reached. The message says where and what to check, never the password.
#[derive(Debug, thiserror::Error)]
#[error("cannot use Redis at {endpoint}: {source}; {advice}")]
pub struct RedisUnreachable {
    pub(crate) endpoint: String,
    pub(crate) advice: &'static str,
    pub(crate) source: L2Error,
}

impl RedisUnreachable {
    /// The address that was tried.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The error.
    #[must_use]
    pub fn cause(&self) -> &L2Error {
        &self.source
    }

    /// What to check.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        self.advice
    }
}

const NOT_REDIS: &str = "are REDIS_HOST and REDIS_PORT right?";
const SILENT: &str =
    "is the server running, does it hang, are REDIS_HOST and REDIS_PORT right, and is it Redis that listens there?";

/// What to check next, by the kind of error.
pub(crate) fn advice(error: &L2Error) -> &'static str {
    let error = match error {
        L2Error::Redis(error) => error,
        L2Error::Tls(error) => return error.advice(),
        L2Error::Sentinels(error) => return error.advice(),
        L2Error::Cluster(error) => return error.advice(),
        L2Error::SlotsMove => {
            return "run it again when the slots are where they shall be: see redis-cli --cluster check";
        }
        L2Error::Replica => return "point REDIS_HOST at the primary",
        L2Error::NotRedis => return NOT_REDIS,
        L2Error::Timeout { .. } => return SILENT,
        _ => return "is the server running, and are REDIS_HOST and REDIS_PORT right?",
    };
    if let Some(advice) = handshake::advice(error) {
        return advice;
    }
    match (error.kind(), code(error)) {
        (ErrorKind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS")) => {
            "check REDIS_PASSWORD and REDIS_USERNAME"
        }
        (_, Some("MOVED" | "ASK" | "TRYAGAIN")) => {
            "the server is a node of a Redis Cluster whose slots are on the move or that is not named as one: see \
             REDIS_CLUSTER_NODES"
        }
        (_, Some("CLUSTERDOWN")) => "a part of the cluster is down: see redis-cli --cluster check",
        (_, Some("NOPERM")) => "this Redis user lacks a permission the cache needs: `cache-admin doctor` names it",
        (_, Some("OOM")) => "its memory is full: raise maxmemory, or CONFIG SET maxmemory-policy volatile-lru",
        (_, Some("MISCONF")) => "its last snapshot on disk failed: free disk space, see its log, then BGSAVE",
        (_, Some("NOREPLICAS")) => "fewer replicas follow than min-replicas-to-write demands: start them",
        (ErrorKind::Server(ServerErrorKind::ReadOnly), _) => "this is a replica; point REDIS_HOST at the primary",
        (ErrorKind::Server(ServerErrorKind::BusyLoading), _) => "the server is loading its data; try again shortly",
        (ErrorKind::Server(_), _) => "the server refused the command",
        _ if error.is_timeout() => SILENT,
        _ if was_closed(error) => {
            "the server closed the connection: is it up, is it at its limit of clients, does it want TLS (REDIS_TLS), or is \
             it no Redis?"
        }
        _ => "is the server running, and are REDIS_HOST and REDIS_PORT right?",
    }
}

/// What to check next after an error of a cluster, or of one of its nodes.
pub(crate) fn advice_of_cluster(error: &L2Error) -> &'static str {
    match error {
        L2Error::Away | L2Error::Timeout { .. } => AWAY,
        error if error.is_unreachable() => AWAY,
        error => advice(error),
    }
}

const AWAY: &str = "a part of the cluster is down, or a failover is going on: see redis-cli --cluster check";

/// The error for an answer that did not come within the limit.
pub(crate) fn timeout_of(limit: Duration) -> L2Error {
    L2Error::Timeout { limit_ms: millis(limit) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_an_error_within_a_script_is_found_as_redis_6_words_it() {
        let running = "Error running script (call to f_108b9741b95fe2a7510d3b805f2682a6e8f032f4): @user_script:2: ";
        for (message, code) in [
            ("@user_script: 2: -OOM command not allowed when used memory > 'maxmemory'.", Some("OOM")),
            ("@user_script: 2: -READONLY You can't write against a read only replica.", Some("READONLY")),
            ("WRONGTYPE Operation against a key holding the wrong kind of value", Some("WRONGTYPE")),
            ("@user_script: 2: The user executing the script can't run this command or subcommand", None),
        ] {
            assert_eq!(code_within_script(&format!("{running}{message}")), code, "{message}");
        }
        assert_eq!(code_within_script("no such user @user_script:1: -OOM x"), None);
    }
}
