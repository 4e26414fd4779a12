//! The address of the server, and how to connect to it, from the settings.
//!
//! Invariants: contradictory settings are refused before the first connection attempt, so that a user who asked for TLS
//! is never served without it. The sentinels are asked and the TLS files are read again for every connection attempt,
//! so that failovers and renewed certificates need no restart.
//!
//! Used by `link`, and by `shards` for the nodes of a cluster.

use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::{Client, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo, RedisConnectionInfo, RedisError};
use secrecy::ExposeSecret;

use super::error::L2Error;
use super::sentinel::{SentinelFacts, Sentinels};
use super::tls;
use super::tls::files::TlsFiles;
use super::tls::look::TlsFacts;
use crate::declaration::settings::RedisSettings;

/// An address; see the module.
pub(crate) struct Address {
    place: Place,
    redis: RedisConnectionInfo,
    tls: Option<TlsFiles>,
    /// Limit of a connection attempt. Half of it is the limit for the answers of the sentinels.
    limit: Duration,
}

enum Place {
    Server(ConnectionAddr),
    /// A node of a cluster.
    Node(ConnectionAddr),
    Sentinels(Sentinels),
}

impl Address {
    /// The address in the settings. Reads the TLS files once, to check them.
    pub(crate) fn of(settings: &RedisSettings) -> Result<Self, L2Error> {
        let sentinels = Sentinels::of(settings)?;
        let info = connection_info(settings)?;
        let tls = TlsFiles::of(settings, info.addr())?;
        if let Some(files) = &tls {
            files.read()?;
        }
        let redis = info.redis_settings().clone();
        let place = sentinels.map_or_else(|| Place::Server(info.addr().clone()), Place::Sentinels);
        Ok(Self { place, redis, tls, limit: settings.connect_timeout() })
    }

    /// The same login and TLS, for a node of a cluster.
    pub(crate) fn at(&self, host: &str, port: u16) -> Self {
        let place = Place::Node(self.address(host, port));
        Self { place, redis: self.redis.clone(), tls: self.tls.clone(), limit: self.limit }
    }

    /// For people: host and port or the sentinels, and the database number. A node is shown without a number, because a
    /// cluster has one database only.
    pub(crate) fn describe(&self) -> String {
        let place = match &self.place {
            Place::Node(address) => return address.to_string(),
            Place::Server(address) => address.to_string(),
            Place::Sentinels(sentinels) => sentinels.describe(),
        };
        let tls = if self.has_tls() { " with TLS" } else { "" };
        format!("{place}{tls}, database {}", self.redis.db())
    }

    /// Whether connections use TLS.
    pub(crate) fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// How to connect to the current server. Asks the sentinels and reads small files.
    pub(crate) async fn connection_info(&self) -> Result<ConnectionInfo, L2Error> {
        self.connection_info_of(self.server().await?)
    }

    /// How to connect to this server. Reads small files.
    pub(crate) fn connection_info_of(&self, server: ConnectionAddr) -> Result<ConnectionInfo, L2Error> {
        Ok(self.to(server)?.set_redis_settings(self.redis.clone()))
    }

    /// The current server. Asks the sentinels, and refuses a server if they have named its successor before.
    pub(crate) async fn server(&self) -> Result<ConnectionAddr, L2Error> {
        match &self.place {
            Place::Server(address) | Place::Node(address) => Ok(address.clone()),
            Place::Sentinels(sentinels) => {
                let (host, port) = sentinels.primary(self.ways(sentinels)?, self.limit / 2).await?;
                Ok(self.address(&host, port))
            }
        }
    }

    /// Whether it is a node of a cluster.
    pub(crate) fn is_node(&self) -> bool {
        matches!(self.place, Place::Node(_))
    }

    /// Whether the server may change.
    pub(crate) fn may_move(&self) -> bool {
        matches!(self.place, Place::Sentinels(_))
    }

    /// What the sentinels report; `None` without sentinels.
    pub(crate) async fn sentinels(&self) -> Result<Option<SentinelFacts>, L2Error> {
        let Place::Sentinels(sentinels) = &self.place else { return Ok(None) };
        Ok(Some(sentinels.facts(self.ways(sentinels)?, self.limit / 2).await?))
    }

    /// The TLS in use, found by a separate handshake; `None` without TLS.
    pub(crate) async fn look_at_tls(&self) -> Result<Option<TlsFacts>, L2Error> {
        match (&self.tls, self.server().await?) {
            (Some(files), ConnectionAddr::TcpTls { host, port, .. }) => {
                Ok(Some(tls::look::look(files, &host, port).await?))
            }
            _ => Ok(None),
        }
    }

    fn address(&self, host: &str, port: u16) -> ConnectionAddr {
        address(self.has_tls(), host, port)
    }

    /// How to connect to each sentinel.
    fn ways(&self, sentinels: &Sentinels) -> Result<Vec<ConnectionInfo>, L2Error> {
        sentinels.addresses.iter().map(|(host, port)| self.to(self.address(host, *port))).collect()
    }

    /// How to connect to an address, without a login.
    fn to(&self, address: ConnectionAddr) -> Result<ConnectionInfo, L2Error> {
        let info = address.into_connection_info()?.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let Some(files) = &self.tls else { return Ok(info) };
        let client = Client::build_with_tls(info, files.read()?.pem);
        Ok(client.expect("the certificates were read and the address is one of TLS").get_connection_info().clone())
    }
}

fn address(has_tls: bool, host: &str, port: u16) -> ConnectionAddr {
    let host = host.to_owned();
    if has_tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    }
}

/// A Unix socket has no login before its path: the client takes it for a part of the path, which everybody may see.
fn of_url(url: &str) -> Result<ConnectionInfo, L2Error> {
    let info = url.into_connection_info()?;
    match info.addr() {
        ConnectionAddr::Unix(path) if path.to_string_lossy().contains('@') => {
            let advice = "write the login of a Unix socket as unix:///path?user=USER&pass=PASSWORD";
            Err(RedisError::from((ErrorKind::InvalidClientConfig, advice)).into())
        }
        _ => Ok(info),
    }
}

/// The address in the settings. With sentinels only its login and its use of TLS count.
fn connection_info(settings: &RedisSettings) -> Result<ConnectionInfo, L2Error> {
    if settings.has_url() {
        return of_url(settings.url.expose_secret());
    }
    let mut redis = RedisConnectionInfo::default().set_db(i64::from(settings.db));
    if !settings.username.is_empty() {
        redis = redis.set_username(&settings.username);
    }
    if !settings.password.expose_secret().is_empty() {
        redis = redis.set_password(settings.password.expose_secret());
    }
    Ok(address(settings.tls, &settings.host, settings.port).into_connection_info()?.set_redis_settings(redis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_in_the_path_of_a_socket_is_refused_and_not_shown() {
        for url in ["redis+unix:///ann:hunter2@/run/redis.sock", "unix:/ann:hunter2@db/redis.sock"] {
            let error = of_url(url).unwrap_err().to_string();
            assert!(error.contains("unix:///path?user=USER&pass=PASSWORD") && !error.contains("hunter2"), "{error}");
        }
        for url in ["redis+unix://ann:hunter2@/run/redis.sock", "redis+unix://ann:hunter2@localhost/run/redis.sock"] {
            let shown = of_url(url).map_or_else(|error| error.to_string(), |info| info.addr().to_string());
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        assert!(of_url("unix:///run/redis.sock?user=ann&pass=hunter2").is_ok());
    }
}
