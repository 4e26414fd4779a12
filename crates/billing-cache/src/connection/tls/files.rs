//! The files for TLS connections, from the settings.
//!
//! Used by `address`.

use std::path::{Path, PathBuf};

use redis::ConnectionAddr;

use crate::connection::error::tls::TlsError;
use crate::declaration::settings::RedisSettings;

/// The name of [`RedisSettings::tls_ca_file`].
pub(super) const CA_FILE: &str = "redis.tls_ca_file";
/// The name of [`RedisSettings::tls_client_cert_file`].
pub(super) const CLIENT_CERT_FILE: &str = "redis.tls_client_cert_file";
/// The name of [`RedisSettings::tls_client_key_file`].
pub(super) const CLIENT_KEY_FILE: &str = "redis.tls_client_key_file";

/// The files for TLS connections.
#[derive(Clone, Debug)]
pub(crate) struct TlsFiles {
    /// The file of the only trusted authorities; `None` for the public ones.
    pub(super) ca: Option<PathBuf>,
    pub(super) client: Option<ClientFiles>,
}

/// The identity of this client.
#[derive(Clone, Debug)]
pub(super) struct ClientFiles {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl TlsFiles {
    /// The files in the settings, if the address uses TLS. Refuses settings that contradict the address or each other.
    pub(crate) fn of(settings: &RedisSettings, address: &ConnectionAddr) -> Result<Option<Self>, TlsError> {
        match address {
            ConnectionAddr::TcpTls { insecure: true, .. } => return Err(TlsError::Insecure),
            ConnectionAddr::TcpTls { .. } => {}
            _ if settings.tls => return Err(TlsError::UrlWithout),
            _ => {
                let files = [
                    (CA_FILE, &settings.tls_ca_file),
                    (CLIENT_CERT_FILE, &settings.tls_client_cert_file),
                    (CLIENT_KEY_FILE, &settings.tls_client_key_file),
                ];
                let set = files.into_iter().find_map(|(key, path)| given(path).map(|_| key));
                return set.map_or(Ok(None), |key| Err(TlsError::WithoutEffect { key }));
            }
        }
        let client = match (given(&settings.tls_client_cert_file), given(&settings.tls_client_key_file)) {
            (Some(certificate), Some(key)) => Some(ClientFiles { certificate, key }),
            (Some(_), None) => return Err(TlsError::Alone { key: CLIENT_CERT_FILE, missing: CLIENT_KEY_FILE }),
            (None, Some(_)) => return Err(TlsError::Alone { key: CLIENT_KEY_FILE, missing: CLIENT_CERT_FILE }),
            (None, None) => None,
        };
        Ok(Some(Self { ca: given(&settings.tls_ca_file), client }))
    }
}

/// The path, unless it is empty.
fn given(path: &Path) -> Option<PathBuf> {
    (!path.as_os_str().is_empty()).then(|| path.to_owned())
}
