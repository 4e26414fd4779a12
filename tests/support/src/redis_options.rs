//! The options of a test's Redis: the differences from an empty server without persistence on the loopback.
//!
//! All options become lines of a configuration file, so that no password appears in a process list.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{Authority, Identity, RedisServer};

/// Options of a [`RedisServer`]; `RedisOptions::default().start()` is the same as `RedisServer::start()`.
#[derive(Clone, Debug, Default)]
pub struct RedisOptions {
    pub(crate) kind: Kind,
    pub(crate) password: Option<String>,
    /// TLS directives. The sentinels of a server have them too.
    pub(crate) tls: Vec<String>,
    lines: Vec<String>,
}

/// Whether a server asks clients for certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// It does not ask.
    Ignored,
    /// It refuses clients without a certificate of its authority.
    Demanded,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Server,
    Sentinel,
}

impl RedisOptions {
    /// Requires a password from every client (`requirepass`).
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// Speaks only TLS on its port, with a server identity of this authority. [`RedisServer::command`] then uses a Unix
    /// socket.
    #[must_use]
    pub fn tls(mut self, authority: &Authority, identity: &Identity, clients: ClientCertificates) -> Self {
        let demanded = if clients == ClientCertificates::Demanded { "yes" } else { "no" };
        let file = |path: &Path| quoted(&path.display().to_string());
        self.tls = vec![
            format!("tls-cert-file {}", file(&identity.certificate)),
            format!("tls-key-file {}", file(&identity.key)),
            format!("tls-ca-cert-file {}", file(&authority.file())),
            format!("tls-auth-clients {demanded}"),
            "tls-replication yes".to_owned(),
        ];
        self
    }

    pub(crate) fn has_tls(&self) -> bool {
        !self.tls.is_empty()
    }

    /// Limits the memory to `bytes`, with this eviction policy, for example `allkeys-lru`.
    #[must_use]
    pub fn maxmemory(self, bytes: u64, policy: &str) -> Self {
        self.config("maxmemory", &bytes.to_string()).config("maxmemory-policy", policy)
    }

    /// Adds one directive in the form of `redis.conf`, for example `("cluster-enabled", "yes")` or `("replicaof",
    /// "127.0.0.1 6379")`.
    #[must_use]
    pub fn config(mut self, name: &str, value: &str) -> Self {
        self.lines.push(format!("{name} {value}"));
        self
    }

    /// A sentinel that watches `primary` under `name`, with a quorum of one, and considers it down after 500 ms.
    #[must_use]
    pub fn sentinel_of(name: &str, primary: &RedisServer) -> Self {
        Self::sentinel_of_with_quorum(name, primary, 1)
    }

    /// Like [`RedisOptions::sentinel_of`], with this quorum, for one of several sentinels.
    #[must_use]
    pub fn sentinel_of_with_quorum(name: &str, primary: &RedisServer, quorum: usize) -> Self {
        let monitor = format!("monitor {name} 127.0.0.1 {} {quorum}", primary.port());
        let of_primary = Self { kind: Kind::Sentinel, tls: primary.tls_lines().to_vec(), ..Self::default() };
        let mut options = of_primary.config("sentinel", &monitor);
        if let Some(password) = primary.password() {
            options = options.config("sentinel", &format!("auth-pass {name} {}", quoted(password)));
        }
        options
            .config("sentinel", &format!("down-after-milliseconds {name} 500"))
            .config("sentinel", &format!("failover-timeout {name} 2000"))
    }

    /// Starts a server with these options, and waits until it answers.
    pub fn start(self) -> Result<RedisServer> {
        RedisServer::start_with(self)
    }

    pub(crate) fn config_file(&self, port: u16, directory: &Path) -> String {
        let ports = match self.has_tls() {
            true => format!("port 0\ntls-port {port}\nunixsocket {}", quoted(&socket(directory).display().to_string())),
            false => format!("port {port}"),
        };
        let directory = quoted(&directory.display().to_string());
        let mut file = format!("{ports}\nbind 127.0.0.1\ndaemonize no\ndir {directory}\n");
        if self.kind == Kind::Server {
            file.push_str("save \"\"\nappendonly no\n");
        }
        if let Some(password) = &self.password {
            // A replica uses the password of its primary, as every test with both expects.
            let password = quoted(password);
            let _ = writeln!(file, "requirepass {password}\nmasterauth {password}");
        }
        for line in self.tls.iter().chain(&self.lines) {
            file.push_str(line);
            file.push('\n');
        }
        file
    }
}

/// The Unix socket of a server with TLS, for its test.
pub(crate) fn socket(directory: &Path) -> PathBuf {
    directory.join("redis.sock")
}

/// A value quoted for `redis.conf`.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_keeps_to_the_loopback_and_writes_nothing_to_disk() {
        let file = RedisOptions::default().config_file(20_001, Path::new("/tmp/x"));
        assert_eq!(file, "port 20001\nbind 127.0.0.1\ndaemonize no\ndir \"/tmp/x\"\nsave \"\"\nappendonly no\n");
    }

    #[test]
    fn options_follow_the_base_and_a_password_is_quoted() {
        let options = RedisOptions::default().password("a \"b\"").maxmemory(1024, "allkeys-lru");
        let file = options.config_file(1, Path::new("/"));
        assert!(file.contains("requirepass \"a \\\"b\\\"\"\n"), "{file}");
        assert!(file.ends_with("maxmemory 1024\nmaxmemory-policy allkeys-lru\n"), "{file}");
    }
}
