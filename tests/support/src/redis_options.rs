//! How a test wants its Redis: what differs from an empty server without persistence on the loopback.
//!
//! Everything becomes lines of a configuration file, so that no password is seen in a process list.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{Authority, Identity, RedisServer};

/// Options of a [`RedisServer`]; `RedisOptions::default().start()` is the same as `RedisServer::start()`.
#[derive(Clone, Debug, Default)]
pub struct RedisOptions {
    pub(crate) kind: Kind,
    pub(crate) password: Option<String>,
    /// Directives of TLS, which the sentinels of a server have too.
    pub(crate) tls: Vec<String>,
    lines: Vec<String>,
}

/// Whether a server wants to know its clients by certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// It does not ask.
    Ignored,
    /// It refuses clients without one of its authority.
    Demanded,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Server,
    Sentinel,
}

impl RedisOptions {
    /// Requires a password of every client (`requirepass`).
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// Speaks TLS on its port, and nothing else there, with a server's identity of this authority.
    /// [`RedisServer::command`] goes by a socket of Unix then.
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

    /// Limits the memory to `bytes` and says what is evicted then, for example `allkeys-lru`.
    #[must_use]
    pub fn maxmemory(self, bytes: u64, policy: &str) -> Self {
        self.config("maxmemory", &bytes.to_string()).config("maxmemory-policy", policy)
    }

    /// Adds one directive as `redis.conf` has it, for example `("cluster-enabled", "yes")` or
    /// `("replicaof", "127.0.0.1 6379")`.
    #[must_use]
    pub fn config(mut self, name: &str, value: &str) -> Self {
        self.lines.push(format!("{name} {value}"));
        self
    }

    /// A sentinel that watches `primary` under `name` with a quorum of one and calls it down after 500 ms.
    #[must_use]
    pub fn sentinel_of(name: &str, primary: &RedisServer) -> Self {
        Self::sentinel_of_with_quorum(name, primary, 1)
    }

    /// As [`RedisOptions::sentinel_of`], one of several of whom so many must agree that the primary is down.
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

    /// Starts a server with these options and waits until it answers.
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
            // A replica with the password of its primary is what every test with both means.
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

/// The socket of a server with TLS, for its test.
pub(crate) fn socket(directory: &Path) -> PathBuf {
    directory.join("redis.sock")
}

/// A value in the quotes of `redis.conf`.
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
