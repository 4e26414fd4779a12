//! Errors of the database, and whether trying again helps.
//!
//! Invariant: no message contains a password. Code that needs to react calls [`is_transient`] or [`is_unreachable`],
//! and does not look at the text.
//!
//! Used by everything that accesses the database.

use std::path::PathBuf;
use std::time::Duration;

use sea_orm::sqlx;
use sea_orm::{DbErr, RuntimeErr};
use thiserror::Error;

use super::advice;
use super::unreadable_row::UnreadableRow;

/// PostgreSQL's state for a missing right.
const DENIED: &str = "42501";

/// An error of the database layer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The URL cannot be parsed.
    #[error("DATABASE_URL cannot be used: {reason}")]
    InvalidUrl {
        /// What is wrong with it; never the URL itself.
        reason: String,
    },
    /// The SQLite file does not exist.
    #[error("there is no database file {}; correct DATABASE_URL, or run `cache-admin migrate` to create it", path.display())]
    MissingFile {
        /// The file, as understood from the URL.
        path: PathBuf,
    },
    /// The database refused the connection.
    #[error("cannot connect to {database}; {advice}")]
    Connect {
        /// The database, without user and password.
        database: String,
        /// The next step.
        advice: &'static str,
        /// The answer of the database.
        source: DbErr,
    },
    /// The database did not answer.
    #[error("no connection to {database} within {waited:?}; check that it runs, or raise database.connect_timeout_ms")]
    ConnectTimeout {
        /// The database, without user and password.
        database: String,
        /// How long the client waited.
        waited: Duration,
    },
    /// The tables do not exist.
    #[error("{database} has no table {table}; run `cache-admin migrate`")]
    NoSchema {
        /// The database, without user and password.
        database: String,
        /// The first table that is missing.
        table: &'static str,
    },
    /// The tables are of an older version.
    #[error("{database} lacks the migrations {}; run `cache-admin migrate`", pending.join(", "))]
    PendingMigrations {
        /// The database, without user and password.
        database: String,
        /// Names of the migrations.
        pending: Vec<String>,
    },
    /// Columns that triggers and loaders need are missing; nothing was changed.
    #[error(
        "{database} lacks columns that triggers and loaders need: {}; nothing was changed, add or rename them and run \
         `cache-admin migrate` again", missing.join(", ")
    )]
    MissingColumns {
        /// The database, without user and password.
        database: String,
        /// What is missing, by table and column.
        missing: Vec<String>,
    },
    /// A newer version of this crate has migrated it; nothing was changed.
    #[error(
        "the triggers of {database} were made by a newer version (version {found} of the triggers, this is {known}); \
         nothing was changed, run the `cache-admin migrate` of the newer version"
    )]
    NewerTriggers {
        /// The database, without user and password.
        database: String,
        /// The version of its triggers.
        found: u32,
        /// The version of this build.
        known: u32,
    },
    /// A migration failed; all of it was rolled back.
    #[error("cannot migrate {database}; nothing was changed, correct the cause and run `cache-admin migrate` again")]
    Migrate {
        /// The database, without user and password.
        database: String,
        /// The cause.
        source: DbErr,
    },
    /// A stored row cannot be read. The database works.
    #[error(transparent)]
    UnreadableRow(#[from] UnreadableRow),
    /// A statement failed.
    #[error(transparent)]
    Statement(#[from] DbErr),
}

impl DatabaseError {
    /// The error as one of a migration of the database with this description.
    #[must_use]
    pub fn of_migration(self, database: &str) -> Self {
        match self {
            Self::Statement(source) => Self::Migrate { database: database.to_owned(), source },
            refused => refused,
        }
    }

    /// Whether the same call may succeed a moment later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::ConnectTimeout { .. }) || self.db_err().is_some_and(is_transient)
    }

    /// Whether the database could not be reached at all.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::ConnectTimeout { .. } | Self::MissingFile { .. })
            || matches!(self, Self::Connect { .. })
            || self.db_err().is_some_and(is_unreachable)
    }

    /// The next step, if the error implies one that its sentence does not say already.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Connect { advice, .. } => Some(advice),
            error => error.db_err().and_then(advice::of_statement),
        }
    }

    pub(super) fn db_err(&self) -> Option<&DbErr> {
        match self {
            Self::Connect { source, .. } | Self::Migrate { source, .. } => Some(source),
            Self::Statement(error) => Some(error),
            _ => None,
        }
    }
}

/// Whether the same transaction may succeed a moment later: the connection was lost, another transaction was in the
/// way, or the server lacks a resource.
#[must_use]
pub fn is_transient(error: &DbErr) -> bool {
    is_unreachable(error) || sql_state(error).is_some_and(|state| is_retryable(&state))
}

/// Whether the error concerns the connection, not the statement.
#[must_use]
pub fn is_unreachable(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) => true,
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => is_connection_error(error),
        _ => false,
    }
}

fn is_connection_error(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        // 08: connection exception. 57P01 to 57P03: the server is shutting down or starting.
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|state| state.len() == 5 && (state.starts_with("08") || state.starts_with("57P0")))
        }
        _ => false,
    }
}

/// Whether PostgreSQL refused a statement because the user lacks a right.
#[must_use]
pub fn is_denied(error: &DbErr) -> bool {
    sql_state(error).is_some_and(|state| state == DENIED)
}

/// The standard SQLSTATE of the error; on SQLite a number.
fn sql_state(error: &DbErr) -> Option<String> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            error.as_database_error()?.code().map(std::borrow::Cow::into_owned)
        }
        _ => None,
    }
}

/// PostgreSQL's states have five characters: 40 is a transaction to be repeated, 53 a lack of resources, 55P03 a lock,
/// 57014 a timeout. SQLite's are numbers whose low byte is 5 (busy) or 6 (locked).
fn is_retryable(state: &str) -> bool {
    if state.len() == 5 {
        return state.starts_with("40") || state.starts_with("53") || matches!(state, "55P03" | "57014");
    }
    state.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_worth_a_second_try() {
        for (state, retry) in [
            ("40001", true),
            ("40P01", true),
            ("53300", true),
            ("55P03", true),
            ("5", true),
            ("517", true),
            ("262", true),
            ("23505", false),
            ("2067", false),
            ("1", false),
        ] {
            assert_eq!(is_retryable(state), retry, "{state}");
        }
    }
}
