//! Finds PostgreSQL and starts it on the loopback. The server refuses to run as root, so as root it runs under another
//! user.
//!
//! Invariant: a server counts as started only when its `postmaster.pid` says ready with the process id of our child.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::password;
use crate::port::ReservedPort;
use crate::process::ServerProcess;
use crate::program::{end_of, find_program, stdout_of, succeeds, to_log};
use crate::wait::wait_until;

const START_DEADLINE: Duration = Duration::from_secs(60);
/// Every test of a suite opens a pool, and tests run in parallel.
const MAX_CONNECTIONS: &str = "max_connections=300";

/// The fast shutdown: connections are closed, data is written.
pub const END_SIGNAL: Signal = Signal::INT;

/// The two programs of one installation.
#[derive(Debug)]
pub struct Programs {
    initdb: PathBuf,
    postgres: PathBuf,
}

/// Searches `PATH` and the directories of the packages of Debian, Fedora and Homebrew; the newest version first.
#[must_use]
pub fn programs() -> Option<Programs> {
    let mut directories = versioned("/usr/lib/postgresql", "", "bin");
    directories.extend(versioned("/opt/homebrew/opt", "postgresql@", "bin"));
    directories.extend(versioned("/usr/local/opt", "postgresql@", "bin"));
    directories.push("/usr/local/pgsql/bin".into());
    // `initdb` searches `postgres` beside itself, so a link in PATH is followed to the installation.
    let initdb = find_program("initdb", &directories)?.canonicalize().ok()?;
    let postgres = initdb.with_file_name("postgres");
    postgres.is_file().then_some(Programs { initdb, postgres })
}

/// Such as `15.18`; `None` if PostgreSQL is not installed.
#[must_use]
pub fn version() -> Option<String> {
    let text = stdout_of(Command::new(programs()?.postgres).arg("--version")).ok()?;
    text.split_whitespace().nth(2).map(str::to_owned)
}

/// `parent/{prefix}{version}/child` for each installed version, the newest first.
fn versioned(parent: &str, prefix: &str, child: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let version = |name: &str| name.strip_prefix(prefix)?.parse::<u32>().ok();
    let mut found: Vec<_> =
        entries.filter_map(|entry| Some((version(entry.file_name().to_str()?)?, entry.path().join(child)))).collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, path)| path).collect()
}

/// What the server is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A run that deletes the data at its end. The server may lose everything in a crash of the machine, and trusts the
    /// loopback.
    OneRun,
    /// Development. The server keeps its data, and asks for the password in its directory.
    Development,
}

/// The directory of a server, and how it runs.
#[derive(Debug)]
pub struct Cluster {
    programs: Programs,
    account: Option<Account>,
    directory: PathBuf,
    purpose: Use,
}

/// A system user that is not root.
#[derive(Clone, Copy, Debug)]
struct Account {
    user: u32,
    group: u32,
}

impl Cluster {
    /// Whether a cluster can use `directory`. The server's user cannot access root's private directories.
    ///
    /// # Errors
    /// There is no user for the server.
    pub fn can_live_in(directory: &Path) -> Result<bool> {
        let Some(account) = Account::for_servers()? else { return Ok(true) };
        Ok(succeeds(Command::new("ls").arg(directory).current_dir("/").uid(account.user).gid(account.group)))
    }

    /// Uses `directory`, which exists, and initialises it if it contains no data.
    ///
    /// # Errors
    /// PostgreSQL is not installed, or cannot use the directory.
    pub fn open(directory: &Path, purpose: Use) -> Result<Self> {
        let programs = programs().context("find initdb and postgres")?;
        let account = Account::for_servers()?;
        let cluster = Self { programs, account, directory: directory.to_owned(), purpose };
        if !cluster.data().join("PG_VERSION").exists() {
            cluster.initialise().context("initialise PostgreSQL")?;
        }
        Ok(cluster)
    }

    /// The data directory. It appears on the command line of the server.
    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn log(&self) -> PathBuf {
        self.directory.join("postgres.log")
    }

    fn initialise(&self) -> Result<()> {
        self.give(&self.directory)?;
        let mut command = self.as_account(&self.programs.initdb);
        command.arg("--pgdata").arg(self.data());
        command.args(["--username", "postgres", "--encoding", "UTF8", "--locale", "C"]);
        match self.purpose {
            Use::OneRun => command.args(["--auth", "trust", "--no-sync"]),
            Use::Development => command.args(["--auth", "scram-sha-256", "--pwfile"]).arg(self.password_file()?),
        };
        let status = to_log(&mut command, &self.log())?.status().context("run initdb")?;
        ensure!(status.success(), "initdb ended with {status}: {}", end_of(&self.log()));
        Ok(())
    }

    /// Made for the user of the server, who reads it once.
    fn password_file(&self) -> Result<PathBuf> {
        password::of_or_new(&self.directory)?;
        let file = password::file(&self.directory);
        self.give(&file)?;
        Ok(file)
    }

    /// Makes the user of the server the owner.
    fn give(&self, path: &Path) -> Result<()> {
        let Some(Account { user, group }) = self.account else { return Ok(()) };
        chown(path, Some(user), Some(group)).with_context(|| format!("give {} to the server's user", path.display()))
    }

    /// Writes a file into the data directory that only the server can read.
    fn own_file(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.data().join(name);
        fs::write(&path, content).with_context(|| format!("write {}", path.display()))?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        self.give(&path)
    }

    /// `postgres` in the foreground, listening on the loopback and on a socket in its directory.
    ///
    /// # Errors
    /// The log cannot be opened.
    pub fn command(&self, port: u16) -> Result<Command> {
        let mut command = self.as_account(&self.programs.postgres);
        command.arg("-D").arg(self.data());
        let socket = format!("unix_socket_directories={}", self.directory.display());
        let port = format!("port={port}");
        let mut settings = vec!["listen_addresses=127.0.0.1", &port, &socket, MAX_CONNECTIONS];
        if self.purpose == Use::OneRun {
            settings.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"]);
        }
        for setting in settings {
            command.args(["-c", setting]);
        }
        to_log(&mut command, &self.log())?;
        Ok(command)
    }

    fn as_account(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        // The other user may have no access to the current directory.
        command.current_dir(&self.directory);
        if let Some(account) = self.account {
            command.uid(account.user).gid(account.group).env("HOME", &self.directory);
        }
        command
    }

    /// Waits until the server with process id `id` accepts connections.
    ///
    /// # Errors
    /// It ends, or is not ready in time; the error contains the end of its log.
    pub fn wait_until_ready(&self, id: u32, has_ended: &mut dyn FnMut() -> Result<bool>) -> Result<()> {
        let file = self.data().join("postmaster.pid");
        wait_until("PostgreSQL", START_DEADLINE, || {
            if has_ended()? {
                bail!("start PostgreSQL: {}", end_of(&self.log()));
            }
            Ok(fs::read_to_string(&file).is_ok_and(|text| says_ready(&text, id)))
        })
    }
}

/// The first line of `postmaster.pid` is the process id, the eighth is the state.
fn says_ready(postmaster_pid: &str, id: u32) -> bool {
    let lines: Vec<_> = postmaster_pid.lines().map(str::trim).collect();
    lines.first().and_then(|line| line.parse().ok()) == Some(id) && lines.get(7) == Some(&"ready")
}

impl Account {
    /// `None` if the current user is not root, so that PostgreSQL can run as this user.
    fn for_servers() -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let account = ["postgres", "nobody"].iter().find_map(|name| Self::named(name).ok());
        Ok(Some(account.context("find a user for PostgreSQL: there is neither `postgres` nor `nobody`")?))
    }

    fn named(name: &str) -> Result<Self> {
        let id = |option| -> Result<u32> { Ok(stdout_of(Command::new("id").args([option, name]))?.parse()?) };
        Ok(Self { user: id("-u")?, group: id("-g")? })
    }
}

/// The URL of the superuser of a server that trusts the loopback.
#[must_use]
pub fn url(port: u16) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/postgres")
}

/// The same of a server that asks for a password.
#[must_use]
pub fn url_with_password(port: u16, password: &str) -> String {
    format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres")
}

/// A PostgreSQL server with an empty database `postgres` and a user of the same name, configured for speed; ended and
/// cleaned up when dropped.
#[derive(Debug)]
pub struct PostgresServer {
    // Fields are dropped in this order: the process, then its directory, then the reservation of its port.
    process: ServerProcess,
    _directory: TempDir,
    port: ReservedPort,
}

impl PostgresServer {
    /// Starts a server.
    ///
    /// # Errors
    /// PostgreSQL is not installed, or is not ready in time; the error contains the end of its log.
    pub fn start() -> Result<Self> {
        Self::start_with(&[], &[])
    }

    /// Like [`PostgresServer::start`], with these files in its data directory, and with these settings.
    ///
    /// # Errors
    /// The same as for [`PostgresServer::start`].
    pub fn start_with(files: &[(&str, Vec<u8>)], settings: &[&str]) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("billing-postgres-").tempdir()?;
        let (port, cluster) = (ReservedPort::reserve()?, Cluster::open(directory.path(), Use::OneRun)?);
        files.iter().try_for_each(|(name, content)| cluster.own_file(name, content))?;
        let mut command = cluster.command(port.number())?;
        command.args(settings.iter().flat_map(|setting| ["-c", setting]));
        let mut process = ServerProcess::spawn(&mut command, directory.path(), END_SIGNAL)?;
        cluster.wait_until_ready(process.id(), &mut || Ok(process.ended()?.is_some()))?;
        Ok(Self { process, _directory: directory, port })
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The URL of its superuser.
    #[must_use]
    pub fn url(&self) -> String {
        url(self.port())
    }

    /// The process whose children serve the connections.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_comes_first() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["postgresql@9", "postgresql@17", "postgresql@16", "redis@7", "postgresql@x"] {
            fs::create_dir(parent.path().join(name)).unwrap();
        }
        let found = versioned(parent.path().to_str().unwrap(), "postgresql@", "bin");
        let names: Vec<_> =
            found.iter().map(|path| path.parent().unwrap().file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["postgresql@17", "postgresql@16", "postgresql@9"]);
    }

    #[test]
    fn ready_is_said_by_our_own_server_only() {
        let file = "42\n/data\n1700000000\n5432\n/socket\n127.0.0.1\n  1 2\nready   \n";
        assert!(says_ready(file, 42));
        assert!(!says_ready(file, 43));
        assert!(!says_ready(&file.replace("ready", "starting"), 42));
        assert!(!says_ready("", 42));
    }
}
