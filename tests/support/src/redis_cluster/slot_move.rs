//! A slot on its way from one master to another, as `redis-cli --cluster reshard` moves it, but in steps.

use anyhow::{Result, ensure};

use super::founding::id_of;
use super::{RedisCluster, wait_for};
use crate::RedisServer;

/// Milliseconds that one key may take.
const KEY_TIMEOUT_MS: &str = "5000";
const KEYS_AT_ONCE: usize = 100;

/// A slot that is open at both ends: keys that its owner has are served there, all others by whom it goes to (`ASK`).
/// Dropped, it stays so.
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
        let from = cluster.owner_of_slot(slot)?;
        ensure!(from.port() != to.port(), "move slot {slot}: the node on port {} owns it", to.port());
        set_slot(to, slot, &["IMPORTING", &id_of(from)?])?;
        set_slot(from, slot, &["MIGRATING", &id_of(to)?])?;
        Ok(Self { cluster, slot, from, to })
    }

    /// Who owns the slot until the end.
    #[must_use]
    pub fn from(&self) -> &'c RedisServer {
        self.from
    }

    /// Moves so many of the keys, and returns how many there were to move.
    ///
    /// # Errors
    /// A key cannot be moved.
    pub fn move_keys(&self, limit: usize) -> Result<usize> {
        let (slot, limit) = (self.slot.to_string(), limit.to_string());
        let keys: Vec<String> = self.from.command(&["CLUSTER", "GETKEYSINSLOT", &slot, &limit])?;
        keys.iter().try_for_each(|key| self.move_key(key))?;
        Ok(keys.len())
    }

    /// Moves one key; nothing if it is not there, or has ended meanwhile.
    ///
    /// # Errors
    /// It cannot be moved.
    pub fn move_key(&self, key: &str) -> Result<()> {
        let port = self.to.port().to_string();
        let mut words = vec!["MIGRATE", "127.0.0.1", &port, key, "0", KEY_TIMEOUT_MS];
        words.extend(self.to.password().iter().flat_map(|password| ["AUTH", password]));
        self.from.command(&words)
    }

    /// Moves the other keys, makes `to` the owner, and waits until all nodes know.
    ///
    /// # Errors
    /// A key cannot be moved, a master does not answer, or the nodes do not agree within a minute.
    pub fn finish(self) -> Result<()> {
        while self.move_keys(KEYS_AT_ONCE)? > 0 {}
        let new = id_of(self.to)?;
        // Who gets it must know first, or it would send clients back.
        let others = self.cluster.masters()?;
        let is_other = |server: &&&RedisServer| ![self.from.port(), self.to.port()].contains(&server.port());
        for server in [self.to, self.from].into_iter().chain(others.iter().filter(is_other).copied()) {
            set_slot(server, self.slot, &["NODE", &new])?;
        }
        wait_for("all nodes know who got the slot", || -> Result<()> {
            let owner = self.cluster.owner_of_slot(self.slot)?.port();
            ensure!(owner == self.to.port(), "it belongs to the node on port {owner}");
            Ok(())
        })
    }
}

fn set_slot(server: &RedisServer, slot: u16, state: &[&str]) -> Result<()> {
    server.command(&[&["CLUSTER", "SETSLOT", &slot.to_string()], state].concat())
}
