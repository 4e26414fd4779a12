//! The test databases are empty, apart, and gone afterwards, also with connections still open.
#![allow(clippy::unwrap_used, reason = "a test helper fails the test as a test does")]

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use test_support::TestDatabase;

async fn connect(url: &str) -> DatabaseConnection {
    Database::connect(url).await.unwrap()
}

async fn exists(name: &str) -> bool {
    let server = connect(&std::env::var("BILLING_TEST_POSTGRES_URL").unwrap()).await;
    let sql = format!("SELECT 1 FROM pg_database WHERE datname = '{name}'");
    server.query_one_raw(Statement::from_string(server.get_database_backend(), sql)).await.unwrap().is_some()
}

fn name_of(database: &TestDatabase) -> String {
    database.url().split('?').next().unwrap().rsplit('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn an_sqlite_database_is_a_file_that_goes_away() {
    let database = TestDatabase::sqlite().unwrap();
    assert_eq!(database.backend_name(), "sqlite");
    let path = database.url().trim_start_matches("sqlite://").trim_end_matches("?mode=rwc").to_owned();
    let connection = connect(database.url()).await;
    connection.execute_unprepared("CREATE TABLE t (id integer)").await.unwrap();
    assert!(std::path::Path::new(&path).exists());
    drop(database);
    assert!(!std::path::Path::new(&path).exists());
}

#[tokio::test]
async fn a_postgres_database_is_empty_apart_and_dropped() {
    let (first, second) = tokio::join!(TestDatabase::postgres(), TestDatabase::postgres());
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.backend_name(), "postgres");
    for database in [&first, &second] {
        let connection = connect(database.url()).await;
        connection.execute_unprepared("CREATE TABLE t (id integer)").await.unwrap();
    }
    let (name_of_first, name_of_second) = (name_of(&first), name_of(&second));
    assert!(exists(&name_of_first).await);
    drop(first);
    assert!(!exists(&name_of_first).await);
    second.drop_database().await.unwrap();
    assert!(!exists(&name_of_second).await);
}

#[tokio::test]
async fn an_open_connection_does_not_keep_the_database() {
    let database = TestDatabase::postgres().await.unwrap();
    let name = name_of(&database);
    let connection = connect(database.url()).await;
    connection.execute_unprepared("SELECT 1").await.unwrap();
    database.drop_database().await.unwrap();
    assert!(!exists(&name).await);
}
