//! Inspects the certificate of a server, by a handshake that is used for nothing else.
//!
//! Used by the health check.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::files::TlsFiles;
use crate::connection::error::L2Error;

/// The TLS in use between this process and the server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TlsFacts {
    /// The file of the only trusted authorities; `None` for the public ones.
    pub ca: Option<PathBuf>,
    /// The certificate of the server.
    pub server: Validity,
    /// The client certificate, if there is one.
    pub client: Option<Validity>,
}

/// The validity of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From its beginning to its end.
    pub whole: Duration,
    /// From now to its end; zero if that has passed.
    pub left: Duration,
}

/// Inspects the server `host`:`port` once.
pub(crate) async fn look(files: &TlsFiles, host: &str, port: u16) -> Result<TlsFacts, L2Error> {
    let certificates = files.read()?;
    let name = ServerName::try_from(host.to_owned()).map_err(|_| unexpected())?;
    let socket = TcpStream::connect((host, port)).await.map_err(redis::RedisError::from)?;
    let connected = TlsConnector::from(Arc::new(certificates.config)).connect(name, socket).await;
    let connected = connected.map_err(redis::RedisError::from)?;
    let shown = connected.get_ref().1.peer_certificates().and_then(<[_]>::first);
    Ok(TlsFacts {
        ca: files.ca.clone(),
        server: shown.and_then(validity).ok_or_else(unexpected)?,
        client: certificates.client.as_ref().and_then(validity),
    })
}

fn unexpected() -> L2Error {
    L2Error::Unexpected { command: "a TLS handshake" }
}

fn validity(certificate: &CertificateDer<'_>) -> Option<Validity> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let validity = certificate.tbs_certificate().validity();
    let (from, to) = (validity.not_before.to_system_time(), validity.not_after.to_system_time());
    let until = |from| to.duration_since(from).unwrap_or_default();
    Some(Validity { whole: until(from), left: until(SystemTime::now()) })
}
