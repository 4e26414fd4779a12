//! The identity of a database, whatever name it is reached by. Two services must agree on it before they share keys in
//! Redis.
//!
//! Used by the service when it starts, and by `cache-admin doctor`.

use std::path::Path;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::{Database, DatabaseError};

/// The server's installation and the database in it. A physical replica that is promoted keeps both.
const OF_POSTGRES: &str = "SELECT 'postgres:' || system_identifier || ':' || \
     (SELECT oid FROM pg_database WHERE datname = current_database()) FROM pg_control_system()";
const FILE_OF_SQLITE: &str = "SELECT file FROM pragma_database_list WHERE name = 'main'";

impl Database {
    /// A name that is unique to this database, and that does not show where it is: PostgreSQL's system identifier and
    /// the database's oid, or the device and inode of SQLite's file.
    ///
    /// # Errors
    /// The database does not answer, or its file cannot be examined.
    pub async fn identity(&self) -> Result<String, DatabaseError> {
        let is_sqlite = self.backend() == DbBackend::Sqlite;
        let sql = if is_sqlite { FILE_OF_SQLITE } else { OF_POSTGRES };
        let row = self.connection().query_one_raw(Statement::from_string(self.backend(), sql)).await?;
        let text: String =
            row.ok_or_else(|| DbErr::RecordNotFound("the database's own name".to_owned()))?.try_get_by_index(0)?;
        if is_sqlite {
            of_file(Path::new(&text)).map_err(|error| DbErr::Custom(error.to_string()).into())
        } else {
            Ok(text)
        }
    }
}

#[cfg(unix)]
fn of_file(file: &Path) -> std::io::Result<String> {
    use std::os::unix::fs::MetadataExt;
    let found = std::fs::metadata(file)?;
    Ok(format!("sqlite:{}:{}", found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn of_file(file: &Path) -> std::io::Result<String> {
    Ok(format!("sqlite:{}", std::fs::canonicalize(file)?.display()))
}
