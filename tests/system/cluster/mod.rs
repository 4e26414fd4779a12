//! A Redis Cluster of three masters, as a user meets it.

mod refusals;
mod services;
mod tools;

use test_support::RedisServer;

fn size(server: &RedisServer) -> u64 {
    server.command(&["DBSIZE"]).expect("a server tells its size")
}
