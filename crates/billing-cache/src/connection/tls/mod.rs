//! TLS to the server: which certificates are trusted, and the client certificate.
//!
//! Invariants: a certificate is always checked, including its name, and no setting turns this off. No message contains
//! a private key. [`certificates`] reads the files, and [`look`] inspects the certificate of a server.

mod certificates;
pub(crate) mod files;
pub(crate) mod look;
