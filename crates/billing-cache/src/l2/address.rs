//! Where the server is and how it is spoken to, as the settings have it.
//!
//! Invariants: what contradicts itself is refused before anything is dialled, so that nobody who asked for TLS is served
//! without; the files of TLS are read again for every connection, so that renewed certificates need no restart.

use redis::io::tcp::TcpSettings;
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};
use secrecy::ExposeSecret;

use super::error::L2Error;
use super::tls::{TlsError, TlsFiles};
use crate::settings::RedisSettings;

/// See the module.
pub(crate) struct Address {
    info: ConnectionInfo,
    tls: Option<TlsFiles>,
}

impl Address {
    /// The address that the settings make, with the files of TLS tried.
    pub(crate) fn of(settings: &RedisSettings) -> Result<Self, L2Error> {
        let info = connection_info(settings)?.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let tls = TlsFiles::of(settings, info.addr())?;
        if let Some(files) = &tls {
            files.read()?;
        }
        Ok(Self { info, tls })
    }

    /// Host, port and database number, for people.
    pub(crate) fn describe(&self) -> String {
        let tls = if self.tls.is_some() { " with TLS" } else { "" };
        format!("{}{tls}, database {}", self.info.addr(), self.info.redis_settings().db())
    }

    /// What a connection is made with now. Reads small files.
    pub(crate) fn connection_info(&self) -> Result<ConnectionInfo, TlsError> {
        let Some(files) = &self.tls else { return Ok(self.info.clone()) };
        let client = Client::build_with_tls(self.info.clone(), files.read()?.pem);
        Ok(client.expect("the certificates were read and the address is one of TLS").get_connection_info().clone())
    }

    /// The files of TLS and what is checked with them: name of the server and port. None without TLS.
    pub(crate) fn tls(&self) -> Option<(&TlsFiles, &str, u16)> {
        match (self.tls.as_ref(), self.info.addr()) {
            (Some(files), ConnectionAddr::TcpTls { host, port, .. }) => Some((files, host, *port)),
            _ => None,
        }
    }
}

fn connection_info(settings: &RedisSettings) -> Result<ConnectionInfo, L2Error> {
    if settings.has_url() {
        return Ok(settings.url.expose_secret().into_connection_info()?);
    }
    let mut redis = RedisConnectionInfo::default().set_db(i64::from(settings.db));
    if !settings.username.is_empty() {
        redis = redis.set_username(&settings.username);
    }
    if !settings.password.expose_secret().is_empty() {
        redis = redis.set_password(settings.password.expose_secret());
    }
    let (host, port) = (settings.host.clone(), settings.port);
    let address = match settings.tls {
        true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        false => ConnectionAddr::Tcp(host, port),
    };
    Ok(address.into_connection_info()?.set_redis_settings(redis))
}
