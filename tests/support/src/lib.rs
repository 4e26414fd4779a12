//! Real servers for tests: a Redis of one's own, a database of one's own, and a poll helper instead of sleeps.
//!
//! Invariants: nothing listens off the loopback; a test ends exactly what it started, by its own process id, also when
//! it panics or the run is interrupted; a test that cannot have its server fails and says how to get one, it never
//! passes silently.

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
mod port;
mod postgres_server;
mod redis_cluster;
mod redis_group;
mod redis_options;
mod redis_server;
pub mod rounds;
mod server_process;
mod waiting;

pub use authority::{Authority, Identity, Lifetime};
#[cfg(feature = "database")]
pub use database::TestDatabase;
pub use eventually::{Probe, eventually};
pub use fault_proxy::{FaultProxy, Wire};
pub use golden::assert_golden;
pub use postgres_server::PostgresServer;
pub use redis_cluster::{RedisCluster, SlotMove};
pub use redis_group::RedisGroup;
pub use redis_options::{ClientCertificates, RedisOptions};
pub use redis_server::{CommandStats, RedisServer};
