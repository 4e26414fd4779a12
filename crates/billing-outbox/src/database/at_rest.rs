//! Which connections of a pool may be used again: those without an open transaction.
//!
//! Invariant: no caller gets a connection that is inside another caller's transaction. There a write would be
//! acknowledged by RELEASE and never committed. When a disk is full, SQLite rolls back by itself. The ROLLBACK that the
//! driver then sends fails, and from then on the driver believes that the transaction is open: its next BEGIN is a
//! SAVEPOINT.
//!
//! Used by the hooks of both pools.

use sea_orm::sqlx::sqlite::SqliteConnection;
use sea_orm::sqlx::{self, Connection};

/// Whether neither the driver nor SQLite has an open transaction, once all queued work is done. A connection that is
/// not at rest is closed, which rolls back.
pub(super) async fn is_at_rest(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // Passes through the queue behind a rollback, as a ping does. The driver refuses it if it believes that a
    // transaction is open. Otherwise it runs the statement, which does nothing, and asks SQLite whether a transaction
    // is open.
    match connection.begin_with("").await {
        Err(sqlx::Error::BeginFailed) => Ok(true),
        Ok(_) | Err(sqlx::Error::InvalidSavePointStatement) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether the driver believes that no transaction is open; costs nothing.
pub(super) fn seems_at_rest(connection: &impl Connection) -> bool {
    !connection.is_in_transaction()
}

#[cfg(test)]
mod tests {
    use sea_orm::sqlx::Executor;

    use super::*;

    async fn connection() -> SqliteConnection {
        SqliteConnection::connect("sqlite::memory:").await.unwrap()
    }

    #[tokio::test]
    async fn a_fresh_connection_is_at_rest_however_often_it_is_asked() {
        let mut connection = connection().await;
        for _ in 0..3 {
            assert!(is_at_rest(&mut connection).await.unwrap());
            assert!(seems_at_rest(&connection));
        }
        connection.begin().await.unwrap().commit().await.unwrap();
        assert!(is_at_rest(&mut connection).await.unwrap());
    }

    #[tokio::test]
    async fn a_dropped_transaction_is_rolled_back_first() {
        let mut connection = connection().await;
        drop(connection.begin().await.unwrap());
        assert!(is_at_rest(&mut connection).await.unwrap());
    }

    #[tokio::test]
    async fn a_transaction_that_only_sqlite_knows_of_is_found() {
        let mut connection = connection().await;
        connection.execute("BEGIN").await.unwrap();
        assert!(seems_at_rest(&connection));
        assert!(!is_at_rest(&mut connection).await.unwrap());
    }

    #[tokio::test]
    async fn a_transaction_that_only_the_driver_knows_of_is_found() {
        let mut connection = connection().await;
        let mut transaction = connection.begin().await.unwrap();
        transaction.execute("ROLLBACK").await.unwrap();
        drop(transaction);
        assert!(!is_at_rest(&mut connection).await.unwrap());
        assert!(!seems_at_rest(&connection));
    }
}
