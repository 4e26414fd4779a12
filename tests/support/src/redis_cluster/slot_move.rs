//! A slot that moves from one primary to another: in steps, like with `redis-cli --cluster reshard`, or at once.

use anyhow::{Result, ensure};

use super::founding::id_of;
use super::{RedisCluster, ask, wait_for};
use crate::RedisServer;

/// Time limit for one key, in milliseconds.
const KEY_TIMEOUT_MS: &str = "5000";
const KEYS_AT_ONCE: usize = 100;

/// A slot that is open at both ends: its owner serves the keys that it still has, and the new primary serves all others
/// (`ASK`). When this value is dropped, the slot stays in this state.
#[derive(Clone, Copy, Debug)]
#[must_use = "the slot stays open until `finish`"]
pub struct SlotMove<'c> {
    cluster: &'c RedisCluster,
    slot: u16,
    from: &'c RedisServer,
    to: &'c RedisServer,
}

impl<'c> SlotMove<'c> {
    pub(super) fn begin(cluster: &'c RedisCluster, slot: u16, to: &'c RedisServer) -> Result<Self> {
        let from = owner_other_than(cluster, slot, to)?;
        set_slot(to, slot, &["IMPORTING", &id_of(from)?])?;
        set_slot(from, slot, &["MIGRATING", &id_of(to)?])?;
        Ok(Self { cluster, slot, from, to })
    }

    /// The owner of the slot until the move ends.
    #[must_use]
    pub fn from(&self) -> &'c RedisServer {
        self.from
    }

    /// Moves up to `limit` of the keys, and returns how many there were to move.
    ///
    /// # Errors
    /// A key cannot be moved.
    pub fn move_keys(&self, limit: usize) -> Result<usize> {
        let (slot, limit) = (self.slot.to_string(), limit.to_string());
        let keys: Vec<String> = ask(self.from, &["CLUSTER", "GETKEYSINSLOT", &slot, &limit])?;
        keys.iter().try_for_each(|key| self.move_key(key))?;
        Ok(keys.len())
    }

    /// Moves one key. Does nothing if the key does not exist or has expired meanwhile.
    ///
    /// # Errors
    /// It cannot be moved.
    pub fn move_key(&self, key: &str) -> Result<()> {
        let port = self.to.port().to_string();
        let mut words = vec!["MIGRATE", "127.0.0.1", &port, key, "0", KEY_TIMEOUT_MS];
        words.extend(self.to.password().iter().flat_map(|password| ["AUTH", password]));
        ask(self.from, &words)
    }

    /// Moves the remaining keys, makes `to` the owner, and waits until all nodes know.
    ///
    /// # Errors
    /// A key cannot be moved, a primary does not answer, or the nodes do not agree within a minute.
    pub fn finish(self) -> Result<()> {
        while self.move_keys(KEYS_AT_ONCE)? > 0 {}
        let new = id_of(self.to)?;
        // The new owner must know first; otherwise it would redirect clients back.
        let others = self.cluster.masters()?;
        let is_other = |server: &&&RedisServer| ![self.from.port(), self.to.port()].contains(&server.port());
        for server in [self.to, self.from].into_iter().chain(others.iter().filter(is_other).copied()) {
            set_slot(server, self.slot, &["NODE", &new])?;
        }
        wait_until_moved(self.cluster, self.slot, self.to)
    }
}

/// Whether the server exports whole slots, with neither end open meanwhile.
pub(super) fn can_be_at_once(server: &RedisServer) -> Result<bool> {
    let known: Vec<redis::Value> = ask(server, &["COMMAND", "INFO", "cluster|migrateslots"])?;
    Ok(known.iter().any(|command| *command != redis::Value::Nil))
}

/// Moves a slot as a whole, and waits until all nodes know. The old owner sends a snapshot and what changes meanwhile,
/// then lets writes wait until the new owner has claimed the slot.
pub(super) fn at_once(cluster: &RedisCluster, slot: u16, to: &RedisServer) -> Result<()> {
    let (from, number, new) = (owner_other_than(cluster, slot, to)?, slot.to_string(), id_of(to)?);
    from.command::<()>(&["CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", &number, &number, "NODE", &new])?;
    wait_until_moved(cluster, slot, to)
}

fn owner_other_than<'c>(cluster: &'c RedisCluster, slot: u16, to: &RedisServer) -> Result<&'c RedisServer> {
    let owner = cluster.owner_of_slot(slot)?;
    ensure!(owner.port() != to.port(), "move slot {slot}: the node on port {} owns it", to.port());
    Ok(owner)
}

fn wait_until_moved(cluster: &RedisCluster, slot: u16, to: &RedisServer) -> Result<()> {
    wait_for("all nodes know who got the slot", || -> Result<()> {
        let owner = cluster.owner_of_slot(slot)?.port();
        ensure!(owner == to.port(), "it belongs to the node on port {owner}");
        Ok(())
    })
}

fn set_slot(server: &RedisServer, slot: u16, state: &[&str]) -> Result<()> {
    ask(server, &[&["CLUSTER", "SETSLOT", &slot.to_string()], state].concat())
}
