//! Prepared plans that a change of a table's columns made useless: "cached plan must not change result type".
//!
//! Invariant: a connection that may hold such a plan is closed when it is next requested. PostgreSQL refuses a prepared
//! statement whose columns have changed, and the driver keeps the statement, so each connection from before the change
//! would fail for ever. Code that gets the error reports it here, and tries once more on a newer connection.
//!
//! Used by the hooks of the pool.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sea_orm::sqlx::postgres::PgDatabaseError;
use sea_orm::{DbErr, RuntimeErr};

/// Where PostgreSQL raises the error. Its code only says that something is not supported, and its text is translated.
const ROUTINE: &str = "RevalidateCachedQuery";

/// Since when plans are known to be stale, for all clones.
#[derive(Clone, Debug, Default)]
pub(super) struct StalePlans(Arc<Mutex<Option<Instant>>>);

impl StalePlans {
    /// Whether the error is caused by such a plan. From now on, connections from before are not used.
    pub(super) fn note(&self, error: &DbErr) -> bool {
        let is_stale = is_of_stale_plan(error);
        if is_stale {
            *self.0.lock().expect("no panic while the moment is set") = Some(Instant::now());
        }
        is_stale
    }

    /// Whether a connection of this age may hold such a plan.
    pub(super) fn may_be_in(&self, age: Duration) -> bool {
        let since = *self.0.lock().expect("no panic while the moment is set");
        since.is_some_and(|since| since.elapsed() <= age)
    }
}

fn is_of_stale_plan(error: &DbErr) -> bool {
    let (DbErr::Exec(cause) | DbErr::Query(cause) | DbErr::Conn(cause)) = error else { return false };
    let RuntimeErr::SqlxError(cause) = cause else { return false };
    let said = cause.as_database_error().and_then(|said| said.try_downcast_ref::<PgDatabaseError>());
    said.is_some_and(|said| said.routine() == Some(ROUTINE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_connections_from_before_the_error_are_given_up() {
        let plans = StalePlans::default();
        assert!(!plans.may_be_in(Duration::from_secs(3_600)));
        *plans.0.lock().unwrap() = Some(Instant::now());
        assert!(plans.may_be_in(Duration::from_secs(3_600)));
        assert!(!plans.may_be_in(Duration::ZERO));
    }

    #[test]
    fn other_errors_are_no_reason() {
        let plans = StalePlans::default();
        assert!(!plans.note(&DbErr::RecordNotFound("a row".to_owned())));
        assert!(!plans.may_be_in(Duration::from_secs(3_600)));
    }
}
