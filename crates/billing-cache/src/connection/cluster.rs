//! Redis Cluster: its primaries and their slots, as its nodes report them.
//!
//! Invariant: each node answers with what it knows and may be behind, so [`topology`] combines the answers. When the
//! slot map is refreshed, and by which code, is described in [`crate::connection::shards`].
//!
//! Used by `shards` for the slot map, and by the health check for the facts.

mod facts;
pub(crate) mod node;
pub(crate) mod topology;

use std::time::Duration;

use futures_util::future;
use redis::{AsyncConnectionConfig, Client, Cmd, RedisError, ServerErrorKind};

use super::address::Address;
use super::address_list::Written;
use super::error::L2Error;
use super::error::cluster::ClusterError;
use super::link::{Link, Terms};
use crate::declaration::settings::RedisSettings;
pub use facts::{ClusterFacts, MasterFacts};
use node::View;
use topology::Topology;

const WRITTEN: Written = Written {
    setting: "redis.cluster_nodes",
    port: 6_379,
    example: "write REDIS_CLUSTER_NODES like node-1:6379,node-2:6379",
    login: "leave it out; REDIS_USERNAME and REDIS_PASSWORD say it",
};

/// The nodes in the settings, by which the others are found.
#[derive(Clone, Debug)]
pub(crate) struct Seeds(Vec<(String, u16)>);

impl Seeds {
    /// The nodes in the settings, if there are any.
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

    /// The text for people.
    pub(crate) fn describe(&self) -> String {
        let nodes: Vec<String> = self.0.iter().map(|(host, port)| format!("{host}:{port}")).collect();
        format!("the cluster of {}", nodes.join(", "))
    }

    /// What the nodes in the settings report, all asked at once.
    pub(crate) async fn topology(&self, address: &Address, limit: Duration) -> Result<Topology, L2Error> {
        let (answers, mut silent) = ask(&self.0, address, limit).await;
        match silent.pop() {
            Some(error) if answers.is_empty() => Err(error),
            _ => together(&answers, address.has_tls()),
        }
    }

    /// What the nodes in the settings and all primaries report. Only a primary knows which of its slots migrate.
    pub(crate) async fn facts(&self, address: &Address, limit: Duration) -> Result<ClusterFacts, L2Error> {
        let (mut answers, mut silent) = ask(&self.0, address, limit).await;
        if answers.is_empty()
            && let Some(error) = silent.pop()
        {
            return Err(error);
        }
        let mut masters = together(&answers, address.has_tls())?.masters;
        masters.retain(|master| !self.0.contains(master));
        answers.extend(ask(&masters, address, limit).await.0);
        Ok(ClusterFacts::of(&views(&answers), address.has_tls(), silent))
    }
}

/// What the connected primaries report; `None` unless more than half of them answer.
pub(crate) async fn topology_of_masters(
    masters: &[(&str, &Link)],
    address: &Address,
    limit: Duration,
) -> Option<Topology> {
    let asked = masters.iter().map(|(_, link)| async move {
        let ask = |mut wire: crate::connection::link::Wire| async move { wire.query::<String>(&nodes_command()).await };
        link.run(Terms::tell(limit), ask).await
    });
    let answers = future::join_all(asked).await;
    let answers = masters.iter().zip(answers).filter_map(|((host, _), text)| Some((*host, text.ok()?)));
    let answers: Vec<(&str, String)> = answers.collect();
    if answers.len() * 2 <= masters.len() {
        return None;
    }
    together(&answers, address.has_tls()).ok()
}

fn together(answers: &[(&str, String)], with_names: bool) -> Result<Topology, L2Error> {
    let topology = Topology::of(&views(answers), with_names);
    if topology.masters.is_empty() { Err(ClusterError::NoSlots.into()) } else { Ok(topology) }
}

fn views<'a>(answers: &'a [(&str, String)]) -> Vec<View<'a>> {
    answers.iter().map(|(host, text)| View { host, text }).collect()
}

/// The answers of these nodes with their hosts, all asked at once, and the errors of those that do not answer.
async fn ask<'n>(
    nodes: &'n [(String, u16)],
    address: &Address,
    limit: Duration,
) -> (Vec<(&'n str, String)>, Vec<L2Error>) {
    let asked = nodes.iter().map(|(host, port)| ask_node(address, host, *port, limit));
    let (mut answers, mut silent) = (Vec::new(), Vec::new());
    for ((host, _), answer) in nodes.iter().zip(future::join_all(asked).await) {
        match answer {
            Ok(text) => answers.push((host.as_str(), text)),
            Err(error) => silent.push(error),
        }
    }
    (answers, silent)
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
