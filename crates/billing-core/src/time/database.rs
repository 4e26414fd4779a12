//! The time by the clock of the database.
//!
//! Used by the loader of active discounts.

use billing_outbox::database::{Database, DatabaseError};
use chrono::{DateTime, Utc};
use sea_orm::DbErr;

use super::{UtcTime, now};

/// The time in UTC, by the clock of the server; on SQLite, by the clock of this machine.
pub(crate) async fn now_of(database: &Database) -> Result<UtcTime, DatabaseError> {
    let Some(passed) = database.clock().await? else { return Ok(now()) };
    let moment = passed.as_millis().try_into().ok().and_then(DateTime::<Utc>::from_timestamp_millis);
    let moment = moment.and_then(|moment| UtcTime::new(moment.naive_utc()).ok());
    moment.ok_or_else(|| DbErr::Type("the time of the database is none of the calendar".to_owned()).into())
}
