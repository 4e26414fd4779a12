//! Real servers for tests: a Redis and a database for each test, and a poll helper instead of sleeps.
//!
//! Invariants: nothing listens outside the loopback; a test ends exactly what it started, by process id, also when it
//! panics or the run is interrupted; a test that cannot get its server fails and says how to get one, and never passes
//! silently.

mod authority;
#[cfg(feature = "database")]
mod database;
mod eventually;
mod fault_proxy;
mod golden;
pub mod json_schema;
pub mod measurement;
#[cfg(feature = "database")]
pub mod platform;
mod postgres_server;
mod redis_cluster;
mod redis_group;
mod redis_options;
mod redis_server;
pub mod rounds;
mod waiting;

pub use authority::{Authority, Identity, Lifetime};
#[cfg(feature = "database")]
pub use database::TestDatabase;
pub use eventually::{Probe, eventually};
pub use fault_proxy::{FaultProxy, Wire};
pub use golden::assert_golden;
pub use postgres_server::postgres_with_tls;
pub use redis_cluster::{RedisCluster, SlotMove};
pub use redis_group::RedisGroup;
pub use redis_options::{ClientCertificates, RedisOptions};
pub use redis_server::{CommandStats, RedisServer};
pub use test_servers::PostgresServer;
