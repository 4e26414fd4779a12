//! Another program's SQL on the platform's tables: plain statements, as SQLAlchemy would send them.

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, Statement, TransactionTrait};

/// Runs the statements in one transaction.
#[expect(clippy::disallowed_methods, reason = "another program begins as it likes")]
pub(crate) async fn execute(url: &str, statements: &[&str]) -> Result<(), DbErr> {
    let connection = connect(url).await?;
    let transaction = connection.begin().await?;
    for statement in statements {
        transaction.execute_unprepared(statement).await?;
    }
    transaction.commit().await?;
    connection.close().await
}

/// The rows of a query whose columns are all text.
pub(crate) async fn rows(url: &str, query: &str) -> Result<Vec<Vec<Option<String>>>, DbErr> {
    let connection = connect(url).await?;
    let found = connection.query_all_raw(Statement::from_string(connection.get_database_backend(), query)).await?;
    let rows =
        found.iter().map(|row| (0..row.column_names().len()).map(|column| row.try_get_by_index(column)).collect());
    let rows: Result<_, _> = rows.collect();
    connection.close().await?;
    rows
}

async fn connect(url: &str) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options).await
}
