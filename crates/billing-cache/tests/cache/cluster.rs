//! Redis Cluster: keys are where their slots are, wherever those go, and what one master does not do the others still
//! do.

mod admission;
mod failover;
mod flushed;
mod half_moved;
mod half_moved_writes;
mod marks;
mod memory;
mod moved;
mod numbers;
mod oversize;
mod settings;
mod storm;
mod tools;
mod whole;

use billing_cache::Cache;
use crc::{CRC_16_XMODEM, Crc};
use test_support::{RedisCluster, RedisOptions, RedisServer};

use crate::ledger::{InvoiceId, Invoices, Ledger};
use crate::world::{Options, World, lease, seen};

const SLOTS: u16 = 16_384;
/// Somebody who may be kept from learning who has which slots.
const USER: &[&str] = &["ACL", "SETUSER", "billing", "on", ">sesame", "~*", "&*", "+@all"];

/// A cluster and caches over it. The world's own server, which the settings name too, must not be used.
struct Clustered {
    world: World,
    cluster: RedisCluster,
}

impl Clustered {
    /// Three masters. No failovers: the slots of one that dies are nobody's.
    fn of_masters() -> Self {
        Self::over(RedisCluster::start_masters(&RedisOptions::default(), 3).unwrap())
    }

    /// Two masters, and a third that has no slots yet.
    fn with_a_spare() -> Self {
        Self::over(RedisCluster::start_masters_and_a_spare(&RedisOptions::default(), 2).unwrap())
    }

    fn with_replicas() -> Self {
        Self::over(RedisCluster::start(&RedisOptions::default()).unwrap())
    }

    fn over(cluster: RedisCluster) -> Self {
        Self { world: World::new(), cluster }
    }

    async fn cache(&self) -> Cache<Ledger> {
        self.cache_with(|_| {}).await
    }

    async fn cache_with(&self, change: impl FnOnce(&mut Options)) -> Cache<Ledger> {
        let change = |options: &mut Options| {
            self.point(options);
            change(options);
        };
        self.world.cache_with(change).await
    }

    /// A process that soon gives up on a master that does not answer.
    async fn impatient_cache(&self) -> Cache<Ledger> {
        self.cache_with(impatient).await
    }

    /// A process with L1 for every type.
    async fn l1_cache_with(&self, change: impl FnOnce(&mut Options)) -> Cache<Ledger> {
        let change = |options: &mut Options| {
            self.point(options);
            change(options);
        };
        self.world.l1_cache_with(change).await
    }

    /// A process that may be kept from learning who has which slots, and soon gives up telling somebody something.
    async fn cache_of_user(&self) -> Cache<Ledger> {
        self.tell_all(USER);
        let cache = self.cache_with(|options| {
            options.redis.username = "billing".into();
            options.redis.password = "sesame".into();
            options.cache.invalidation_deadline_ms = 200;
        });
        cache.await
    }

    fn refuse_to_tell_slots(&self) {
        self.tell_all(&["ACL", "SETUSER", "billing", "-cluster|nodes"]);
    }

    fn tell_slots(&self) {
        self.tell_all(&["ACL", "SETUSER", "billing", "+cluster|nodes"]);
    }

    fn tell_all(&self, command: &[&str]) {
        self.cluster.servers().iter().for_each(|server| server.command(command).unwrap());
    }

    fn point(&self, options: &mut Options) {
        options.redis.cluster_nodes = self.cluster.nodes();
    }

    fn owner(&self, id: i32) -> &RedisServer {
        self.cluster.owner_of(&key(id)).unwrap()
    }

    /// A master that has slots, and not that of this invoice.
    fn other_than_owner(&self, id: i32) -> &RedisServer {
        let owner = self.owner(id).port();
        self.cluster.masters().unwrap().into_iter().find(|master| master.port() != owner).unwrap()
    }

    /// An invoice for each master, in the order of their slots.
    fn one_for_each_master(&self) -> Vec<i32> {
        let masters = self.cluster.masters().unwrap();
        masters.iter().map(|master| (1..).find(|id| self.owner(*id).port() == master.port()).unwrap()).collect()
    }

    /// Commits a version of each invoice and has a cache fill them.
    async fn fill(&self, cache: &Cache<Ledger>, ids: &[i32], version: u64) {
        for id in ids {
            self.world.ledger.put(*id, version);
        }
        let keys: Vec<_> = ids.iter().copied().map(InvoiceId).collect();
        let filled = cache.get_many::<Invoices>(&keys).await.unwrap();
        assert!(filled.iter().all(|cached| seen(cached).0 == Some(version)));
    }
}

fn impatient(options: &mut Options) {
    options.redis.connect_timeout_ms = 500;
    options.redis.command_timeout_ms = 150;
    options.redis.batch_timeout_ms = 150;
    options.cache.invalidation_deadline_ms = 200;
}

fn key(id: i32) -> String {
    format!("invoice:{id}")
}

/// The slot of the key of an invoice, and of its lease.
fn slot_of(id: i32) -> u16 {
    Crc::<u16>::new(&CRC_16_XMODEM).checksum(key(id).as_bytes()) % SLOTS
}

/// So many invoices of one slot.
fn in_one_slot<const COUNT: usize>() -> [i32; COUNT] {
    let slot = slot_of(1);
    let mut ids = (1..).filter(|id| slot_of(*id) == slot);
    std::array::from_fn(|_| ids.next().unwrap())
}

/// The names of an invoice's slot that are on this node, whether that owns the slot or not.
fn names_at(server: &RedisServer, id: i32) -> Vec<String> {
    server.command(&["CLUSTER", "GETKEYSINSLOT", &slot_of(id).to_string(), "1000"]).unwrap()
}

/// Whether the value of an invoice is on this node.
fn has_value(server: &RedisServer, id: i32) -> bool {
    names_at(server, id).contains(&key(id))
}

/// Whether the lease of an invoice is on this node.
fn has_lease(server: &RedisServer, id: i32) -> bool {
    names_at(server, id).contains(&lease(&key(id)))
}

/// Whether any node that runs has the value of this invoice, or its lease.
fn is_anywhere(cluster: &RedisCluster, id: i32) -> bool {
    let mut running = cluster.servers().iter().filter(|server| server.pid().is_some());
    running.any(|server| has_value(server, id) || has_lease(server, id))
}

fn set_version(server: &RedisServer, id: i32, version: u64) {
    server.command::<()>(&["SETEX", &key(id), "300", &format!(r#"{{"version":{version}}}"#)]).unwrap();
}

/// The same at a master that the slot is on its way to.
fn set_arriving_version(server: &RedisServer, id: i32, version: u64) {
    let (mut connection, json) = (server.connection().unwrap(), format!(r#"{{"version":{version}}}"#));
    redis::pipe().cmd("ASKING").ignore().cmd("SETEX").arg(key(id)).arg(300).arg(json).exec(&mut connection).unwrap();
}

/// Versions and tiers of a read of many.
async fn read_many(cache: &Cache<Ledger>, ids: &[i32]) -> Vec<(Option<u64>, billing_cache::Tier)> {
    let keys: Vec<_> = ids.iter().copied().map(InvoiceId).collect();
    cache.get_many::<Invoices>(&keys).await.unwrap().iter().map(seen).collect()
}
