//! A database that belongs to one test: an SQLite file, or a fresh database on the PostgreSQL server of
//! `BILLING_TEST_POSTGRES_URL`.
//!
//! Invariant: only what this value created is dropped. Who runs the tests without that server gets an error with the
//! way to have one, not a skipped test.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use tempfile::TempDir;

const SERVER_VARIABLE: &str = "BILLING_TEST_POSTGRES_URL";
/// Longer than the last connection of a database takes to close on a slow machine.
const CLOSING_DEADLINE: Duration = Duration::from_secs(60);
const CLOSING_PAUSE: Duration = Duration::from_millis(20);

/// An empty database; removed when dropped.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// Held for its `Drop`.
    Sqlite {
        _directory: TempDir,
    },
    Postgres {
        server_url: String,
        name: String,
    },
    /// Explicitly dropped already.
    Gone,
}

impl TestDatabase {
    /// An SQLite database in a file of its own (several connections and processes can share it).
    ///
    /// # Errors
    /// No directory for temporary files.
    pub fn sqlite() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("billing-sqlite-").tempdir()?;
        let url = format!("sqlite://{}?mode=rwc", directory.path().join("billing.sqlite").display());
        Ok(Self { url, place: Place::Sqlite { _directory: directory } })
    }

    /// A new database of a unique name on the server of `BILLING_TEST_POSTGRES_URL`.
    ///
    /// # Errors
    /// The variable is missing, or the server refuses.
    pub async fn postgres() -> Result<Self> {
        Self::postgres_with("").await
    }

    /// The same without an encoding: it takes and gives any bytes.
    ///
    /// # Errors
    /// As [`TestDatabase::postgres`].
    pub async fn postgres_without_encoding() -> Result<Self> {
        Self::postgres_with(" ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0").await
    }

    async fn postgres_with(options: &str) -> Result<Self> {
        let server_url = std::env::var(SERVER_VARIABLE).unwrap_or_default();
        ensure!(
            !server_url.is_empty(),
            "a PostgreSQL server is needed: set {SERVER_VARIABLE}, or run `cargo xtask test`"
        );
        let name = unique_name();
        admin(&server_url, &format!("CREATE DATABASE {name}{options}")).await?;
        Ok(Self { url: with_database(&server_url, &name), place: Place::Postgres { server_url, name } })
    }

    /// What to connect to, as `DATABASE_URL` has it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `sqlite` or `postgres`, for messages of tests that run on both.
    #[must_use]
    pub fn backend_name(&self) -> &'static str {
        if self.url.starts_with("sqlite:") { "sqlite" } else { "postgres" }
    }

    /// Removes the database now, together with the connections that are still open, and says if that failed. `Drop`
    /// does the same and can only print it.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn drop_database(mut self) -> Result<()> {
        match std::mem::replace(&mut self.place, Place::Gone) {
            Place::Postgres { server_url, name } => drop_on_server(&server_url, &name).await,
            Place::Sqlite { _directory: directory } => {
                remove(&directory.keep()).await.context("remove the SQLite database")
            }
            Place::Gone => Ok(()),
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Place::Postgres { server_url, name } = std::mem::replace(&mut self.place, Place::Gone) else {
            return;
        };
        // A thread and a runtime of its own: `drop` may run inside a runtime, which cannot be blocked on twice.
        let dropped = std::thread::spawn(move || -> Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(drop_on_server(&server_url, &name))
        })
        .join();
        match dropped {
            Ok(Ok(())) => {}
            Ok(Err(error)) => eprintln!("test database left behind: {error:#}"),
            Err(_) => eprintln!("test database left behind: the thread that drops it panicked"),
        }
    }
}

/// Removes a directory in which a connection that is being closed in the background may still write its last
/// checkpoint.
async fn remove(directory: &Path) -> std::io::Result<()> {
    let ends = Instant::now() + CLOSING_DEADLINE;
    loop {
        match std::fs::remove_dir_all(directory) {
            Err(_) if directory.exists() && Instant::now() < ends => tokio::time::sleep(CLOSING_PAUSE).await,
            Err(error) if directory.exists() => return Err(error),
            _ => return Ok(()),
        }
    }
}

async fn drop_on_server(server_url: &str, name: &str) -> Result<()> {
    admin(server_url, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await
}

/// Runs one statement that must not be in a transaction. The statement has no values of a user's.
async fn admin(server_url: &str, statement: &str) -> Result<()> {
    let mut options = ConnectOptions::new(server_url);
    options.max_connections(1).sqlx_logging(false);
    let connection = Database::connect(options)
        .await
        .with_context(|| format!("connect to the server of {SERVER_VARIABLE} to run {statement}"))?;
    let result = connection.execute_unprepared(statement).await.with_context(|| statement.to_owned());
    connection.close().await.context("close the connection to the test server")?;
    result.map(drop)
}

/// Unique among the tests of this process, of others, and of machines that share the server.
fn unique_name() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    let random = RandomState::new().hash_one(count);
    format!("billing_test_{process}_{count}_{random:016x}")
}

/// The same server and parameters, another database.
fn with_database(server_url: &str, name: &str) -> String {
    let (address, parameters) = server_url.split_once('?').unwrap_or((server_url, ""));
    let authority = address.find("://").map_or(0, |at| at + "://".len());
    let path = address[authority..].find('/').map_or(address.len(), |at| authority + at);
    let separator = if parameters.is_empty() { "" } else { "?" };
    format!("{}/{name}{separator}{parameters}", &address[..path])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_database_on_the_same_server() {
        for (server, expected) in [
            ("postgres://u:p@h:1/postgres", "postgres://u:p@h:1/x"),
            ("postgres://u@h:1", "postgres://u@h:1/x"),
            ("postgres://h/", "postgres://h/x"),
            ("postgres://h/a?sslmode=disable", "postgres://h/x?sslmode=disable"),
            ("postgres:///a?host=/run/pg", "postgres:///x?host=/run/pg"),
        ] {
            assert_eq!(with_database(server, "x"), expected);
        }
    }

    #[test]
    fn names_fit_into_an_identifier_and_differ() {
        let (first, second) = (unique_name(), unique_name());
        assert_ne!(first, second);
        assert!(first.len() <= 63, "{first}");
    }
}
