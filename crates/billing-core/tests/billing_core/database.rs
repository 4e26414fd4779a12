//! Connecting, failing to connect, and snapshots.

use std::error::Error;
use std::net::TcpListener;

use billing_core::migration::{check_schema, migrate};
use billing_core::settings::Settings;
use billing_outbox::database::{Database, DatabaseError, MissingFile};
use sea_orm::{ConnectionTrait, Statement};
use tempfile::TempDir;
use test_support::TestDatabase;

use crate::backends::{DECLARATIONS, execute, for_each_backend, for_each_migrated};

fn everything_said(error: &DatabaseError) -> String {
    let mut said = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(cause) = source {
        said += &format!(" {cause} {cause:?}");
        source = cause.source();
    }
    said
}

#[tokio::test]
async fn a_missing_sqlite_file_is_named_and_not_created() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("billing.db");
    let settings = Settings::database_at(format!("sqlite:///{}", path.display()));

    let error = Database::connect(&settings).await.unwrap_err();
    assert!(matches!(&error, DatabaseError::MissingFile { path: named } if named == &path), "{error}");
    assert!(error.is_unreachable());
    assert!(error.to_string().contains("cache-admin migrate"));
    assert!(!path.exists());

    let created = Database::open(&settings, MissingFile::Create).await.unwrap();
    migrate(&created, DECLARATIONS).await.unwrap();
    assert!(Database::connect(&settings).await.is_ok());
}

#[tokio::test]
async fn a_refused_login_says_where_and_not_the_password() {
    let owned = TestDatabase::postgres().await.unwrap();
    let (_, address) = owned.url().rsplit_once('@').unwrap();
    let settings = Settings::database_at(format!("postgres://nobody_of_that_name:hunter2@{address}"));
    let error = Database::connect(&settings).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Connect { .. }) && error.is_unreachable());
    let said = everything_said(&error);
    assert!(!said.contains("hunter2"), "{said}");
    assert!(said.contains(address.split('?').next().unwrap()), "{said}");
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_server_that_is_gone_or_silent_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut settings = Settings::database_at(format!("postgres://ann:hunter2@{address}/billing"));
    settings.connect_timeout_ms = 100;

    let silent = Database::connect(&settings).await.unwrap_err();
    assert!(matches!(silent, DatabaseError::ConnectTimeout { .. }), "{silent}");
    drop(listener);
    settings.connect_timeout_ms = 5_000;
    let gone = Database::connect(&settings).await.unwrap_err();
    assert!(matches!(gone, DatabaseError::Connect { .. }), "{gone}");
    for error in [silent, gone] {
        assert!(error.is_unreachable() && error.is_transient());
        assert!(error.to_string().contains(&address.to_string()));
        assert!(!everything_said(&error).contains("hunter2"));
    }
}

#[tokio::test]
async fn a_snapshot_does_not_see_what_is_written_meanwhile() {
    for_each_migrated(async |database| {
        let snapshot = database.snapshot().await.unwrap();
        let count = async || {
            let sql = Statement::from_string(database.backend(), "SELECT count(*) FROM users");
            let row = snapshot.query_one_raw(sql).await.unwrap().unwrap();
            row.try_get_by_index::<i64>(0).unwrap()
        };
        assert_eq!(count().await, 0);
        execute(database, "INSERT INTO users (username, email, hashed_password) VALUES ('ann', 'a@b', 'x')").await;
        assert_eq!(count().await, 0);
        snapshot.finish().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_database_without_tables_or_with_old_ones_says_what_to_run() {
    for_each_backend(async |database| {
        let error = check_schema(database).await.unwrap_err();
        assert!(matches!(error, DatabaseError::NoSchema { table: "invoices", .. }), "{error}");
        migrate(database, DECLARATIONS).await.unwrap();
        check_schema(database).await.unwrap();

        execute(database, "DELETE FROM billing_cache_migrations WHERE version = 'm0002_outbox'").await;
        let error = check_schema(database).await.unwrap_err();
        assert!(matches!(&error, DatabaseError::PendingMigrations { pending, .. } if pending == &["m0002_outbox"]));
        assert!(error.to_string().contains("cache-admin migrate"));
        migrate(database, DECLARATIONS).await.unwrap();
        check_schema(database).await.unwrap();
    })
    .await;
}
