//! What to do after a database error whose cause is known: a login, a lock, a right, or a place to write is missing.
//!
//! Used by the errors of this module and, through them, by every tool. For other errors the caller's advice is shown.

use sea_orm::sqlx;
use sea_orm::{DbErr, RuntimeErr};

use super::tls;

/// SQLite's primary result codes.
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const READ_ONLY: u32 = 8;
const DISK: u32 = 10;
const CORRUPT: u32 = 11;
const FULL: u32 = 13;
const CANNOT_OPEN: u32 = 14;
const NO_DATABASE: u32 = 26;

/// The next step after a connection that failed.
pub(super) fn of_connecting(error: &sqlx::Error) -> &'static str {
    of(error).or_else(|| tls::advice(error)).unwrap_or(match error {
        sqlx::Error::Protocol(_) => "is it PostgreSQL that listens there? Check DATABASE_URL",
        _ => "check DATABASE_URL",
    })
}

/// The next step after a statement that failed, if the error implies one.
#[must_use]
pub fn of_statement(error: &DbErr) -> Option<&'static str> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => of(error),
        _ => None,
    }
}

fn of(error: &sqlx::Error) -> Option<&'static str> {
    let code = error.as_database_error()?.code()?;
    match code.parse() {
        Ok(number) if code.len() != 5 => of_sqlite(number),
        _ => of_state(&code),
    }
}

fn of_sqlite(code: u32) -> Option<&'static str> {
    Some(match code & 0xff {
        BUSY | LOCKED => "another program holds its lock: let it end, or look for it with `fuser FILE`",
        READ_ONLY => {
            "may this user write to the file of DATABASE_URL and to its directory, and does the URL say mode=ro?"
        }
        CANNOT_OPEN => {
            "is the file of DATABASE_URL there (`cache-admin migrate` makes it), and may this user write to it and to its \
             directory?"
        }
        DISK | FULL => "make room on its disk, or repair it",
        CORRUPT => "the file is damaged: restore it from a backup",
        NO_DATABASE => "DATABASE_URL names a file that is no SQLite database",
        _ => return None,
    })
}

/// By PostgreSQL's SQLSTATE.
fn of_state(state: &str) -> Option<&'static str> {
    Some(match state {
        "28P01" | "28000" => "check user and password in DATABASE_URL, and pg_hba.conf of the server",
        "3D000" => "the server has no database of this name: correct DATABASE_URL, or create it",
        "42501" => "this database user lacks a right: `cache-admin doctor` names it",
        "25006" => {
            "this user or server only reads: point DATABASE_URL at the primary, and see default_transaction_read_only"
        }
        "53300" => {
            "the server is at its limit of connections: raise max_connections, or lower database.max_connections"
        }
        "57P03" => "the server is starting or shutting down: try again shortly",
        "53100" => "make room on the disk of the server",
        _ => return None,
    })
}
