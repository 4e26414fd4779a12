//! Why the sentinels do not name the primary, and the next step.

use redis::RedisError;

use super::address::AddressError;

/// The sentinels do not name the primary.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SentinelError {
    /// The setting is no list of addresses.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A URL is set together with sentinels.
    #[error("redis.sentinels and redis.url are both set, and each says where Redis is")]
    BesideUrl,
    /// No sentinel answers.
    #[error("no sentinel answers: {address}: {source}")]
    Away {
        /// The sentinel that failed last.
        address: String,
        /// Its error.
        source: RedisError,
    },
    /// No sentinel answers in time.
    #[error("no sentinel answers within {limit_ms} ms")]
    Timeout {
        /// The limit, in milliseconds.
        limit_ms: u64,
    },
    /// The sentinels watch no primary of that name.
    #[error("the sentinels know no master {name:?}")]
    UnknownMaster {
        /// The name.
        name: String,
    },
    /// The sentinels that answer are behind what others reported before.
    #[error("the sentinels name {named}, which {newest} has succeeded")]
    Outdated {
        /// Host and port that they name.
        named: String,
        /// The newest primary that was reported.
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
