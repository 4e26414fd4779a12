//! What an error of COMMIT says about the transaction.
//!
//! Invariant: an error counts as "refused" only if it proves that nothing was written. A failing disk may hold the
//! commit and show it after a restart, so every other error means "outcome unknown".
//!
//! Used by the write transaction.

use sea_orm::sqlx::error::DatabaseError;
use sea_orm::{DbErr, RuntimeErr};

/// SQLite's primary result codes.
const BUSY: u32 = 5;
const CONSTRAINT: u32 = 19;

/// Whether this error of COMMIT proves that nothing was written.
pub(super) fn is_refusal(error: &DbErr) -> bool {
    let (DbErr::Exec(cause) | DbErr::Query(cause) | DbErr::Conn(cause)) = error else { return false };
    let RuntimeErr::SqlxError(cause) = cause else { return false };
    cause.as_database_error().and_then(DatabaseError::code).is_some_and(|state| proves_nothing_written(&state))
}

/// PostgreSQL's states have five characters. 23: a constraint that was deferred to the commit. 40: the server rolled
/// back, except for 40003, which means that it does not know. P0: raised by a deferred trigger. These come from the
/// transaction itself, before its commit is written. All others may come from the shutdown of the server, its disk, or
/// a pooler in between.
///
/// SQLite's are numbers whose low byte is the primary code. After these two codes the transaction is still open, and is
/// rolled back.
fn proves_nothing_written(state: &str) -> bool {
    if state.len() == 5 {
        let class = &state[..2];
        return matches!(class, "23" | "40" | "P0") && state != "40003";
    }
    state.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, BUSY | CONSTRAINT))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::error::Error as StdError;
    use std::fmt;
    use std::io;

    use sea_orm::sqlx;
    use sea_orm::sqlx::error::ErrorKind;

    use super::*;

    /// An error with this SQLSTATE.
    #[derive(Debug)]
    struct Said(&'static str);

    impl fmt::Display for Said {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl StdError for Said {}

    impl DatabaseError for Said {
        fn message(&self) -> &str {
            self.0
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.0.into())
        }

        fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    fn failed(error: sqlx::Error) -> DbErr {
        DbErr::Query(RuntimeErr::SqlxError(error.into()))
    }

    fn is_refused(state: &'static str) -> bool {
        is_refusal(&failed(sqlx::Error::Database(Box::new(Said(state)))))
    }

    #[test]
    fn constraints_conflicts_and_raised_exceptions_prove_that_nothing_was_written() {
        for state in ["23503", "23505", "40000", "40001", "40002", "40P01", "P0001", "P0004"] {
            assert!(is_refused(state), "{state}");
        }
        // SQLite: busy, busy with a snapshot, a constraint, a foreign key.
        for state in ["5", "517", "19", "787", "2067"] {
            assert!(is_refused(state), "{state}");
        }
    }

    #[test]
    fn any_other_error_leaves_the_outcome_unknown() {
        // The server does not know itself; a broken connection, perhaps behind a pooler; a shutdown; the disk; an
        // internal error.
        for state in ["40003", "08006", "08P01", "57P01", "57P02", "57014", "53100", "53200", "58030", "XX000", "XX001"]
        {
            assert!(!is_refused(state), "{state}");
        }
        // SQLite: no open transaction, locked, no memory, read-only, disk error, disk full, sync failed; corrupt.
        for state in ["1", "6", "7", "8", "10", "13", "778", "1034", "11"] {
            assert!(!is_refused(state), "{state}");
        }
        for broken in [
            sqlx::Error::Io(io::Error::from(io::ErrorKind::ConnectionReset)),
            sqlx::Error::Protocol("unexpected end".to_owned()),
            sqlx::Error::WorkerCrashed,
        ] {
            assert!(!is_refusal(&failed(broken)));
        }
        assert!(!is_refusal(&DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::Timeout)));
    }
}
