//! Reads the TLS files, in the form that redis-rs needs and the form that the separate handshake needs.
//!
//! Used by `address` for connections, and by `look`.

use std::path::Path;
use std::sync::Arc;

use redis::{ClientTlsConfig, TlsCertificates};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::files::{CA_FILE, CLIENT_CERT_FILE, CLIENT_KEY_FILE, ClientFiles, TlsFiles};
use crate::bounded_file::{LARGEST_FILE, read_file};
use crate::connection::error::tls::{CERTIFICATE, KEY, TlsError};

/// The content of the files, checked as far as possible without a server.
pub(crate) struct Certificates {
    /// For redis-rs.
    pub(crate) pem: TlsCertificates,
    /// For separate handshakes.
    pub(crate) config: ClientConfig,
    /// The client certificate.
    pub(crate) client: Option<CertificateDer<'static>>,
}

impl TlsFiles {
    /// Reads and checks the files.
    pub(crate) fn read(&self) -> Result<Certificates, TlsError> {
        let ca = self.ca.as_deref().map(|path| read(CA_FILE, path)).transpose()?;
        let roots = match (&ca, &self.ca) {
            (Some(pem), Some(path)) => own_roots(pem, path)?,
            _ => webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(),
        };
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the provider speaks the default versions")
            .with_root_certificates(roots);
        let Some(files) = &self.client else {
            let pem = TlsCertificates { client_tls: None, root_cert: ca };
            return Ok(Certificates { pem, config: config.with_no_client_auth(), client: None });
        };
        let client_cert = read(CLIENT_CERT_FILE, &files.certificate)?;
        let client_key = read(CLIENT_KEY_FILE, &files.key)?;
        let chain = certificates(&client_cert, CLIENT_CERT_FILE, &files.certificate)?;
        let client = chain.first().cloned();
        let config = config.with_client_auth_cert(chain, private_key(&client_key, files)?);
        let config = config.map_err(|error| TlsError::Mismatch {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
            reason: error.to_string(),
        })?;
        let client_tls = Some(ClientTlsConfig { client_cert, client_key });
        Ok(Certificates { pem: TlsCertificates { client_tls, root_cert: ca }, config, client })
    }
}

/// The crypto provider of the process. A provider that the application has chosen stays. redis-rs uses it too, and
/// panics if there is none and several are possible.
fn provider() -> Arc<CryptoProvider> {
    if CryptoProvider::get_default().is_none() {
        // An error means that another thread was faster.
        let _ = ring::default_provider().install_default();
    }
    CryptoProvider::get_default().cloned().unwrap_or_else(|| Arc::new(ring::default_provider()))
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    read_file(path, LARGEST_FILE).map_err(|source| TlsError::Unreadable { key, path: path.to_owned(), source })
}

fn own_roots(pem: &[u8], path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, CA_FILE, path)? {
        roots.add(certificate).map_err(|_| not_pem(CA_FILE, path, CERTIFICATE))?;
    }
    Ok(roots)
}

/// The certificates in a file; at least one.
fn certificates(pem: &[u8], key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    read.ok().filter(|found| !found.is_empty()).ok_or_else(|| not_pem(key, path, CERTIFICATE))
}

fn private_key(pem: &[u8], files: &ClientFiles) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| not_pem(CLIENT_KEY_FILE, &files.key, KEY))
}

fn not_pem(key: &'static str, path: &Path, content: &'static str) -> TlsError {
    TlsError::NotPem { key, path: path.to_owned(), content }
}
