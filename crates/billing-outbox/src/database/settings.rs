//! Settings of the database connection.
//!
//! Invariants: the URL is a secret from the moment it is read. The defaults stand in `config/default.toml` and nowhere
//! else.
//!
//! Filled by the configuration, read by [`super::Database::connect`].

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

/// Where the database is and how long to wait for it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    /// `DATABASE_URL`: `postgres://…`, `sqlite://…`, or SQLAlchemy's forms of them.
    pub url: SecretString,
    /// Connections of this process. Too low: requests wait for each other; too high: the server runs out of
    /// connections. SQLite uses at most four.
    pub max_connections: u32,
    /// Longest wait for the first connection, in milliseconds (PostgreSQL).
    pub connect_timeout_ms: u64,
    /// Longest wait for a connection of the pool, in milliseconds. Too low: bursts fail; too high: requests pile up.
    pub acquire_timeout_ms: u64,
    /// Longest run of one statement, in milliseconds; 0 means no limit (PostgreSQL). Migrations are exempt.
    pub statement_timeout_ms: u64,
    /// Longest wait for another writer, in milliseconds (SQLite).
    pub busy_timeout_ms: u64,
}

impl DatabaseSettings {
    pub(super) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(super) fn acquire_timeout(&self) -> Duration {
        Duration::from_millis(self.acquire_timeout_ms)
    }

    pub(super) fn statement_timeout(&self) -> Duration {
        Duration::from_millis(self.statement_timeout_ms)
    }

    pub(super) fn busy_timeout(&self) -> Duration {
        Duration::from_millis(self.busy_timeout_ms)
    }
}
