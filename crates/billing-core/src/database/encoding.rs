//! In which encoding the database keeps texts.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::{Database, DatabaseError};

impl Database {
    /// Whether the server knows in which encoding texts are, and so takes none in another one. SQLite always takes any
    /// bytes, and gives them as they are.
    pub async fn has_encoding(&self) -> Result<bool, DatabaseError> {
        if self.backend() == DbBackend::Sqlite {
            return Ok(true);
        }
        let sql = "SELECT getdatabaseencoding()::text <> 'SQL_ASCII'";
        let row = self.connection().query_one_raw(Statement::from_string(self.backend(), sql)).await?;
        Ok(row.ok_or_else(|| DbErr::RecordNotFound("the encoding".to_owned()))?.try_get_by_index(0)?)
    }
}
