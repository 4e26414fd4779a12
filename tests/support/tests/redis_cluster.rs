//! The cluster does what tests rely on: keys have owners, replicas take over, slots move in steps, nothing is left.
#![allow(clippy::unwrap_used, reason = "a test helper fails the test as a test does")]

use rustix::process::{Pid, test_kill_process};
use test_support::{Authority, ClientCertificates, Lifetime, RedisCluster, RedisOptions, RedisServer};

const KEYS: usize = 20;

fn masters() -> RedisCluster {
    RedisCluster::start_masters(&RedisOptions::default(), 3).unwrap()
}

fn get(server: &RedisServer, key: &str) -> Result<Option<String>, String> {
    server.command(&["GET", key]).map_err(|error| format!("{error:#}"))
}

/// Keys of one slot, set at its owner.
fn fill_slot(cluster: &RedisCluster) -> (u16, &RedisServer) {
    let owner = cluster.owner_of("{a}").unwrap();
    (0..KEYS).for_each(|number| owner.command::<()>(&["SET", &format!("{{a}}:{number}"), "v"]).unwrap());
    (cluster.slot_of("{a}").unwrap(), owner)
}

fn number_of_keys(server: &RedisServer) -> usize {
    server.command(&["DBSIZE"]).unwrap()
}

fn other_than<'c>(cluster: &'c RedisCluster, server: &RedisServer) -> &'c RedisServer {
    cluster.masters().unwrap().into_iter().find(|master| master.port() != server.port()).unwrap()
}

#[test]
fn three_masters_share_the_slots_and_end_when_they_are_dropped() {
    let cluster = masters();
    let ports: Vec<u16> = cluster.masters().unwrap().iter().map(|master| master.port()).collect();
    assert_eq!(cluster.nodes(), ports.iter().map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>().join(","));
    for key in ["invoice:1", "invoice:2", "active_discounts"] {
        let owner = cluster.owner_of(key).unwrap();
        owner.command::<()>(&["SET", key, "v"]).unwrap();
        let other = other_than(&cluster, owner);
        assert!(get(other, key).unwrap_err().contains(&format!("127.0.0.1:{}", owner.port())));
    }
    assert!(cluster.replica_of(&cluster.servers()[0]).is_err());
    let pids: Vec<u32> = cluster.servers().iter().map(|server| server.pid().unwrap()).collect();
    drop(cluster);
    for pid in pids {
        assert!(test_kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()).is_err());
    }
}

#[test]
fn a_slot_moves_with_its_keys() {
    let cluster = RedisCluster::start_masters(&RedisOptions::default().password("a \"b\""), 3).unwrap();
    let (slot, from) = fill_slot(&cluster);
    let to = other_than(&cluster, from);
    cluster.move_slot(slot, to).unwrap();
    assert_eq!(cluster.owner_of("{a}").unwrap().port(), to.port());
    assert_eq!((number_of_keys(from), number_of_keys(to)), (0, KEYS));
    cluster.wait_until_whole().unwrap();
    assert!(cluster.move_slot(slot, to).is_err());
}

#[test]
fn a_move_stands_still_half_way_and_is_finished_later() {
    let cluster = masters();
    let (slot, from) = fill_slot(&cluster);
    let to = other_than(&cluster, from);
    let half_way = cluster.begin_move(slot, to).unwrap();
    assert_eq!(half_way.from().port(), from.port());
    assert_eq!(half_way.move_keys(5).unwrap(), 5);
    assert_eq!((number_of_keys(from), number_of_keys(to)), (KEYS - 5, 5));
    assert!(get(from, "{a}:new").unwrap_err().contains(&format!("127.0.0.1:{}", to.port())));
    assert_eq!(cluster.owner_of("{a}").unwrap().port(), from.port());
    half_way.finish().unwrap();
    assert_eq!((number_of_keys(from), number_of_keys(to)), (0, KEYS));
    assert_eq!(get(to, "{a}:new").unwrap(), None);
}

#[test]
fn a_replica_takes_over_when_it_is_asked_to_and_when_its_master_is_killed() {
    let cluster = RedisCluster::start(&RedisOptions::default()).unwrap();
    let (_, old) = fill_slot(&cluster);
    let new = cluster.fail_over(old).unwrap();
    assert_eq!(cluster.owner_of("{a}").unwrap().port(), new.port());
    cluster.wait_until_whole().unwrap();
    assert_eq!(cluster.replica_of(new).unwrap().port(), old.port());
    assert_eq!(get(new, "{a}:1").unwrap().as_deref(), Some("v"));

    new.kill().unwrap();
    cluster.wait_until_replaced(new, old).unwrap();
    assert_eq!(get(old, "{a}:1").unwrap().as_deref(), Some("v"));
    new.restart().unwrap();
    cluster.wait_until_whole().unwrap();
    assert_eq!(cluster.replica_of(old).unwrap().port(), new.port());
}

#[test]
fn a_master_that_hangs_is_replaced_and_becomes_a_replica_when_it_goes_on() {
    let cluster = RedisCluster::start(&RedisOptions::default()).unwrap();
    let old = cluster.owner_of("{a}").unwrap();
    let new = cluster.replica_of(old).unwrap();
    old.pause().unwrap();
    cluster.wait_until_replaced(old, new).unwrap();
    old.resume().unwrap();
    cluster.wait_until_whole().unwrap();
    assert_eq!(cluster.replica_of(new).unwrap().port(), old.port());
}

#[test]
fn a_cluster_speaks_tls_between_its_nodes_too() {
    let authority = Authority::new().unwrap();
    let identity = authority.server("127.0.0.1", Lifetime::Valid).unwrap();
    let options = RedisOptions::default().tls(&authority, &identity, ClientCertificates::Ignored);
    let cluster = RedisCluster::start_masters(&options, 2).unwrap();
    let (slot, from) = fill_slot(&cluster);
    let to = other_than(&cluster, from);
    cluster.move_slot(slot, to).unwrap();
    assert_eq!((number_of_keys(from), number_of_keys(to)), (0, KEYS));
}
