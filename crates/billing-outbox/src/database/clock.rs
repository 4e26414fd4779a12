//! The time by the clock of the database.
//!
//! Used by the loader of active discounts and by `cache-admin doctor`.

use std::time::Duration;

use chrono::{NaiveDateTime, SubsecRound, Utc};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::{Database, DatabaseError};

/// The time of this process, in UTC, as the columns of the outbox hold it.
pub(crate) fn now() -> NaiveDateTime {
    Utc::now().naive_utc().trunc_subsecs(6)
}

impl Database {
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
