//! The time by the clock of the database.
//!
//! Used by the loader of active discounts and by `cache-admin doctor`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::{Database, DatabaseError};
use crate::time::{self, UtcTime};

impl Database {
    /// The time in UTC, by the clock of the server; on SQLite, by the clock of this machine.
    pub(crate) async fn now(&self) -> Result<UtcTime, DatabaseError> {
        let Some(passed) = self.clock().await? else { return Ok(time::now()) };
        let moment = passed.as_millis().try_into().ok().and_then(DateTime::<Utc>::from_timestamp_millis);
        let moment = moment.and_then(|moment| UtcTime::new(moment.naive_utc()).ok());
        moment.ok_or_else(|| DbErr::Type("the time of the database is none of the calendar".to_owned()).into())
    }

    /// The time since 1970 by the clock of the server; `None` on SQLite, which uses the clock of this machine.
    pub async fn clock(&self) -> Result<Option<Duration>, DatabaseError> {
        if self.backend() == DbBackend::Sqlite {
            return Ok(None);
        }
        let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
        let row = self.connection().query_one_raw(Statement::from_string(self.backend(), sql)).await?;
        let millis: i64 = row.ok_or_else(|| DbErr::RecordNotFound("the time".to_owned()))?.try_get_by_index(0)?;
        Ok(Some(Duration::from_millis(millis.unsigned_abs())))
    }
}
