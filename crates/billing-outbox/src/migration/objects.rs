//! Required tables, columns and indexes, and which of them are missing.
//!
//! Invariant: what exists is left alone and not locked, so that a second run costs a few queries.
//!
//! Used by the migrations, also for what was dropped since.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use crate::database::{columns_of, table_exists};

/// A required table, column or index.
#[derive(Clone, Debug)]
pub struct Object {
    kind: Kind,
    /// For a column, as `table.column`.
    name: String,
    /// The statement that creates it.
    sql: String,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Table,
    Column(&'static str, &'static str),
    Index,
}

impl Object {
    /// A table, and the statement that creates it.
    #[must_use]
    pub fn table(name: &str, sql: String) -> Self {
        Self { kind: Kind::Table, name: name.to_owned(), sql }
    }

    /// A column of this type.
    #[must_use]
    pub fn column(table: &'static str, column: &'static str, kind: &str) -> Self {
        let sql = format!("ALTER TABLE {table} ADD COLUMN {column} {kind}");
        Self { kind: Kind::Column(table, column), name: format!("{table}.{column}"), sql }
    }

    /// An index, and the statement that creates it.
    #[must_use]
    pub fn index(name: &str, sql: String) -> Self {
        Self { kind: Kind::Index, name: name.to_owned(), sql }
    }

    fn describe(&self) -> String {
        let kind = match self.kind {
            Kind::Table => "table",
            Kind::Column(..) => "column",
            Kind::Index => "index",
        };
        format!("{kind} {}", self.name)
    }

    async fn exists<C: ConnectionTrait>(&self, connection: &C) -> Result<bool, DbErr> {
        match self.kind {
            Kind::Table => table_exists(connection, &self.name).await,
            Kind::Column(table, column) => {
                let columns = columns_of(connection, table).await?;
                Ok(columns.iter().any(|found| found.is_called(column)))
            }
            Kind::Index => index_exists(connection, &self.name).await,
        }
    }
}

/// Creates the missing ones, in their order. Returns their names.
pub async fn make_missing<C: ConnectionTrait>(connection: &C, objects: &[Object]) -> Result<Vec<String>, DbErr> {
    let mut made = Vec::new();
    for object in objects {
        if !object.exists(connection).await? {
            connection.execute_unprepared(&object.sql).await?;
            made.push(object.describe());
        }
    }
    Ok(made)
}

async fn index_exists<C: ConnectionTrait>(connection: &C, name: &str) -> Result<bool, DbErr> {
    let backend = connection.get_database_backend();
    let sql = match backend {
        DbBackend::Sqlite => "SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ?",
        _ => "SELECT 1 WHERE to_regclass($1) IS NOT NULL",
    };
    Ok(connection.query_one_raw(Statement::from_sql_and_values(backend, sql, [name.into()])).await?.is_some())
}
