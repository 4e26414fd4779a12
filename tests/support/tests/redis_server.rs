//! The test server does what tests rely on: it is its own, it fails as told, and it leaves nothing behind.
#![allow(clippy::unwrap_used, reason = "a test helper fails the test as a test does")]

use std::time::{Duration, Instant};

use rustix::process::{Pid, test_kill_process};
use test_support::{RedisOptions, RedisServer, eventually};

fn is_running(pid: u32) -> bool {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    test_kill_process(pid).is_ok()
}

#[test]
fn servers_that_start_together_are_apart() {
    let threads: Vec<_> = (0..6).map(|_| std::thread::spawn(RedisServer::start)).collect();
    let servers: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect();
    for (number, server) in servers.iter().enumerate() {
        server.command::<()>(&["SET", "number", &number.to_string()]).unwrap();
    }
    for (number, server) in servers.iter().enumerate() {
        assert_eq!(server.command::<usize>(&["GET", "number"]).unwrap(), number);
    }
}

#[test]
fn a_restart_keeps_the_port_and_loses_the_data() {
    let server = RedisServer::start().unwrap();
    let (port, pid) = (server.port(), server.pid());
    server.command::<()>(&["SET", "k", "v"]).unwrap();
    server.kill().unwrap();
    assert!(server.connection().is_err());
    server.restart().unwrap();
    assert_eq!(server.port(), port);
    assert_ne!(server.pid(), pid);
    assert_eq!(server.command::<Option<String>>(&["GET", "k"]).unwrap(), None);
}

#[test]
fn a_restart_with_a_dump_brings_the_old_data_back_and_the_next_one_is_empty_again() {
    let server = RedisServer::start().unwrap();
    server.command::<()>(&["SET", "k", "old"]).unwrap();
    let dump = server.save_dump().unwrap();
    server.command::<()>(&["SET", "k", "new"]).unwrap();
    server.restart_with(&dump).unwrap();
    assert_eq!(server.command::<String>(&["GET", "k"]).unwrap(), "old");
    server.restart().unwrap();
    assert_eq!(server.command::<Option<String>>(&["GET", "k"]).unwrap(), None);
    server.restart_with(&dump).unwrap();
    assert_eq!(server.command::<String>(&["GET", "k"]).unwrap(), "old");
}

#[test]
fn a_stopped_server_is_gone_and_says_so() {
    let server = RedisServer::start().unwrap();
    server.stop().unwrap();
    assert_eq!(server.pid(), None);
    assert!(server.stop().unwrap_err().to_string().contains("not running"));
}

#[tokio::test]
async fn a_paused_server_hangs_and_goes_on() {
    let server = RedisServer::start().unwrap();
    server.pause().unwrap();
    let began = Instant::now();
    assert!(server.command::<String>(&["PING"]).is_err());
    assert!(began.elapsed() > Duration::from_secs(1), "it refused instead of hanging");
    server.resume().unwrap();
    let pong = eventually(Duration::from_secs(5), || async { server.command::<String>(&["PING"]) });
    assert_eq!(pong.await.unwrap(), "PONG");
}

#[test]
fn dropping_ends_the_child_even_when_it_is_paused() {
    let server = RedisServer::start().unwrap();
    let pid = server.pid().unwrap();
    server.pause().unwrap();
    drop(server);
    assert!(!is_running(pid));
}

#[test]
fn a_password_is_required_and_is_in_the_url() {
    let server = RedisServer::options().password("p@ss \"word\"/#").start().unwrap();
    assert_eq!(server.command::<String>(&["PING"]).unwrap(), "PONG");
    let stranger = redis::Client::open(format!("redis://127.0.0.1:{}", server.port())).unwrap();
    let refused = redis::cmd("GET").arg("k").query::<String>(&mut stranger.get_connection().unwrap());
    assert!(refused.unwrap_err().to_string().contains("NOAUTH"));
}

#[test]
fn memory_limit_and_other_directives_reach_the_server() {
    let server = RedisServer::options().maxmemory(2_000_000, "allkeys-lru").config("hz", "50").start().unwrap();
    let memory = server.info("memory").unwrap();
    assert_eq!(memory["maxmemory"], "2000000");
    assert_eq!(memory["maxmemory_policy"], "allkeys-lru");
    assert_eq!(server.info("server").unwrap()["configured_hz"], "50");
}

#[test]
fn commands_are_counted_until_reset() {
    let server = RedisServer::start().unwrap();
    for _ in 0..3 {
        server.command::<Option<String>>(&["GET", "k"]).unwrap();
    }
    assert_eq!(server.calls("GET").unwrap(), 3);
    server.reset_command_stats().unwrap();
    assert_eq!(server.calls("get").unwrap(), 0);
}

#[tokio::test]
async fn a_sentinel_promotes_the_replica_of_a_killed_primary() {
    let primary = RedisServer::start().unwrap();
    let of_primary = format!("127.0.0.1 {}", primary.port());
    let replica = RedisServer::options().config("replicaof", &of_primary).start().unwrap();
    let sentinel = RedisOptions::sentinel_of("billing", &primary).start().unwrap();
    let replicas = || async { sentinel.info("sentinel").is_ok_and(|info| info["master0"].contains("slaves=1")) };
    eventually(Duration::from_secs(20), replicas).await.unwrap();
    primary.kill().unwrap();
    let promoted = || async { replica.info("replication").is_ok_and(|info| info["role"] == "master") };
    eventually(Duration::from_secs(30), promoted).await.unwrap();
}

#[test]
fn one_node_can_be_a_cluster() {
    let server = RedisServer::options().config("cluster-enabled", "yes").start().unwrap();
    server.command::<()>(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).unwrap();
    assert_eq!(server.info("cluster").unwrap()["cluster_enabled"], "1");
}

#[test]
fn a_directive_redis_does_not_know_is_an_error_with_its_log() {
    let error = RedisServer::options().config("no-such-directive", "1").start().unwrap_err();
    assert!(format!("{error:#}").contains("no-such-directive"), "{error:#}");
}
