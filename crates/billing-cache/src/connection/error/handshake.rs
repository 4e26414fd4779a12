//! The advice after a failed TLS handshake.
//!
//! The error of the TLS library stays the cause; only the next step is added. The kind of the error decides, not its
//! text.
//!
//! Used by the advice of `error`.

use std::error::Error;
use std::io;
use std::sync::Arc;

use redis::RedisError;
use rustls::{AlertDescription, CertificateError, Error as TlsFault};

/// The next step, if TLS failed.
pub(super) fn advice(error: &RedisError) -> Option<&'static str> {
    fault(error).map(of_fault)
}

/// The error of the TLS library inside the errors of redis-rs, which shares it, and of the I/O during which it
/// occurred.
fn fault(error: &RedisError) -> Option<&TlsFault> {
    let inner = error.source()?.downcast_ref::<Arc<dyn Error + Send + Sync>>()?;
    let of_input = || inner.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref::<TlsFault>();
    inner.downcast_ref::<TlsFault>().or_else(of_input)
}

fn of_fault(fault: &TlsFault) -> &'static str {
    match fault {
        TlsFault::InvalidCertificate(fault) => of_certificate(fault),
        TlsFault::AlertReceived(alert) => of_alert(*alert),
        TlsFault::InvalidMessage(_) => {
            "the server does not speak TLS on this port: correct REDIS_PORT, or write redis:// and leave REDIS_TLS out"
        }
        TlsFault::PeerIncompatible(_) => "the server speaks neither TLS 1.2 nor TLS 1.3 in a way we do: update it",
        _ => "TLS failed: see the log of the server",
    }
}

fn of_certificate(fault: &CertificateError) -> &'static str {
    match fault {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "no authority that is believed has signed the server's certificate: name the file of its authority in REDIS_TLS_CA"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired: renew it, or correct the clock of this machine"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet: correct the clock of this machine"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the server's certificate is one for another name: set REDIS_HOST to a name that is in it"
        }
        CertificateError::Revoked => "the server's certificate is revoked: give the server another one",
        _ => "give the server a certificate for servers that its authority has signed, and name that in REDIS_TLS_CA",
    }
}

fn of_alert(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::CertificateRequired => {
            "the server demands a certificate: set REDIS_TLS_CLIENT_CERT and REDIS_TLS_CLIENT_KEY"
        }
        AlertDescription::CertificateExpired => "our certificate has expired: renew the files of REDIS_TLS_CLIENT_CERT",
        AlertDescription::UnknownCA | AlertDescription::BadCertificate | AlertDescription::DecryptError => {
            "the server does not believe our certificate: have the file of REDIS_TLS_CLIENT_CERT signed by its authority"
        }
        // TLS 1.2 has no separate alert for a missing certificate.
        AlertDescription::HandshakeFailure => {
            "the server refuses us: it may demand a certificate (REDIS_TLS_CLIENT_CERT), or know no cipher that we do"
        }
        _ => "the server broke off the handshake: see its log",
    }
}
