//! The proxy fails as told, and only then.
#![allow(clippy::unwrap_used, reason = "a test helper fails the test as a test does")]

use std::time::{Duration, Instant};

use redis::Commands;
use test_support::{FaultProxy, RedisServer, Wire};
use tokio::runtime::Runtime;

struct Place {
    runtime: Runtime,
    server: RedisServer,
    proxy: FaultProxy,
}

fn place() -> Place {
    let runtime = Runtime::new().unwrap();
    let server = RedisServer::start().unwrap();
    let proxy = runtime.block_on(FaultProxy::start(server.port())).unwrap();
    Place { runtime, server, proxy }
}

impl Place {
    fn connect(&self) -> redis::RedisResult<redis::Connection> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.proxy.port())).unwrap();
        let connection = client.get_connection_with_timeout(Duration::from_secs(2))?;
        connection.set_read_timeout(Some(Duration::from_millis(300)))?;
        Ok(connection)
    }
}

#[test]
fn replies_are_late_by_the_delay_and_no_more_than_by_it_in_a_pipeline() {
    let place = place();
    let mut connection = place.connect().unwrap();
    let _: () = connection.set("k", 1).unwrap();
    place.proxy.set(Wire::DelayReplies(Duration::from_millis(60)));
    let began = Instant::now();
    let both: (u8, u8) = redis::pipe().get("k").get("k").query(&mut connection).unwrap();
    assert_eq!(both, (1, 1));
    let took = began.elapsed();
    assert!((Duration::from_millis(60)..Duration::from_millis(119)).contains(&took), "{took:?}");
}

#[test]
fn what_was_sent_before_a_stall_arrives_after_it() {
    let place = place();
    let mut connection = place.connect().unwrap();
    place.proxy.set(Wire::Stall);
    assert!(connection.set::<_, _, ()>("k", "late").is_err());
    drop(connection);
    assert_eq!(place.server.command::<Option<String>>(&["GET", "k"]).unwrap(), None);
    place.proxy.set(Wire::Pass);
    let arrived = || async { place.server.command::<Option<String>>(&["GET", "k"]).unwrap() };
    let arrived = place.runtime.block_on(test_support::eventually(Duration::from_secs(5), arrived));
    assert_eq!(arrived.unwrap(), "late");
}

#[test]
fn only_connections_that_track_are_stalled_when_only_they_shall_be() {
    let place = place();
    let mut ear = place.connect().unwrap();
    let mut other = place.connect().unwrap();
    // Without RESP3 the server refuses, and the proxy has seen the wish all the same.
    let _: redis::RedisResult<()> = redis::cmd("CLIENT").arg("TRACKING").arg("ON").query(&mut ear);
    place.proxy.set(Wire::StallTracking);
    assert!(redis::cmd("PING").exec(&mut ear).is_err());
    redis::cmd("PING").exec(&mut other).unwrap();
}

#[test]
fn a_reset_breaks_what_is_open_and_refusing_lets_nobody_in() {
    let place = place();
    let mut connection = place.connect().unwrap();
    place.proxy.reset();
    assert!(redis::cmd("PING").exec(&mut connection).is_err());
    let mut again = place.connect().unwrap();
    place.proxy.set(Wire::Refuse);
    redis::cmd("PING").exec(&mut again).unwrap();
    assert!(place.connect().is_err());
}

#[test]
fn new_connections_go_where_the_proxy_leads() {
    let place = place();
    let other = RedisServer::start().unwrap();
    other.command::<()>(&["SET", "k", "other"]).unwrap();
    place.proxy.lead_to(other.port());
    let value: String = place.connect().unwrap().get("k").unwrap();
    assert_eq!(value, "other");
}
