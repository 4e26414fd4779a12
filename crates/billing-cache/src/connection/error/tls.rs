//! Errors in TLS settings and files.

use std::path::PathBuf;

/// The settings or files of TLS cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// `redis.tls` is on, but the URL is one without TLS.
    #[error("redis.tls is on, and redis.url is an address without TLS")]
    UrlWithout,
    /// The URL has `#insecure`.
    #[error("redis.url ends in #insecure, and certificates are always checked")]
    Insecure,
    /// A file is set, but TLS is off.
    #[error("{key} is set, and the connection to Redis is one without TLS")]
    WithoutEffect {
        /// The name of the setting.
        key: &'static str,
    },
    /// A certificate is set without its key, or a key without its certificate.
    #[error("{key} is set without {missing}")]
    Alone {
        /// The setting that is present.
        key: &'static str,
        /// The setting that is missing.
        missing: &'static str,
    },
    /// A file cannot be read.
    #[error("cannot read {} ({key}): {source}", path.display())]
    Unreadable {
        /// The setting that names the file.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A file does not hold the expected PEM content.
    #[error("{} ({key}) holds no {content} in PEM", path.display())]
    NotPem {
        /// The setting that names the file.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What it should hold.
        content: &'static str,
    },
    /// The key belongs to another certificate, or is of an unsupported kind.
    #[error("the key {} (redis.tls_client_key_file) does not go with the certificate {}: {reason}", key.display(), certificate.display())]
    Mismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// The error of the library; never a part of the key.
        reason: String,
    },
}

impl TlsError {
    /// The next step.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::UrlWithout => "write rediss://… into REDIS_URL, or leave REDIS_TLS out",
            Self::Insecure => "leave #insecure out, and name the file of the server's authority in REDIS_TLS_CA",
            Self::WithoutEffect { .. } => "set REDIS_TLS=true or write rediss://… into REDIS_URL, or leave it out",
            Self::Alone { .. } => "REDIS_TLS_CLIENT_CERT and REDIS_TLS_CLIENT_KEY belong together",
            Self::Unreadable { .. } => "correct the path, or let the user of this process read the file",
            Self::NotPem { content, .. } if *content == KEY => {
                "it must be an unencrypted key that begins with -----BEGIN PRIVATE KEY----- or the like"
            }
            Self::NotPem { .. } => {
                "it must begin with -----BEGIN CERTIFICATE-----; of DER, `openssl x509 -inform der` makes PEM"
            }
            Self::Mismatch { .. } => {
                "name a certificate and its own key in REDIS_TLS_CLIENT_CERT and REDIS_TLS_CLIENT_KEY"
            }
        }
    }
}

/// The content of files of authorities and of certificates.
pub(crate) const CERTIFICATE: &str = "certificate";
/// The content of key files.
pub(crate) const KEY: &str = "private key";
