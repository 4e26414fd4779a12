//! TLS to the server: whose certificates are believed, and who we say we are.
//!
//! Invariants: a certificate is always checked, name and all, and there is no setting against it; a private key is in
//! no message. [`certificates`] reads the files, [`look`] asks a server for its certificate.

mod certificates;
pub(crate) mod files;
pub(crate) mod look;
