//! The encoding in which the database stores texts.
//!
//! Used by `cache-admin doctor`.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::{Database, DatabaseError};

impl Database {
    /// Whether the server knows the encoding of its texts, and so refuses texts in another one. SQLite accepts any
    /// bytes and returns them unchanged.
    pub async fn has_encoding(&self) -> Result<bool, DatabaseError> {
        if self.backend() == DbBackend::Sqlite {
            return Ok(true);
        }
        let sql = "SELECT getdatabaseencoding()::text <> 'SQL_ASCII'";
        let row = self.connection().query_one_raw(Statement::from_string(self.backend(), sql)).await?;
        Ok(row.ok_or_else(|| DbErr::RecordNotFound("the encoding".to_owned()))?.try_get_by_index(0)?)
    }
}
