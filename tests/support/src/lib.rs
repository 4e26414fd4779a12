//! Real servers for tests: a Redis of one's own, a database of one's own, and a poll helper instead of sleeps.
//!
//! Invariants: nothing listens off the loopback; a test ends exactly what it started, by its own process id, also when
//! it panics; a test that cannot have its server fails and says how to get one, it never passes silently.
//!
//! Keep the values in local variables of the test, not in a `static`: a `static` is never dropped, so its server would
//! outlive the test run.

mod database;
mod eventually;
mod port;
mod redis_options;
mod redis_server;

pub use database::TestDatabase;
pub use eventually::{Probe, eventually};
pub use redis_options::RedisOptions;
pub use redis_server::{CommandStats, RedisServer};
