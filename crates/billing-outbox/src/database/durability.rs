//! Whether a commit is on disk when it is acknowledged.
//!
//! Used by `cache-admin doctor`.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::{Database, DatabaseError};

/// The PostgreSQL settings that decide this, each compared with the value that acknowledges too early.
const SETTINGS: &str = "SELECT current_setting('fsync') = 'off', current_setting('synchronous_commit') = 'off'";

impl Database {
    /// The settings that make the server acknowledge commits before they are on its disk, for this user and database.
    /// Empty on SQLite, where each of our connections syncs at a commit.
    pub async fn settings_that_lose_commits(&self) -> Result<Vec<&'static str>, DatabaseError> {
        if self.backend() == DbBackend::Sqlite {
            return Ok(Vec::new());
        }
        let row = self.connection().query_one_raw(Statement::from_string(self.backend(), SETTINGS)).await?;
        let row = row.ok_or_else(|| DbErr::RecordNotFound("the settings".to_owned()))?;
        let mut found = Vec::new();
        for (column, setting) in ["fsync", "synchronous_commit"].into_iter().enumerate() {
            if row.try_get_by_index(column)? {
                found.push(setting);
            }
        }
        Ok(found)
    }
}
