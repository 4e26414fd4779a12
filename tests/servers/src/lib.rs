//! Redis and PostgreSQL servers on the loopback, for tests (through `test-support`) and for the tasks of `cargo xtask`.
//!
//! Invariants: nothing listens outside the loopback; a server counts as started only when the server that answers is
//! the child of this process; it ends with its value, and also when this process is interrupted or killed. This crate
//! uses no other crate of the workspace and no client library, so that xtask is built quickly, and when others are not.

pub mod password;
mod port;
pub mod postgres;
mod process;
pub mod program;
pub mod redis;
mod wait;

pub use port::{ReservedPort, is_free};
pub use postgres::PostgresServer;
pub use process::ServerProcess;
pub use redis::RedisServer;
pub use wait::{connect, wait_until};
