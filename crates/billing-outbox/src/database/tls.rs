//! TLS to PostgreSQL: the parameters of the URL, and the meaning of a failed handshake.
//!
//! Invariant: a check that the URL asks for is made, or the URL is refused. The driver ignores parameters that it does
//! not know. For `require` with a file of authorities it makes no check, although libpq makes one.
//!
//! Used by the parent.

use std::env::VarError;
use std::path::Path;

use billing_cache::bounded_file::{LARGEST_FILE, read_file};
use form_urlencoded::{Serializer, parse};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CertificateError, Error as TlsFault};
use sea_orm::sqlx;

const MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// Parameters of libpq that make a connection safer, and that neither the driver nor this code supports.
const UNHEEDED: [&str; 8] = [
    "channel_binding",
    "require_auth",
    "requirepeer",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcrl",
    "sslcrldir",
    "sslpassword",
];

/// Variables of libpq that the driver reads by itself, and the parameters that they stand for.
const VARIABLES: [(&str, &str); 4] =
    [("PGSSLMODE", "sslmode"), ("PGSSLROOTCERT", "sslrootcert"), ("PGSSLCERT", "sslcert"), ("PGSSLKEY", "sslkey")];

/// The parameters of a URL in the driver's form, with those that only an environment variable sets. The files that they
/// name are tried. The error says what is wrong.
pub(super) fn parameters(
    query: &str,
    variable: impl Fn(&str) -> Result<Option<String>, String>,
) -> Result<String, String> {
    let mut parameters: Vec<(String, String)> =
        parse(query.as_bytes()).map(|(name, value)| (as_libpq(&name).to_owned(), value.into_owned())).collect();
    let in_url = parameters.len();
    for (variable_name, name) in VARIABLES {
        let is_in_url = parameters[..in_url].iter().any(|(written, _)| written == name);
        if let Some(value) = variable(variable_name)?.filter(|value| !is_in_url && !value.is_empty()) {
            parameters.push((name.to_owned(), value));
        }
    }
    check_together(&parameters)?;
    for (index, (name, value)) in parameters.iter().enumerate() {
        check(name, value).map_err(|reason| if index < in_url { reason } else { of_variable(name, &reason) })?;
    }
    if has(&parameters, "sslrootcert") {
        for (_, mode) in parameters.iter_mut().filter(|(name, mode)| name == "sslmode" && mode == "require") {
            "verify-ca".clone_into(mode);
        }
    }
    Ok(Serializer::new(String::new()).extend_pairs(parameters).finish())
}

/// An environment variable; it may be set and not be a text.
pub(super) fn of_environment(name: &str) -> Result<Option<String>, String> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("{name} is not UTF-8")),
    }
}

fn has(parameters: &[(String, String)], wanted: &str) -> bool {
    parameters.iter().any(|(name, _)| name == wanted)
}

fn check_together(parameters: &[(String, String)]) -> Result<(), String> {
    if has(parameters, "sslcert") != has(parameters, "sslkey") {
        return Err("sslcert and sslkey belong together".to_owned());
    }
    if has(parameters, "sslrootcert") && !has(parameters, "sslmode") {
        return Err("sslrootcert alone checks nothing; add sslmode=verify-full".to_owned());
    }
    Ok(())
}

fn of_variable(name: &str, reason: &str) -> String {
    let variable = VARIABLES.iter().find(|(_, parameter)| *parameter == name).map_or(name, |(variable, _)| variable);
    format!("{variable} is not right: {reason}")
}

/// Other spellings: those of SQLAlchemy with asyncpg (`ssl`), and those of the driver.
fn as_libpq(name: &str) -> &str {
    match name {
        "ssl" | "ssl-mode" => "sslmode",
        "ssl-root-cert" | "ssl-ca" => "sslrootcert",
        "ssl-cert" => "sslcert",
        "ssl-key" => "sslkey",
        name => name,
    }
}

fn check(name: &str, value: &str) -> Result<(), String> {
    match name {
        "sslmode" if !MODES.contains(&value) => Err(format!("sslmode must be one of {}", MODES.join(", "))),
        "sslrootcert" | "sslcert" => {
            let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(name, value)?).collect();
            let holds = read.is_ok_and(|certificates| !certificates.is_empty());
            holds.then_some(()).ok_or_else(|| format!("{value} ({name}) holds no certificate in PEM"))
        }
        "sslkey" => {
            let read = PrivateKeyDer::from_pem_slice(&read(name, value)?);
            read.map(drop).map_err(|_| format!("{value} ({name}) holds no unencrypted private key in PEM"))
        }
        name if UNHEEDED.contains(&name) => Err(format!("{name} would not be heeded; leave it out")),
        _ => Ok(()),
    }
}

fn read(name: &str, path: &str) -> Result<Vec<u8>, String> {
    read_file(Path::new(path), LARGEST_FILE).map_err(|error| format!("cannot read {path} ({name}): {error}"))
}

/// The next step after TLS prevented a connection.
pub(super) fn advice(error: &sqlx::Error) -> Option<&'static str> {
    Some(match (fault(error), error) {
        (Some(TlsFault::InvalidCertificate(fault)), _) => of_certificate(fault),
        (Some(TlsFault::AlertReceived(_)), _) => {
            "the server does not take our certificate: check sslcert and sslkey in DATABASE_URL, and see its log"
        }
        (Some(_), _) => "TLS failed: see the log of the server",
        (None, sqlx::Error::Tls(_)) => "check sslmode in DATABASE_URL, and whether `ssl` is on in the server",
        (None, _) => return None,
    })
}

fn fault(error: &sqlx::Error) -> Option<&TlsFault> {
    match error {
        sqlx::Error::Io(error) => error.get_ref()?.downcast_ref(),
        sqlx::Error::Tls(error) => error.downcast_ref(),
        _ => None,
    }
}

fn of_certificate(fault: &CertificateError) -> &'static str {
    match fault {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "no authority that is believed has signed the server's certificate: name the file of its authority by \
             sslrootcert in DATABASE_URL"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired: renew it, or correct the clock of this machine"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet: correct the clock of this machine"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the server's certificate is one for another name: the host of DATABASE_URL must stand in it"
        }
        _ => "give the server a certificate for servers that its authority has signed, and name that by sslrootcert",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_spellings_mean_the_same_and_the_rest_is_kept() {
        for (query, expected) in [
            ("", ""),
            ("ssl=verify-full&application_name=a%20b", "sslmode=verify-full&application_name=a+b"),
            ("ssl-mode=require", "sslmode=require"),
        ] {
            assert_eq!(parameters(query, |_| Ok(None)).as_deref(), Ok(expected), "{query}");
        }
    }

    #[test]
    fn variables_that_the_driver_reads_are_checked_like_parameters_and_give_way_to_them() {
        let authority = test_support::Authority::new().unwrap();
        let file = authority.file().display().to_string();
        let encoded = Serializer::new(String::new()).append_pair("sslrootcert", &file).finish();
        for (query, variables, expected) in [
            ("", &[("PGSSLMODE", "require")][..], Ok("sslmode=require".to_owned())),
            ("", &[("PGSSLMODE", "require"), ("PGSSLROOTCERT", &file)], Ok(format!("sslmode=verify-ca&{encoded}"))),
            ("ssl=require", &[("PGSSLROOTCERT", &file)], Ok(format!("sslmode=verify-ca&{encoded}"))),
            ("ssl=verify-full", &[("PGSSLMODE", "disable")], Ok("sslmode=verify-full".to_owned())),
            ("", &[("PGSSLMODE", "verify_full")], Err("PGSSLMODE is not right: sslmode must be one of")),
            (
                "sslmode=verify-full",
                &[("PGSSLROOTCERT", "/nowhere/ca.crt")],
                Err("PGSSLROOTCERT is not right: cannot read /nowhere/ca.crt"),
            ),
            ("", &[("PGSSLROOTCERT", &file)], Err("sslrootcert alone checks nothing; add sslmode=verify-full")),
            ("", &[("PGSSLCERT", &file)], Err("sslcert and sslkey belong together")),
        ] {
            let variable = |wanted: &str| {
                Ok(variables.iter().find(|(name, _)| *name == wanted).map(|&(_, value)| value.to_owned()))
            };
            match (parameters(query, variable), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{query} {variables:?}"),
                (Err(found), Err(expected)) => assert!(found.starts_with(expected), "{query} {variables:?}: {found}"),
                (found, expected) => panic!("{query} {variables:?}: {found:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn what_would_not_be_heeded_is_refused() {
        for (query, expected) in [
            ("sslmode=verify_full", "sslmode must be one of"),
            ("ssl=true", "sslmode must be one of"),
            ("sslcrl=/etc/crl.pem", "sslcrl would not be heeded"),
            ("sslkey=/dev/null", "sslcert and sslkey belong together"),
            ("sslmode=require&sslrootcert=/dev/null", "(sslrootcert) holds no certificate"),
            ("ssl=verify-ca&sslrootcert=/nowhere/ca.crt", "cannot read /nowhere/ca.crt (sslrootcert): No such file"),
            ("sslmode=require&sslrootcert=/dev/zero", "cannot read /dev/zero (sslrootcert): it is larger than 1 MiB"),
            ("sslrootcert=/dev/null", "add sslmode=verify-full"),
            ("ssl-ca=/dev/null", "add sslmode=verify-full"),
        ] {
            let refused = parameters(query, |_| Ok(None)).unwrap_err();
            assert!(refused.contains(expected), "{query}: {refused}");
        }
    }
}
