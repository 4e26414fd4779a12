//! Certificates for one test: an authority that no other program trusts, and the certificates it signs, as files.
//!
//! Invariant: all files are in one directory, which is removed with the value. Other users of the machine may read it,
//! because a server may run as one of them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use tempfile::TempDir;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// An authority; its certificates are removed when it is dropped.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    directory: TempDir,
}

/// A certificate and its key, as PEM files.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key (PKCS #8).
    pub key: PathBuf,
}

/// The period in which a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// From yesterday on, for a hundred days.
    Valid,
    /// For the hundred days until tomorrow.
    EndsTomorrow,
    /// For the hundred days until yesterday.
    Expired,
}

impl Authority {
    /// A new authority.
    ///
    /// # Errors
    /// There is no directory for temporary files.
    pub fn new() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("billing-authority-").tempdir()?;
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        params.distinguished_name.push(DnType::CommonName, "an authority of a test");
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let authority = Self { issuer: Issuer::new(params, key), directory };
        fs::write(authority.file(), certificate.pem()).context("write the certificate of the authority")?;
        Ok(authority)
    }

    /// The PEM file of the authority's certificate.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.path("authority.crt")
    }

    /// The identity of a server, for a DNS name or an address. It is also valid for a client, because nodes of a
    /// cluster connect to each other.
    ///
    /// # Errors
    /// The name is invalid, or the files cannot be written.
    pub fn server(&self, name: &str, lifetime: Lifetime) -> Result<Identity> {
        self.sign(name, lifetime, &[ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth])
    }

    /// The identity of a client.
    ///
    /// # Errors
    /// The same as for [`Authority::server`].
    pub fn client(&self, name: &str, lifetime: Lifetime) -> Result<Identity> {
        self.sign(name, lifetime, &[ExtendedKeyUsagePurpose::ClientAuth])
    }

    /// Another file in the same directory, for content that is not a certificate.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn other_file(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.path(name);
        fs::write(&path, content).with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }

    fn sign(&self, name: &str, lifetime: Lifetime, purposes: &[ExtendedKeyUsagePurpose]) -> Result<Identity> {
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = purposes.to_vec();
        params.use_authority_key_identifier_extension = true;
        let now = SystemTime::now();
        let end = match lifetime {
            Lifetime::Valid => now + 99 * DAY,
            Lifetime::EndsTomorrow => now + DAY,
            Lifetime::Expired => now - DAY,
        };
        (params.not_before, params.not_after) = ((end - 100 * DAY).into(), end.into());
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let number = fs::read_dir(self.directory.path())?.count();
        let path =
            |ending: &str| format!("{number}-{}.{ending}", name.replace(|letter: char| !letter.is_alphanumeric(), "_"));
        Ok(Identity {
            certificate: self.other_file(&path("crt"), &certificate.pem())?,
            key: self.other_file(&path("key"), &key.serialize_pem())?,
        })
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(name)
    }
}
