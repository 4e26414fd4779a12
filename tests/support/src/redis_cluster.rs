//! Primaries of a Redis Cluster on the loopback, each with a replica if failovers are needed.
//!
//! Invariant: the owners of slots are not stored here. They are read from the nodes whenever they are needed, and count
//! only if all running nodes agree.

mod founding;
mod slot_move;
mod view;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

pub use slot_move::SlotMove;
use view::View;

use crate::waiting::wait_for;
use crate::{RedisOptions, RedisServer};

const MASTERS: usize = 3;
/// A replica aborts a manual failover after five seconds.
const FAILOVER_TIMEOUT: Duration = Duration::from_secs(6);

/// The number of nodes of each kind.
#[derive(Clone, Copy)]
struct Members {
    masters: usize,
    replicas: usize,
    /// Primaries without slots.
    spares: usize,
}

/// Nodes that know each other and together own all slots; all end when it is dropped.
///
/// A node can be killed, restarted, paused and resumed like any [`RedisServer`]. After a restart it is empty, but keeps
/// its identity.
#[derive(Debug)]
pub struct RedisCluster {
    servers: Vec<RedisServer>,
    replicas: usize,
}

impl RedisCluster {
    /// Starts three primaries with a replica each and with these options, and waits until the cluster is complete.
    ///
    /// # Errors
    /// A server does not start, or the nodes do not find each other within a minute.
    pub fn start(options: &RedisOptions) -> Result<Self> {
        Self::found(options, Members { masters: MASTERS, replicas: MASTERS, spares: 0 })
    }

    /// Like [`RedisCluster::start`], with this number of primaries and without replicas.
    ///
    /// # Errors
    /// The same as for [`RedisCluster::start`].
    pub fn start_masters(options: &RedisOptions, masters: usize) -> Result<Self> {
        Self::found(options, Members { masters, replicas: 0, spares: 0 })
    }

    /// Like [`RedisCluster::start_masters`], with one more primary without slots: the last of
    /// [`RedisCluster::servers`].
    ///
    /// # Errors
    /// The same as for [`RedisCluster::start`].
    pub fn start_masters_and_a_spare(options: &RedisOptions, masters: usize) -> Result<Self> {
        Self::found(options, Members { masters, replicas: 0, spares: 1 })
    }

    /// `REDIS_CLUSTER_NODES`: all nodes, including those that do not run.
    #[must_use]
    pub fn nodes(&self) -> String {
        let addresses: Vec<String> = self.servers.iter().map(|server| format!("127.0.0.1:{}", server.port())).collect();
        addresses.join(",")
    }

    /// All nodes, including those that do not run. The initial primaries come first.
    #[must_use]
    pub fn servers(&self) -> &[RedisServer] {
        &self.servers
    }

    /// The primaries that own slots, sorted by their first slot.
    ///
    /// # Errors
    /// The nodes do not agree within a minute.
    pub fn masters(&self) -> Result<Vec<&RedisServer>> {
        let mut owners: Vec<_> = self.agreed()?.owners().into_iter().collect();
        owners.sort_by_key(|(_, slots)| slots.first().map(|range| *range.start()));
        owners.into_iter().map(|(port, _)| self.server_on(port)).collect()
    }

    /// The replica of a primary.
    ///
    /// # Errors
    /// The primary has no replica, or the nodes do not agree within a minute.
    pub fn replica_of(&self, master: &RedisServer) -> Result<&RedisServer> {
        let port = self.agreed()?.replicas_of(master.port()).next();
        let port =
            port.with_context(|| format!("find a replica of the node on port {}: it has none", master.port()))?;
        self.server_on(port)
    }

    /// The slot of a key.
    ///
    /// # Errors
    /// No node answers.
    pub fn slot_of(&self, key: &str) -> Result<u16> {
        let node = self.running().next().context("find the slot of a key: no node runs")?;
        ask(node, &["CLUSTER", "KEYSLOT", key])
    }

    /// The primary that owns the slot of a key.
    ///
    /// # Errors
    /// No primary does, or the nodes do not agree within a minute.
    pub fn owner_of(&self, key: &str) -> Result<&RedisServer> {
        self.owner_of_slot(self.slot_of(key)?)
    }

    /// The primary that owns a slot.
    ///
    /// # Errors
    /// The same as for [`RedisCluster::owner_of`].
    pub fn owner_of_slot(&self, slot: u16) -> Result<&RedisServer> {
        let port = self.agreed()?.owner_of(slot);
        self.server_on(port.with_context(|| format!("find the owner of slot {slot}: nobody owns it"))?)
    }

    /// Lets the replica of a primary take over (`CLUSTER FAILOVER`), and returns it when all nodes know.
    ///
    /// # Errors
    /// There is no replica, or it has not taken over within a minute.
    pub fn fail_over(&self, master: &RedisServer) -> Result<&RedisServer> {
        let replica = self.replica_of(master)?;
        let mut asked: Option<Instant> = None;
        wait_for("a replica takes over when it is asked to", || -> Result<()> {
            if is_master(replica)? {
                return Ok(());
            }
            if asked.is_none_or(|at| at.elapsed() > FAILOVER_TIMEOUT) {
                replica.command::<()>(&["CLUSTER", "FAILOVER"])?;
                asked = Some(Instant::now());
            }
            bail!("it is still a replica")
        })?;
        self.wait_until_replaced(master, replica)?;
        Ok(replica)
    }

    /// Waits until all nodes except `old`, which may be dead or hang, know that `new` owns slots and `old` owns none.
    ///
    /// # Errors
    /// That does not happen within a minute.
    pub fn wait_until_replaced(&self, old: &RedisServer, new: &RedisServer) -> Result<()> {
        wait_for("a replica has taken over", || -> Result<()> {
            for server in self.running().filter(|server| server.port() != old.port()) {
                let owners = View::of(server)?.owners();
                let is_replaced = owners.contains_key(&new.port()) && !owners.contains_key(&old.port());
                ensure!(is_replaced, "the node on port {} knows the owners {owners:?}", server.port());
            }
            Ok(())
        })
    }

    /// Waits until all nodes run and agree, every slot has an owner and is not being moved, and every primary has its
    /// replica again, which follows it.
    ///
    /// # Errors
    /// That does not happen within a minute.
    pub fn wait_until_whole(&self) -> Result<()> {
        wait_for("the cluster is whole", || self.check_whole())
    }

    /// Moves a slot with its keys to another primary: at once where the servers can do that (Valkey 9), key by key
    /// elsewhere.
    ///
    /// # Errors
    /// The same as for [`RedisCluster::begin_move`] and [`SlotMove::finish`].
    pub fn move_slot(&self, slot: u16, to: &RedisServer) -> Result<()> {
        if slot_move::can_be_at_once(to)? {
            return slot_move::at_once(self, slot, to);
        }
        self.begin_move(slot, to)?.finish()
    }

    /// Opens a slot at its owner and at another primary, for a move that continues only on request.
    ///
    /// # Errors
    /// No primary owns the slot, or `to` already does.
    pub fn begin_move<'c>(&'c self, slot: u16, to: &'c RedisServer) -> Result<SlotMove<'c>> {
        SlotMove::begin(self, slot, to)
    }

    fn running(&self) -> impl Iterator<Item = &RedisServer> {
        self.servers.iter().filter(|server| server.pid().is_some())
    }

    fn server_on(&self, port: u16) -> Result<&RedisServer> {
        let server = self.servers.iter().find(|server| server.port() == port);
        server.with_context(|| format!("find the node on port {port}: it is none of ours"))
    }

    /// The common knowledge of all running nodes about owners.
    fn agreed(&self) -> Result<View> {
        wait_for("the nodes agree", || self.agreed_now())
    }

    fn agreed_now(&self) -> Result<View> {
        let mut views = self.running().map(View::of);
        let first = views.next().context("no node runs")??;
        for other in views {
            let (ours, theirs) = (first.owners(), other?.owners());
            ensure!(ours == theirs, "{ours:?} is not {theirs:?}");
        }
        Ok(first)
    }

    fn check_whole(&self) -> Result<()> {
        let view = self.agreed_now()?;
        view.check_covers_all_slots()?;
        self.servers.iter().try_for_each(|server| self.check_well(server, &view))?;
        let masters = view.owners();
        for master in masters.keys() {
            let replicas: Vec<u16> = view.replicas_of(*master).collect();
            let is_enough = replicas.len() == self.replicas / masters.len();
            ensure!(is_enough, "the replicas of the node on port {master} are {replicas:?}");
            replicas.into_iter().try_for_each(|port| check_follows(self.server_on(port)?))?;
        }
        Ok(())
    }

    fn check_well(&self, server: &RedisServer, common: &View) -> Result<()> {
        let (port, view) = (server.port(), View::of(server)?);
        ensure!(view.has_same_roles(common), "the node on port {port} knows other roles");
        ensure!(view.well_nodes() == self.servers.len(), "the node on port {port} does not know all well");
        ensure!(!view.has_open_slots(), "a slot of the node on port {port} is open");
        let state: String = server.command(&["CLUSTER", "INFO"])?;
        ensure!(state.contains("cluster_state:ok"), "the node on port {port} is not well: {state}");
        Ok(())
    }
}

/// Runs a command that may run twice, and repeats it while the answer is late: machines are busy, and a server that
/// moves a key answers no other client.
fn ask<T: redis::FromRedisValue>(server: &RedisServer, words: &[&str]) -> Result<T> {
    let is_late = |error: &anyhow::Error| {
        error.chain().any(|cause| match cause.downcast_ref::<redis::RedisError>() {
            Some(error) => error.is_timeout(),
            None => false,
        })
    };
    wait_for("a node answers", || match server.command(words) {
        Err(error) if is_late(&error) => Err(error),
        answer => Ok(answer),
    })?
}

fn is_master(server: &RedisServer) -> Result<bool> {
    Ok(server.info("replication")?["role"] == "master")
}

fn check_follows(replica: &RedisServer) -> Result<()> {
    let info = replica.info("replication")?;
    let link = info.get("master_link_status").map(String::as_str);
    ensure!(link == Some("up"), "the replica on port {} does not follow: {link:?}", replica.port());
    Ok(())
}
