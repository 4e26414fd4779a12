//! The Redis topology of a program: one server, sentinels with their servers, or a cluster.

use test_support::{RedisCluster, RedisGroup, RedisOptions, RedisServer};

/// The topologies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// One server.
    OneServer,
    /// A primary, its replica and three sentinels.
    Sentinels,
    /// A cluster of three primaries, each with a replica.
    Cluster,
    /// A cluster of three primaries without replicas, for tests without a failover. It starts faster.
    Masters,
}

/// The servers in addition to the single server of every site.
#[derive(Debug)]
pub(crate) enum More {
    Nothing,
    Group(Box<RedisGroup>),
    Cluster(RedisCluster),
}

impl More {
    #[track_caller]
    pub(crate) fn start(topology: Topology) -> Self {
        const MASTERS: usize = 3;
        let options = RedisOptions::default();
        let started = match topology {
            Topology::OneServer => Ok(Self::Nothing),
            Topology::Sentinels => RedisGroup::start(&options).map(|group| Self::Group(Box::new(group))),
            Topology::Cluster => RedisCluster::start(&options).map(Self::Cluster),
            Topology::Masters => RedisCluster::start_masters(&options, MASTERS).map(Self::Cluster),
        };
        started.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// The variables of a program, in addition to the platform's five variables.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Group(group) => {
                vec![("REDIS_SENTINELS", group.sentinels()), ("REDIS_SENTINEL_MASTER", group.master().to_owned())]
            }
            Self::Cluster(cluster) => vec![("REDIS_CLUSTER_NODES", cluster.nodes())],
        }
    }

    /// The servers that hold the keys at present.
    #[track_caller]
    pub(crate) fn stores<'s>(&'s self, alone: &'s RedisServer) -> Vec<&'s RedisServer> {
        let stores = match self {
            Self::Nothing => Ok(vec![alone]),
            Self::Group(group) => group.roles().map(|(primary, _)| vec![primary]),
            Self::Cluster(cluster) => cluster.masters(),
        };
        stores.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// The server that holds this key at present, if there is one.
    #[track_caller]
    pub(crate) fn store_of<'s>(&'s self, alone: &'s RedisServer, key: &str) -> &'s RedisServer {
        match self {
            Self::Cluster(cluster) => cluster.owner_of(key).unwrap_or_else(|error| panic!("{error:#}")),
            Self::Nothing | Self::Group(_) => self.stores(alone)[0],
        }
    }
}
