//! A primary, its replica and three sentinels, on the loopback, for failovers.
//!
//! Invariant: the sentinels know each other and the replica before the group is returned, so that a failover can begin
//! at once.

use anyhow::{Context, Result};

use crate::waiting::wait_for;
use crate::{RedisOptions, RedisServer};

/// The name of the primary in the sentinels.
const MASTER: &str = "billing";
const SENTINELS: usize = 3;

/// Two servers, one of which is the primary, and three sentinels with a quorum of two; all end when it is dropped.
#[derive(Debug)]
pub struct RedisGroup {
    sentinels: Vec<RedisServer>,
    servers: [RedisServer; 2],
}

impl RedisGroup {
    /// Starts all of them. The options are those of the servers.
    ///
    /// # Errors
    /// A server does not start, or the servers do not find each other within a minute.
    pub fn start(options: &RedisOptions) -> Result<Self> {
        let primary = options.clone().start()?;
        let replica = options.clone().config("replicaof", &format!("127.0.0.1 {}", primary.port())).start()?;
        let sentinel = |_| RedisOptions::sentinel_of_with_quorum(MASTER, &primary, 2).start();
        let sentinels = (0..SENTINELS).map(sentinel).collect::<Result<Vec<_>>>()?;
        let group = Self { sentinels, servers: [primary, replica] };
        group.wait_until_whole()?;
        Ok(group)
    }

    /// The value of `REDIS_SENTINELS`.
    #[must_use]
    pub fn sentinels(&self) -> String {
        let addresses: Vec<String> =
            self.sentinels.iter().map(|server| format!("127.0.0.1:{}", server.port())).collect();
        addresses.join(",")
    }

    /// The value of `REDIS_SENTINEL_MASTER`.
    #[must_use]
    pub fn master(&self) -> &'static str {
        MASTER
    }

    /// One of the sentinels.
    #[must_use]
    pub fn sentinel(&self, number: usize) -> &RedisServer {
        &self.sentinels[number]
    }

    /// The server that all sentinels consider the primary, and the other one.
    ///
    /// # Errors
    /// The sentinels do not agree within a minute.
    pub fn roles(&self) -> Result<(&RedisServer, &RedisServer)> {
        let [one, other] = &self.servers;
        let mut roles = None;
        wait_for("the sentinels agree", || {
            let ports: Vec<u16> = self.sentinels.iter().filter_map(|sentinel| primary_port(sentinel).ok()).collect();
            roles = match ports.as_slice() {
                [port, others @ ..] if ports.len() == SENTINELS && others.iter().all(|other| other == port) => {
                    [(one, other), (other, one)].into_iter().find(|(primary, _)| primary.port() == *port)
                }
                _ => None,
            };
            roles.is_some()
        })?;
        roles.context("the sentinels name no server of ours")
    }

    /// Waits until every sentinel considers this server the primary, and the server agrees.
    ///
    /// # Errors
    /// That does not happen within a minute.
    pub fn wait_until_primary(&self, server: &RedisServer) -> Result<()> {
        wait_for("the failover", || {
            let is_primary = server.info("replication").is_ok_and(|info| info["role"] == "master");
            is_primary && self.sentinels.iter().all(|sentinel| primary_port(sentinel).ok() == Some(server.port()))
        })
    }

    /// Waits until the other server follows the primary, and all sentinels know each other and would accept it.
    ///
    /// # Errors
    /// That does not happen within a minute.
    pub fn wait_until_whole(&self) -> Result<()> {
        let (primary, replica) = self.roles()?;
        let port = primary.port().to_string();
        wait_for("the replica follows", || {
            let follows = |info: &std::collections::BTreeMap<String, String>| {
                info.get("master_port") == Some(&port)
                    && info.get("master_link_status").is_some_and(|link| link == "up")
            };
            replica.info("replication").is_ok_and(|info| follows(&info))
        })?;
        let knows = |sentinel: &RedisServer| {
            let known =
                sentinel.info("sentinel").ok().and_then(|info| info.get("master0").cloned()).unwrap_or_default();
            let told: Result<Vec<Vec<String>>> = sentinel.command(&["SENTINEL", "REPLICAS", MASTER]);
            let is_up = |replica: &Vec<String>| {
                let field =
                    |name: &str| replica.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| pair[1].as_str());
                field("flags") == Some("slave") && field("master-link-status") == Some("ok")
            };
            known.contains("status=ok")
                && known.contains(&format!("sentinels={SENTINELS}"))
                && told.is_ok_and(|replicas| replicas.len() == 1 && replicas.iter().all(is_up))
        };
        wait_for("the sentinels know all", || self.sentinels.iter().all(knows))
    }

    /// Tells a sentinel to start a failover to the replica.
    ///
    /// # Errors
    /// The sentinels refuse for a minute, as they do during another failover.
    pub fn fail_over(&self) -> Result<()> {
        let mut sentinels = self.sentinels.iter().cycle();
        wait_for("a sentinel begins a failover", || {
            let sentinel = sentinels.next().expect("a cycle does not end");
            sentinel.command::<()>(&["SENTINEL", "FAILOVER", MASTER]).is_ok()
        })
    }
}

fn primary_port(sentinel: &RedisServer) -> Result<u16> {
    let (_, port): (String, u16) = sentinel.command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER])?;
    Ok(port)
}
