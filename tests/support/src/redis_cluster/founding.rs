//! Forms a cluster from single servers.

use anyhow::{Context, Result, ensure};

use super::view::{SLOTS, View};
use super::{Members, RedisCluster, ask, wait_for};
use crate::{RedisOptions, RedisServer};

/// After this time a node that does not answer counts as dead, and a failover begins.
const NODE_TIMEOUT_MS: &str = "1000";

impl RedisCluster {
    pub(super) fn found(options: &RedisOptions, members: Members) -> Result<Self> {
        let Members { masters, replicas, spares } = members;
        ensure!(masters > 0, "start a cluster: it needs a master");
        let start = |_| of_node(options.clone()).start();
        let servers = (0..masters + replicas + spares).map(start).collect::<Result<Vec<_>>>()?;
        let cluster = Self { servers, replicas };
        cluster.introduce()?;
        cluster.deal_slots(masters)?;
        let (masters, others) = cluster.servers.split_at(masters);
        masters.iter().cycle().zip(&others[..replicas]).try_for_each(|(master, replica)| follow(replica, master))?;
        cluster.wait_until_whole()?;
        Ok(cluster)
    }

    /// Introduces every node to every other one, so that the cluster need not wait for gossip.
    fn introduce(&self) -> Result<()> {
        for (number, server) in self.servers.iter().enumerate() {
            // Nodes with the same initial epoch would have to resolve the conflict one after another.
            server.command::<()>(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()])?;
        }
        for (number, server) in self.servers.iter().enumerate() {
            for other in &self.servers[number + 1..] {
                server.command::<()>(&["CLUSTER", "MEET", "127.0.0.1", &other.port().to_string()])?;
            }
        }
        wait_for("the nodes know each other", || -> Result<()> {
            for server in &self.servers {
                let known = View::of(server)?.well_nodes();
                ensure!(known == self.servers.len(), "the node on port {} knows {known}", server.port());
            }
            Ok(())
        })
    }

    /// Gives the same number of slots to each of the first nodes, as far as possible.
    fn deal_slots(&self, masters: usize) -> Result<()> {
        let slots = usize::from(SLOTS);
        for (number, server) in self.servers[..masters].iter().enumerate() {
            let (first, last) = (number * slots / masters, (number + 1) * slots / masters - 1);
            // Listed one by one, because ranges need Redis 7.
            let slots: Vec<String> = (first..=last).map(|slot| slot.to_string()).collect();
            let words: Vec<&str> =
                ["CLUSTER", "ADDSLOTS"].into_iter().chain(slots.iter().map(String::as_str)).collect();
            server.command::<()>(&words)?;
        }
        Ok(())
    }
}

fn of_node(options: RedisOptions) -> RedisOptions {
    let options = if options.has_tls() { options.config("tls-cluster", "yes") } else { options };
    options
        .config("cluster-enabled", "yes")
        .config("cluster-config-file", "nodes.conf")
        .config("cluster-node-timeout", NODE_TIMEOUT_MS)
        .config("cluster-require-full-coverage", "no")
        .config("cluster-announce-ip", "127.0.0.1")
        // Every primary keeps its replica.
        .config("cluster-allow-replica-migration", "no")
        // There is no other replica to wait for.
        .config("repl-diskless-sync-delay", "0")
}

pub(super) fn id_of(server: &RedisServer) -> Result<String> {
    ask(server, &["CLUSTER", "MYID"])
}

fn follow(replica: &RedisServer, master: &RedisServer) -> Result<()> {
    replica.command::<()>(&["CLUSTER", "REPLICATE", &id_of(master)?]).context("make a node a replica")
}
