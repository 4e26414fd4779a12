//! The handle: opens a database, and begins its transactions.
//!
//! Invariants: writes begin here and nowhere else. A connection whose transaction is open goes to no other caller.
//!
//! Used by everything that reads or writes rows.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sea_orm::sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sea_orm::sqlx::{self, ConnectOptions, Connection};
use sea_orm::{
    AccessMode, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, IsolationLevel, RuntimeErr,
    SqliteTransactionMode, SqlxPostgresConnector, SqlxSqliteConnector, TransactionOptions, TransactionTrait,
};

use super::advice;
use super::at_rest::{is_at_rest, seems_at_rest};
use super::error::DatabaseError;
use super::settings::DatabaseSettings;
use super::stale_plans::StalePlans;
use super::to_the_end::to_the_end;
use super::url::{self, DatabaseUrl, SqliteFile, SqliteMode};

/// A connection that was idle for longer is pinged before it is used; pinging every time doubles the round trips.
const PING_AFTER_IDLE: Duration = Duration::from_secs(30);

/// More connections make SQLite no faster: one writes, and the others wait for the disk.
const MAX_SQLITE_CONNECTIONS: u32 = 4;

/// Number of rows that SQLite's thread may be ahead of the reader. With sqlx's 50 the two wake each other all the time
/// while a batch of invoices is read.
const SQLITE_ROWS_AHEAD: usize = 1_000;

/// What to do if the SQLite file does not exist. PostgreSQL databases are never created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingFile {
    /// Fail with [`DatabaseError::MissingFile`]: a wrong path must not look like an empty shop.
    Refuse,
    /// Create an empty file; for `cache-admin migrate`.
    Create,
}

/// A pool of connections to the billing database; cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    connection: DatabaseConnection,
    description: Arc<str>,
    stale_plans: StalePlans,
}

impl Database {
    /// Connects to an existing database, and fails at once with the reason if it does not answer.
    pub async fn connect(settings: &DatabaseSettings) -> Result<Self, DatabaseError> {
        Self::open(settings, MissingFile::Refuse).await
    }

    /// Connects; `missing` says what to do if the SQLite file does not exist. A URL with `mode=rwc` always creates it.
    pub async fn open(settings: &DatabaseSettings, missing: MissingFile) -> Result<Self, DatabaseError> {
        match url::parse(&settings.url)? {
            DatabaseUrl::Sqlite(file) => open_sqlite(settings, &file, missing).await,
            DatabaseUrl::Postgres(options) => open_postgres(settings, *options).await,
        }
    }

    /// A handle that connects when it is first used, and creates no file. For tools that open the cache but load
    /// nothing, and so must work while the database is away. If the database cannot be reached, the first use fails.
    ///
    /// Fails only if the URL cannot be parsed. Must be called in a Tokio runtime.
    pub fn lazy(settings: &DatabaseSettings) -> Result<Self, DatabaseError> {
        Ok(match url::parse(&settings.url)? {
            DatabaseUrl::Sqlite(file) => {
                let options = sqlite_options(settings, &file).create_if_missing(false);
                Self::over_sqlite(sqlite_pool(settings).connect_lazy_with(options), describe_sqlite(&file))
            }
            DatabaseUrl::Postgres(options) => {
                let description = describe_postgres(&options);
                Self::over_postgres(settings, postgres_options(settings, *options), description)
            }
        })
    }

    /// The pool, for single statements. Reads that must be consistent use a [`Database::snapshot`].
    #[must_use]
    pub fn connection(&self) -> &DatabaseConnection {
        &self.connection
    }

    /// PostgreSQL or SQLite.
    #[must_use]
    pub fn backend(&self) -> DbBackend {
        self.connection.get_database_backend()
    }

    /// Whether it is a file on this machine, so that queries need no network.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.backend() == DbBackend::Sqlite
    }

    /// The name of the database for messages: host, port and name, or the file; no user, no password.
    #[must_use]
    pub fn describe(&self) -> &str {
        &self.description
    }

    /// A read-only transaction in which every query sees the same state.
    pub async fn snapshot(&self) -> Result<Snapshot, DatabaseError> {
        let options = match self.backend() {
            // A plain transaction is a snapshot in WAL mode; SQLite has no isolation levels and warns if one is set.
            DbBackend::Sqlite => TransactionOptions::default(),
            _ => TransactionOptions {
                isolation_level: Some(IsolationLevel::RepeatableRead),
                access_mode: Some(AccessMode::ReadOnly),
                ..TransactionOptions::default()
            },
        };
        Ok(Snapshot(self.begin(options).await?))
    }

    /// A transaction for writing. On PostgreSQL it is read committed (rows are locked by `SELECT … FOR UPDATE`). On
    /// SQLite it takes the write lock from the start, because a reader that begins to write fails there if another
    /// transaction wrote meanwhile.
    pub(crate) async fn begin_write(&self) -> Result<DatabaseTransaction, DbErr> {
        let sqlite_transaction_mode = match self.backend() {
            DbBackend::Sqlite => Some(SqliteTransactionMode::Immediate),
            _ => None,
        };
        self.begin(TransactionOptions { sqlite_transaction_mode, ..TransactionOptions::default() }).await
    }

    /// The only BEGIN of this code base. If the caller is gone when it ends, the transaction is rolled back.
    #[expect(clippy::disallowed_methods, reason = "here it runs to its end")]
    async fn begin(&self, options: TransactionOptions) -> Result<DatabaseTransaction, DbErr> {
        let connection = self.connection.clone();
        to_the_end(async move { connection.begin_with_options(options).await }).await
    }

    fn over_sqlite(pool: SqlitePool, description: String) -> Self {
        let connection = SqlxSqliteConnector::from_sqlx_sqlite_pool(pool);
        Self { connection, description: description.into(), stale_plans: StalePlans::default() }
    }

    fn over_postgres(settings: &DatabaseSettings, options: PgConnectOptions, description: String) -> Self {
        let stale_plans = StalePlans::default();
        let pool = postgres_pool(settings, stale_plans.clone()).connect_lazy_with(options);
        let connection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
        Self { connection, description: description.into(), stale_plans }
    }

    /// Whether a statement failed because the columns of its table were changed under its prepared plan. It can then be
    /// tried once more, from the beginning of its transaction: no connection from before the error is used any more.
    pub fn renews_plans_after(&self, error: &DbErr) -> bool {
        self.stale_plans.note(error)
    }

    /// Closes every connection; later calls fail.
    pub async fn close(&self) -> Result<(), DatabaseError> {
        Ok(self.connection.close_by_ref().await?)
    }
}

/// A read-only transaction; a `ConnectionTrait` by `&*snapshot`. Dropping it releases the connection.
#[derive(Debug)]
pub struct Snapshot(DatabaseTransaction);

impl Snapshot {
    /// Returns the connection to the pool now; dropping does the same a little later.
    pub async fn finish(self) -> Result<(), DatabaseError> {
        Ok(self.0.rollback().await?)
    }
}

impl Deref for Snapshot {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.0
    }
}

async fn open_sqlite(
    settings: &DatabaseSettings,
    file: &SqliteFile,
    missing: MissingFile,
) -> Result<Database, DatabaseError> {
    let create = missing == MissingFile::Create || file.mode == SqliteMode::Create;
    if !create && !file.path.exists() {
        return Err(DatabaseError::MissingFile { path: file.path.clone() });
    }
    if create && !file.path.exists() {
        make_private(&file.path);
    }
    let options = sqlite_options(settings, file).create_if_missing(create);
    let description = describe_sqlite(file);
    let pool = sqlite_pool(settings).connect_with(options).await;
    Ok(Database::over_sqlite(pool.map_err(|error| cannot_connect(&description, error))?, description))
}

/// Creates an empty file that only its owner can read, since it will hold what customers owe. SQLite gives its side
/// files the same mode. If the file cannot be created, SQLite says why.
fn make_private(path: &Path) {
    let mut options = std::fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    drop(options.write(true).create_new(true).open(path));
}

fn describe_sqlite(file: &SqliteFile) -> String {
    format!("SQLite file {}", file.path.display())
}

fn sqlite_pool(settings: &DatabaseSettings) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(settings.max_connections.clamp(1, MAX_SQLITE_CONNECTIONS))
        .acquire_timeout(settings.acquire_timeout())
        .test_before_acquire(false)
        .after_release(|connection, _| Box::pin(is_at_rest(connection)))
        .before_acquire(|connection, _| Box::pin(async move { Ok(seems_at_rest(connection)) }))
}

fn sqlite_options(settings: &DatabaseSettings, file: &SqliteFile) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new()
        .filename(&file.path)
        .foreign_keys(true)
        .busy_timeout(settings.busy_timeout())
        .row_buffer_size(SQLITE_ROWS_AHEAD);
    if file.mode == SqliteMode::ReadOnly {
        return options.read_only(true);
    }
    // WAL: readers see a snapshot and never wait for the writer. FULL: an acknowledged commit survives a power cut;
    // NORMAL would lose the commits since the last checkpoint.
    options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full)
}

async fn open_postgres(settings: &DatabaseSettings, options: PgConnectOptions) -> Result<Database, DatabaseError> {
    let description = describe_postgres(&options);
    let options = postgres_options(settings, options);
    try_postgres(settings, &options, &description).await?;
    Ok(Database::over_postgres(settings, options, description))
}

fn postgres_options(settings: &DatabaseSettings, options: PgConnectOptions) -> PgConnectOptions {
    options.options([("statement_timeout", settings.statement_timeout().as_millis().to_string())])
}

fn postgres_pool(settings: &DatabaseSettings, stale_plans: StalePlans) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(settings.max_connections.max(1))
        .acquire_timeout(settings.acquire_timeout())
        .test_before_acquire(false)
        .before_acquire(move |connection, idle| {
            let is_stale = stale_plans.may_be_in(idle.age);
            Box::pin(async move {
                if is_stale {
                    return Ok(false);
                }
                if idle.idle_for >= PING_AFTER_IDLE {
                    connection.ping().await?;
                }
                Ok(seems_at_rest(connection))
            })
        })
        .after_release(|connection, _| Box::pin(async move { Ok(seems_at_rest(connection)) }))
}

/// Opens one connection outside of the pool. The pool retries a refused connection until its timeout, and then only
/// reports that it timed out.
async fn try_postgres(
    settings: &DatabaseSettings,
    options: &PgConnectOptions,
    description: &str,
) -> Result<(), DatabaseError> {
    let attempt = async {
        let connection: PgConnection = options.connect().await?;
        connection.close().await
    };
    let waited = settings.connect_timeout();
    match tokio::time::timeout(waited, attempt).await {
        Ok(result) => result.map_err(|error| cannot_connect(description, error)),
        Err(_) => Err(DatabaseError::ConnectTimeout { database: description.to_owned(), waited }),
    }
}

pub(super) fn describe_postgres(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_else(|| options.get_username());
    match options.get_socket() {
        Some(socket) => format!("PostgreSQL {}/{database}", socket.display()),
        None => format!("PostgreSQL {}:{}/{database}", options.get_host(), options.get_port()),
    }
}

fn cannot_connect(database: &str, error: sqlx::Error) -> DatabaseError {
    let advice = advice::of_connecting(&error);
    let source = DbErr::Conn(RuntimeErr::SqlxError(error.into()));
    DatabaseError::Connect { database: database.to_owned(), advice, source }
}

impl billing_cache::Source for Database {
    type Error = DatabaseError;

    fn is_worth_another_try(&self, error: &DatabaseError) -> bool {
        error.db_err().is_some_and(|error| self.renews_plans_after(error))
    }
}
