//! Whether the tables and their columns exist.
//!
//! Invariant: the check needs no right to change anything.
//!
//! Used by the migrations, and before a service starts.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement};

/// Whether an unqualified name finds a table, in any schema of PostgreSQL's search path.
pub async fn table_exists<C: ConnectionTrait>(connection: &C, table: &str) -> Result<bool, DbErr> {
    let backend = connection.get_database_backend();
    let sql = match backend {
        DbBackend::Sqlite => "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?",
        _ => "SELECT 1 WHERE to_regclass($1) IS NOT NULL",
    };
    let statement = Statement::from_sql_and_values(backend, sql, [table.into()]);
    Ok(connection.query_one_raw(statement).await?.is_some())
}

/// A column of a table.
#[derive(Clone, Debug)]
pub struct FoundColumn {
    name: String,
    /// Its type, as the database writes it.
    pub kind: String,
    backend: DbBackend,
}

impl FoundColumn {
    /// Whether this is its name; SQLite ignores the case.
    pub fn is_called(&self, name: &str) -> bool {
        match self.backend {
            DbBackend::Sqlite => self.name.eq_ignore_ascii_case(name),
            _ => self.name == name,
        }
    }
}

/// The columns of the table that an unqualified name finds; empty if it finds none.
pub async fn columns_of<C: ConnectionTrait>(connection: &C, table: &str) -> Result<Vec<FoundColumn>, DbErr> {
    let backend = connection.get_database_backend();
    let sql = match backend {
        // Joins sqlite_master, because otherwise the connection answers from its remembered schema.
        DbBackend::Sqlite => {
            "SELECT c.name, c.type FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name = ?"
        }
        _ => {
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute \
             WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped"
        }
    };
    let rows = connection.query_all_raw(Statement::from_sql_and_values(backend, sql, [table.into()])).await?;
    let column =
        |row: &QueryResult| Ok(FoundColumn { name: row.try_get_by_index(0)?, kind: row.try_get_by_index(1)?, backend });
    rows.iter().map(column).collect()
}

/// Whether a table has at least one row.
pub(crate) async fn has_rows<C: ConnectionTrait>(connection: &C, table: &'static str) -> Result<bool, DbErr> {
    let statement = Statement::from_string(connection.get_database_backend(), format!("SELECT 1 FROM {table} LIMIT 1"));
    Ok(connection.query_one_raw(statement).await?.is_some())
}
