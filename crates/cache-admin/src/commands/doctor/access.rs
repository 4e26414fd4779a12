//! The rights of the database user, and whether the database can be written at all. Each is tried without changing
//! anything.

use billing_core::rights::{self, Rights};
use billing_outbox::database::{Database, DatabaseError};
use billing_outbox::outbox;
use cli_support::exit;
use sea_orm::DbBackend;

use crate::reports::doctor::{Finding, Subject};

const SUBJECT: Subject = Subject::Database;

pub(super) async fn rights(database: &Database) -> Finding {
    if database.backend() == DbBackend::Sqlite {
        return SUBJECT.ok("rights", "SQLite has no users; those of the file count");
    }
    match rights::missing_rights(database).await {
        Ok(found) => judge(&found),
        Err(error) => untried("rights", error),
    }
}

fn judge(Rights { user, missing, untold }: &Rights) -> Finding {
    let untold = untold.iter().map(|what| format!("could not be tried: {what}")).collect::<Vec<_>>().join("; ");
    if missing.is_empty() {
        return match untold.as_str() {
            "" => SUBJECT.ok("rights", format!("{user} may do all that services do")),
            _ => SUBJECT.not_checked("rights", untold, "correct what keeps it from being tried, and run this again"),
        };
    }
    let lacks: Vec<String> = missing.iter().map(ToString::to_string).collect();
    let grants: Vec<String> = missing.iter().map(|missing| missing.grant(user)).collect();
    let found = format!("services fail without rights that {user} lacks: {}", lacks.join("; "));
    let found = if untold.is_empty() { found } else { format!("{found}; {untold}") };
    SUBJECT.problem("rights", found, grants.join("; "))
}

pub(super) async fn writes(database: &Database) -> Finding {
    match outbox::try_to_write(database).await {
        Ok(()) => SUBJECT.ok("writes", "a write was begun, and taken back"),
        Err(error) if error.is_transient() => untried("writes", error),
        Err(error) => {
            let remedy = error.advice().unwrap_or("let this database user write");
            let found = format!("services cannot write: {}", exit::sentence(&anyhow::Error::new(error)));
            SUBJECT.problem("writes", found, remedy)
        }
    }
}

fn untried(check: &'static str, error: DatabaseError) -> Finding {
    let remedy = error.advice().unwrap_or("run cache-admin doctor again");
    SUBJECT.not_checked(check, exit::sentence(&anyhow::Error::new(error)), remedy)
}
