//! SQL of another program on the platform's tables: plain statements, like those of SQLAlchemy.

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, Statement, TransactionTrait,
};
use tokio::runtime::Handle;

/// Foreign keys are not checked, as on the connections of SQLAlchemy. Written data need not survive a crash of the
/// machine.
const SQLITE_SESSION: &str = "PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF; PRAGMA busy_timeout = 60000";

/// An open connection of another program.
#[derive(Debug)]
pub struct Session {
    connection: DatabaseConnection,
    runtime: Handle,
}

impl Session {
    pub(crate) fn open(url: &str, runtime: &Handle) -> Result<Self, DbErr> {
        let connection = runtime.block_on(connect(url))?;
        if connection.get_database_backend() == DbBackend::Sqlite {
            runtime.block_on(connection.execute_unprepared(SQLITE_SESSION))?;
        }
        Ok(Self { connection, runtime: runtime.clone() })
    }

    /// Runs each text, which has one or more statements, separately.
    ///
    /// # Errors
    /// The error message of the database.
    pub fn run(&self, sql: &str) -> Result<(), String> {
        let done = self.runtime.block_on(self.connection.execute_unprepared(sql));
        done.map(drop).map_err(|error| error.to_string())
    }

    /// Runs statements that must succeed.
    #[track_caller]
    pub fn must(&self, sql: &str) {
        self.run(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    /// The rows of a query whose columns are all text.
    #[track_caller]
    #[must_use]
    pub fn rows(&self, query: &str) -> Vec<Vec<Option<String>>> {
        let rows = self.runtime.block_on(rows_of(&self.connection, query));
        rows.unwrap_or_else(|error| panic!("{query}: {error}"))
    }
}

/// Runs the statements in one transaction.
#[expect(clippy::disallowed_methods, reason = "another program begins as it likes")]
pub(crate) async fn execute(url: &str, statements: &[&str]) -> Result<(), DbErr> {
    let connection = connect(url).await?;
    let transaction = connection.begin().await?;
    for statement in statements {
        transaction.execute_unprepared(statement).await?;
    }
    transaction.commit().await?;
    connection.close().await
}

/// The rows of a query whose columns are all text.
pub(crate) async fn rows(url: &str, query: &str) -> Result<Vec<Vec<Option<String>>>, DbErr> {
    let connection = connect(url).await?;
    let rows = rows_of(&connection, query).await;
    connection.close().await?;
    rows
}

async fn rows_of(connection: &DatabaseConnection, query: &str) -> Result<Vec<Vec<Option<String>>>, DbErr> {
    let found = connection.query_all_raw(Statement::from_string(connection.get_database_backend(), query)).await?;
    let rows =
        found.iter().map(|row| (0..row.column_names().len()).map(|column| row.try_get_by_index(column)).collect());
    rows.collect()
}

async fn connect(url: &str) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options).await
}
