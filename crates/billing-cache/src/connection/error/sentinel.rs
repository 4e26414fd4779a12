//! Why the sentinels do not say where the primary is, and the next step.

use redis::RedisError;

use super::address::AddressError;

/// The sentinels do not say where the primary is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SentinelError {
    /// The setting is no list of addresses.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A URL beside the sentinels.
    #[error("redis.sentinels and redis.url are both set, and each says where Redis is")]
    BesideUrl,
    /// None of them answers.
    #[error("no sentinel answers: {address}: {source}")]
    Away {
        /// The last that was heard of.
        address: String,
        /// What it said.
        source: RedisError,
    },
    /// None of them answers in time.
    #[error("no sentinel answers within {limit_ms} ms")]
    Timeout {
        /// The limit, in milliseconds.
        limit_ms: u64,
    },
    /// They watch nothing of that name.
    #[error("the sentinels know no master {name:?}")]
    UnknownMaster {
        /// The name.
        name: String,
    },
    /// Those that answer are behind what was heard before.
    #[error("the sentinels name {named}, which {newest} has succeeded")]
    Outdated {
        /// Host and port that they name.
        named: String,
        /// The newest primary that was heard of.
        newest: String,
    },
}

impl SentinelError {
    /// The next step.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Address(error) => error.advice(),
            Self::BesideUrl => "leave REDIS_URL out; REDIS_USERNAME, REDIS_PASSWORD and REDIS_DB say the rest",
            Self::UnknownMaster { .. } => {
                "set REDIS_SENTINEL_MASTER to the name after `sentinel monitor` in their configuration"
            }
            Self::Outdated { .. } => {
                "a failover may be going on: try again in a few seconds, and see that all of REDIS_SENTINELS are running"
            }
            Self::Away { source, .. } if matches!(source.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM")) => {
                "check REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD, and the rights of that user"
            }
            Self::Away { source, .. } if source.kind() == redis::ErrorKind::AuthenticationFailed => {
                "check REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD"
            }
            Self::Away { .. } | Self::Timeout { .. } => "are the sentinels running, and is REDIS_SENTINELS right?",
        }
    }
}
