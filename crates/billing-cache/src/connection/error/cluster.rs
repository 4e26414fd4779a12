//! Why a Redis Cluster cannot be used, and the next step.

use redis::RedisError;

use super::address::AddressError;

/// The cluster cannot be used as the settings have it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The setting is no list of addresses.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Another setting says where Redis is, too.
    #[error("redis.cluster_nodes and {other} are both set, and each says where Redis is")]
    Beside {
        /// The other setting.
        other: &'static str,
    },
    /// A cluster has one database only.
    #[error("redis.db is {db}, and a cluster has only database 0")]
    Database {
        /// The number in the settings.
        db: u16,
    },
    /// A server that is no node of a cluster.
    #[error("{address} is no node of a Redis Cluster")]
    NoCluster {
        /// Where it was asked.
        address: String,
    },
    /// A node that the settings take for a server of its own.
    #[error("the server is a node of a Redis Cluster, which holds only some of the keys")]
    NotNamed,
    /// None of the nodes answers.
    #[error("no node of the cluster answers: {address}: {source}")]
    Away {
        /// The last that was heard of.
        address: String,
        /// What it said.
        source: RedisError,
    },
    /// The nodes answer, and no master has slots.
    #[error("no master of the cluster has slots")]
    NoSlots,
}

impl ClusterError {
    /// The next step.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Address(error) => error.advice(),
            Self::Beside { other: "redis.url" } => {
                "leave REDIS_URL out; REDIS_USERNAME, REDIS_PASSWORD and REDIS_TLS say the rest"
            }
            Self::Beside { .. } => "leave one of the two out",
            Self::Database { .. } => "leave REDIS_DB out",
            Self::NoCluster { .. } => {
                "name its nodes in REDIS_CLUSTER_NODES, or point REDIS_HOST at a server of its own"
            }
            Self::NotNamed => "name its nodes in REDIS_CLUSTER_NODES",
            Self::Away { source, .. } if matches!(source.code(), Some("NOAUTH" | "WRONGPASS")) => {
                "check REDIS_PASSWORD and REDIS_USERNAME"
            }
            Self::Away { source, .. } if source.code() == Some("NOPERM") => {
                "give this Redis user the right to cluster|nodes"
            }
            Self::Away { .. } => "are the nodes running, and is REDIS_CLUSTER_NODES right?",
            Self::NoSlots => "give its masters slots: redis-cli --cluster fix",
        }
    }
}
