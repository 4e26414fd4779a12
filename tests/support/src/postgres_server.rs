//! A PostgreSQL server for one test that speaks TLS. Tests without TLS use a database on the server of the test run.

use std::fs;

use anyhow::Result;
use test_servers::PostgresServer;

use crate::{Authority, ClientCertificates, Identity};

/// Starts a server that accepts only connections with TLS, with this identity.
///
/// # Errors
/// The same as for [`PostgresServer::start`].
pub fn postgres_with_tls(
    authority: &Authority,
    identity: &Identity,
    clients: ClientCertificates,
) -> Result<PostgresServer> {
    let demanded = if clients == ClientCertificates::Demanded { " clientcert=verify-ca" } else { "" };
    let files = [
        ("server.crt", fs::read(&identity.certificate)?),
        ("server.key", fs::read(&identity.key)?),
        ("root.crt", fs::read(authority.file())?),
        ("pg_hba.conf", format!("hostssl all all 127.0.0.1/32 trust{demanded}\n").into_bytes()),
    ];
    PostgresServer::start_with(&files, &["ssl=on", "ssl_ca_file=root.crt"])
}
