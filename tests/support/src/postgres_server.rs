//! A small PostgreSQL server for one test that speaks TLS. Tests without TLS use a database on the server of the test
//! run.
//!
//! Invariants: a server counts as started only when its `postmaster.pid` says ready with the process id of our child;
//! PostgreSQL refuses to run as root, so as root it runs under another user.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::port::ReservedPort;
use crate::server_process::ServerProcess;
use crate::{Authority, ClientCertificates, Identity};

const START_DEADLINE: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Where Debian packages install the programs of each version.
const PACKAGES: &str = "/usr/lib/postgresql";

/// A running server with an empty database `postgres` and a user of the same name; ended and cleaned up when dropped.
#[derive(Debug)]
pub struct PostgresServer {
    // Fields are dropped in this order: the process, then its directory, then the reservation of its port.
    _process: ServerProcess,
    _directory: TempDir,
    port: ReservedPort,
}

/// The user for the server, if it cannot run as the current user.
#[derive(Clone, Copy)]
struct Account {
    user: u32,
    group: u32,
}

impl PostgresServer {
    /// Starts a server that accepts only connections with TLS, with this identity.
    ///
    /// # Errors
    /// PostgreSQL is not installed, or the server does not answer within a minute; the error contains the log of the
    /// server.
    pub fn with_tls(authority: &Authority, identity: &Identity, clients: ClientCertificates) -> Result<Self> {
        let programs = programs().context("find initdb: install PostgreSQL, or have its programs in PATH")?;
        let directory = tempfile::Builder::new().prefix("billing-postgres-").tempdir()?;
        let (port, place) = (ReservedPort::reserve()?, Place::new(directory.path(), &programs)?);
        place.initialise()?;
        for (from, name) in
            [(&identity.certificate, "server.crt"), (&identity.key, "server.key"), (&authority.file(), "root.crt")]
        {
            place.own_file(name, &fs::read(from)?)?;
        }
        let demanded = if clients == ClientCertificates::Demanded { " clientcert=verify-ca" } else { "" };
        place.own_file("pg_hba.conf", format!("hostssl all all 127.0.0.1/32 trust{demanded}\n").as_bytes())?;
        let mut process = place.start(port.number())?;
        place.wait_until_ready(&mut process)?;
        Ok(Self { _process: process, _directory: directory, port })
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number()
    }
}

/// The directory of the server, and its programs.
struct Place<'a> {
    directory: &'a Path,
    programs: &'a Path,
    account: Option<Account>,
}

impl<'a> Place<'a> {
    fn new(directory: &'a Path, programs: &'a Path) -> Result<Self> {
        let account = Account::for_servers()?;
        if let Some(Account { user, group }) = account {
            chown(directory, Some(user), Some(group)).context("give the directory to the user of the server")?;
        }
        Ok(Self { directory, programs, account })
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn initialise(&self) -> Result<()> {
        let mut command = self.command("initdb")?;
        command.args(["--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"]);
        let status = command.arg("--pgdata").arg(self.data()).status().context("run initdb")?;
        ensure!(status.success(), "initdb ended with {status}: {}", self.log());
        Ok(())
    }

    /// Writes a file that only the server may read.
    fn own_file(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.data().join(name);
        fs::write(&path, content).with_context(|| format!("write {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        if let Some(Account { user, group }) = self.account {
            chown(&path, Some(user), Some(group))?;
        }
        Ok(())
    }

    fn start(&self, port: u16) -> Result<ServerProcess> {
        let mut command = self.command("postgres")?;
        command.arg("-D").arg(self.data());
        let socket = format!("unix_socket_directories={}", self.directory.display());
        let port = format!("port={port}");
        for setting in [&port, &socket, "listen_addresses=127.0.0.1", "fsync=off", "ssl=on", "ssl_ca_file=root.crt"] {
            command.args(["-c", setting]);
        }
        ServerProcess::spawn(&mut command, self.directory).context("start postgres")
    }

    fn wait_until_ready(&self, process: &mut ServerProcess) -> Result<()> {
        let deadline = Instant::now() + START_DEADLINE;
        while !self.says_ready(process.id()) {
            if let Some(status) = process.ended()? {
                bail!("start postgres: it ended with {status}: {}", self.log());
            }
            ensure!(Instant::now() < deadline, "start postgres: not ready in time: {}", self.log());
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    /// The first line of `postmaster.pid` is the process id, the eighth is the state.
    fn says_ready(&self, id: u32) -> bool {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        lines.first().and_then(|line| line.parse().ok()) == Some(id) && lines.get(7) == Some(&"ready")
    }

    fn command(&self, program: &str) -> Result<Command> {
        let log = File::options().create(true).append(true).open(self.directory.join("log"))?;
        let mut command = Command::new(self.programs.join(program));
        // The other user may have no access to the current directory.
        command.current_dir(self.directory).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        if let Some(Account { user, group }) = self.account {
            command.uid(user).gid(group);
        }
        Ok(command)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}

/// The directory of the programs: one in `PATH`, or that of the newest package.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let packaged = fs::read_dir(PACKAGES).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut packaged: Vec<_> = packaged.collect();
    packaged.sort_by_key(|path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
    let packaged = packaged.into_iter().rev().map(|path| path.join("bin"));
    std::env::split_paths(&path).chain(packaged).find(|directory| directory.join("initdb").is_file())
}

impl Account {
    /// `None` if the current user is not root.
    fn for_servers() -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let id = |option| -> Result<u32> {
            let output = Command::new("id").args([option, "postgres"]).output().context("run id")?;
            let text = String::from_utf8(output.stdout)?;
            text.trim().parse().context("find the user `postgres`, because PostgreSQL does not run as root")
        };
        Ok(Some(Self { user: id("-u")?, group: id("-g")? }))
    }
}
