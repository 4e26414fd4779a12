//! Redis Cluster: which masters there are and which slots they have, asked of the nodes themselves.
//!
//! Invariant: nodes answer for what they know, and may be behind; what they say together is put in order by
//! [`topology`]. Who learns of a change, and when, is in [`super::shards`].

pub(crate) mod topology;

use std::time::Duration;

use futures_util::future;
use redis::{AsyncConnectionConfig, Client, Cmd, RedisError, ServerErrorKind};

use super::address::Address;
use super::error::L2Error;
use super::link::{Link, Terms};
use super::written::{AddressError, Written};
use crate::settings::RedisSettings;
use topology::{Topology, View};

const WRITTEN: Written = Written {
    setting: "redis.cluster_nodes",
    port: 6_379,
    example: "write REDIS_CLUSTER_NODES like node-1:6379,node-2:6379",
    login: "leave it out; REDIS_USERNAME and REDIS_PASSWORD say it",
};

/// The nodes of the settings, by which the others are found.
#[derive(Clone, Debug)]
pub(crate) struct Seeds(Vec<(String, u16)>);

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

impl Seeds {
    /// The nodes of the settings, if there are any.
    pub(crate) fn of(settings: &RedisSettings) -> Result<Option<Self>, ClusterError> {
        let nodes = WRITTEN.addresses(&settings.cluster_nodes)?;
        if nodes.is_empty() {
            return Ok(None);
        }
        if settings.has_url() {
            return Err(ClusterError::Beside { other: "redis.url" });
        }
        if !settings.sentinels.trim().is_empty() {
            return Err(ClusterError::Beside { other: "redis.sentinels" });
        }
        if settings.db != 0 {
            return Err(ClusterError::Database { db: settings.db });
        }
        Ok(Some(Self(nodes)))
    }

    /// For people.
    pub(crate) fn describe(&self) -> String {
        let nodes: Vec<String> = self.0.iter().map(|(host, port)| format!("{host}:{port}")).collect();
        format!("the cluster of {}", nodes.join(", "))
    }

    /// What the nodes of the settings say, all asked at once.
    pub(crate) async fn topology(&self, address: &Address, limit: Duration) -> Result<Topology, L2Error> {
        let asked = self.0.iter().map(|(host, port)| ask_node(address, host, *port, limit));
        let (mut answers, mut failed) = (Vec::new(), None);
        for ((host, _), answer) in self.0.iter().zip(future::join_all(asked).await) {
            match answer {
                Ok(text) => answers.push((host.as_str(), text)),
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) if answers.is_empty() => Err(error),
            _ => together(&answers, address.has_tls()),
        }
    }
}

/// What the masters that are connected say; none if fewer than half of them answer.
pub(crate) async fn topology_of_masters(
    masters: &[(&str, &Link)],
    address: &Address,
    limit: Duration,
) -> Option<Topology> {
    let asked = masters.iter().map(|(_, link)| async move {
        let ask = |mut wire: super::link::Wire| async move { wire.query::<String>(&nodes_command()).await };
        link.run(Terms::tell(limit), ask).await
    });
    let answers = future::join_all(asked).await;
    let answers = masters.iter().zip(answers).filter_map(|((host, _), text)| Some((*host, text.ok()?)));
    let answers: Vec<(&str, String)> = answers.collect();
    if answers.len() * 2 < masters.len() {
        return None;
    }
    together(&answers, address.has_tls()).ok()
}

fn together(answers: &[(&str, String)], with_names: bool) -> Result<Topology, L2Error> {
    let views: Vec<View<'_>> = answers.iter().map(|(host, text)| View { host, text }).collect();
    let topology = Topology::of(&views, with_names);
    if topology.masters.is_empty() { Err(ClusterError::NoSlots.into()) } else { Ok(topology) }
}

async fn ask_node(address: &Address, host: &str, port: u16, limit: Duration) -> Result<String, L2Error> {
    let name = || format!("{host}:{port}");
    let info = address.at(host, port).connection_info().await?;
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(limit)).set_response_timeout(Some(limit));
    let answer = async {
        let mut connection = Client::open(info)?.get_multiplexed_async_connection_with_config(&config).await?;
        nodes_command().query_async(&mut connection).await
    };
    answer.await.map_err(|source: RedisError| match source.kind() {
        redis::ErrorKind::Server(ServerErrorKind::ResponseError) if source.code() == Some("ERR") => {
            ClusterError::NoCluster { address: name() }.into()
        }
        _ => ClusterError::Away { address: name(), source }.into(),
    })
}

fn nodes_command() -> Cmd {
    let mut command = redis::cmd("CLUSTER");
    command.arg("NODES");
    command
}
