//! Why a Redis Cluster cannot be used, and the next step.

use redis::RedisError;

use super::address::AddressError;

/// The cluster cannot be used with these settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The setting is no list of addresses.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Another setting also gives an address of Redis.
    #[error("redis.cluster_nodes and {other} are both set, and each says where Redis is")]
    Beside {
        /// The other setting.
        other: &'static str,
    },
    /// A database number is set, but a cluster has one database only.
    #[error("redis.db is {db}, and a cluster has only database 0")]
    Database {
        /// The number in the settings.
        db: u16,
    },
    /// The server is no node of a cluster.
    #[error("{address} is no node of a Redis Cluster")]
    NoCluster {
        /// Its address.
        address: String,
    },
    /// The server is a node of a cluster, but the settings name it as a single server.
    #[error("the server is a node of a Redis Cluster, which holds only some of the keys")]
    NotNamed,
    /// No node answers.
    #[error("no node of the cluster answers: {address}: {source}")]
    Away {
        /// The node that failed last.
        address: String,
        /// Its error.
        source: RedisError,
    },
    /// The nodes answer, but no primary has slots.
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
