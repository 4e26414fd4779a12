//! TLS to PostgreSQL: `verify-full` speaks only to the server of the URL, and says so when it is another.

use billing_core::migration::migrate;
use billing_core::settings::Settings;
use billing_outbox::database::{Database, DatabaseError};
use sea_orm::{ConnectionTrait, Statement};
use test_support::{
    Authority, ClientCertificates, Identity, Lifetime, PostgresServer, TestDatabase, postgres_with_tls,
};

use crate::backends::DECLARATIONS;

const PATIENCE_MS: u64 = 30_000;

async fn connect(scheme: &str, server: &PostgresServer, parameters: &str) -> Result<Database, DatabaseError> {
    connect_to(&format!("{scheme}://postgres@127.0.0.1:{}/postgres?{parameters}", server.port())).await
}

async fn connect_to(url: &str) -> Result<Database, DatabaseError> {
    let mut settings = Settings::database_at(url);
    settings.connect_timeout_ms = PATIENCE_MS;
    Database::connect(&settings).await
}

/// The error as tools say it.
fn said(error: DatabaseError) -> String {
    assert!(error.is_unreachable(), "{error}");
    format!("{:#}", anyhow::Error::new(error))
}

fn files(authority: &Authority, client: Option<&Identity>) -> String {
    let client = client
        .map(|Identity { certificate, key }| format!("&sslcert={}&sslkey={}", certificate.display(), key.display()));
    format!("sslrootcert={}{}", authority.file().display(), client.unwrap_or_default())
}

#[tokio::test]
async fn verify_full_works_in_every_spelling() {
    let authority = Authority::new().unwrap();
    let identity = authority.server("127.0.0.1", Lifetime::Valid).unwrap();
    let server = postgres_with_tls(&authority, &identity, ClientCertificates::Ignored).unwrap();
    let ca = files(&authority, None);
    for (scheme, mode) in [
        ("postgres", "sslmode=verify-full"),
        ("postgresql+psycopg2", "sslmode=verify-full"),
        ("postgresql+asyncpg", "ssl=verify-full"),
        ("postgresql", "sslmode=require"),
    ] {
        let database = connect(scheme, &server, &format!("{mode}&{ca}")).await.unwrap();
        let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        let row = database.connection().query_one_raw(Statement::from_string(database.backend(), sql)).await.unwrap();
        assert!(row.unwrap().try_get_by_index::<bool>(0).unwrap(), "{scheme} {mode}");
        migrate(&database, DECLARATIONS).await.unwrap();
        database.close().await.unwrap();
    }
    assert!(connect("postgres", &server, "sslmode=disable").await.is_err(), "the server takes none without TLS");
}

#[tokio::test]
async fn a_server_that_is_not_who_it_should_be_is_not_spoken_to() {
    let (authority, another) = (Authority::new().unwrap(), Authority::new().unwrap());
    for (name, lifetime, mode, believed, expected) in [
        ("127.0.0.1", Lifetime::Valid, "verify-full", &another, "name the file of its authority by sslrootcert"),
        // As libpq has it; the driver alone would believe anybody.
        ("127.0.0.1", Lifetime::Valid, "require", &another, "name the file of its authority by sslrootcert"),
        ("db.example", Lifetime::Valid, "verify-full", &authority, "the host of DATABASE_URL must stand in it"),
        ("127.0.0.1", Lifetime::Expired, "verify-full", &authority, "has expired: renew it"),
    ] {
        let identity = authority.server(name, lifetime).unwrap();
        let server = postgres_with_tls(&authority, &identity, ClientCertificates::Ignored).unwrap();
        let parameters = format!("sslmode={mode}&{}", files(believed, None));
        let said = said(connect("postgres", &server, &parameters).await.unwrap_err());
        assert!(said.contains(expected) && said.contains(&server.port().to_string()), "{expected}: {said}");
        if name == "db.example" {
            let parameters = format!("sslmode=verify-ca&{}", files(believed, None));
            connect("postgres", &server, &parameters).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_server_without_tls_is_said_to_be_one() {
    let database = TestDatabase::postgres().await.unwrap();
    let (url, _) = database.url().split_once('?').unwrap_or((database.url(), ""));
    let said = said(connect_to(&format!("{url}?sslmode=verify-full")).await.unwrap_err());
    assert!(said.contains("check sslmode in DATABASE_URL, and whether `ssl` is on in the server"), "{said}");
}

#[tokio::test]
async fn a_server_that_demands_a_certificate_takes_only_one_of_its_authority() {
    let (authority, another) = (Authority::new().unwrap(), Authority::new().unwrap());
    let identity = authority.server("127.0.0.1", Lifetime::Valid).unwrap();
    let server = postgres_with_tls(&authority, &identity, ClientCertificates::Demanded).unwrap();
    let client = |authority: &Authority| authority.client("postgres", Lifetime::Valid).unwrap();
    let with = |client: Option<&Identity>| format!("sslmode=verify-full&{}", files(&authority, client));
    connect("postgres", &server, &with(Some(&client(&authority)))).await.unwrap();
    let none = said(connect("postgres", &server, &with(None)).await.unwrap_err());
    assert!(none.contains("client certificate"), "{none}");
    let wrong = said(connect("postgres", &server, &with(Some(&client(&another)))).await.unwrap_err());
    assert!(wrong.contains("sslcert"), "{wrong}");
}
