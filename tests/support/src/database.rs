//! A database for one test: an SQLite file, or a new database on the PostgreSQL server of `BILLING_TEST_POSTGRES_URL`.
//!
//! Invariant: only a database that this value created is dropped. Without that server a test is not skipped but fails,
//! with an error that says how to get one.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use tempfile::TempDir;

const SERVER_VARIABLE: &str = "BILLING_TEST_POSTGRES_URL";
/// Longer than the last connection of a database needs to close on a slow machine.
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
    /// Kept for its `Drop`.
    Sqlite {
        _directory: TempDir,
    },
    Postgres {
        server_url: String,
        name: String,
    },
    /// Already dropped explicitly.
    Gone,
}

impl TestDatabase {
    /// An SQLite database in a separate file, which several connections and processes can share.
    ///
    /// # Errors
    /// There is no directory for temporary files.
    pub fn sqlite() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("billing-sqlite-").tempdir()?;
        let url = format!("sqlite://{}?mode=rwc", directory.path().join("billing.sqlite").display());
        Ok(Self { url, place: Place::Sqlite { _directory: directory } })
    }

    /// A new database with a unique name on the server of `BILLING_TEST_POSTGRES_URL`.
    ///
    /// # Errors
    /// The variable is missing, or the server refuses.
    pub async fn postgres() -> Result<Self> {
        Self::postgres_with("").await
    }

    /// Like [`TestDatabase::postgres`], but without an encoding: it accepts and returns any bytes.
    ///
    /// # Errors
    /// The same as for [`TestDatabase::postgres`].
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

    /// The URL, as in `DATABASE_URL`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `sqlite` or `postgres`, for messages of tests that run on both.
    #[must_use]
    pub fn backend_name(&self) -> &'static str {
        if self.url.starts_with("sqlite:") { "sqlite" } else { "postgres" }
    }

    /// Drops the database now, together with open connections, and returns an error if that failed. `Drop` does the
    /// same but can only print the error.
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
        // A separate thread and runtime, because `drop` may run inside a runtime, which cannot be blocked on twice.
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

/// Removes a directory. A connection that is closed in the background may still write its last checkpoint there.
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

/// Runs one statement that must not be in a transaction. It contains no values from users.
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

/// Unique among the tests of this process, of other processes, and of machines that share the server.
fn unique_name() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    let random = RandomState::new().hash_one(count);
    format!("billing_test_{process}_{count}_{random:016x}")
}

/// The same server and parameters, with another database.
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
