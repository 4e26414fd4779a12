//! Finds PostgreSQL and starts it on the loopback. The server refuses to run as root, so as root it runs under another
//! user.
//!
//! Invariant: a server counts as started only when its `postmaster.pid` says ready with the process id of our child.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rustix::process::Signal;

use crate::net::{self, Readiness};
use crate::password;
use crate::process::{Running, end_of, find_program, run_quietly, stdout_of, succeeds, to_log};

const START_ATTEMPTS: usize = 5;
const START_DEADLINE: Duration = Duration::from_secs(60);
/// Every test of a suite opens a pool, and tests run in parallel.
const MAX_CONNECTIONS: &str = "max_connections=300";

/// The fast shutdown: connections are closed, data is written.
pub(crate) const END_SIGNAL: Signal = Signal::INT;

/// The two programs of one installation.
#[derive(Debug)]
pub(crate) struct Programs {
    initdb: PathBuf,
    postgres: PathBuf,
}

/// Searches `PATH` and the directories of the packages of Debian, Fedora and Homebrew; the newest version first.
pub(crate) fn programs() -> Option<Programs> {
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
pub(crate) fn version() -> Option<String> {
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
pub(crate) enum Use {
    /// A run that deletes the data at its end. The server may lose everything in a crash of the machine, and trusts the
    /// loopback.
    OneRun,
    /// Development. The server keeps its data, and asks for the password in its directory.
    Development,
}

/// The directory of a server, and how it runs.
#[derive(Debug)]
pub(crate) struct Cluster {
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
    pub(crate) fn can_live_in(directory: &Path) -> Result<bool> {
        let Some(account) = Account::for_servers()? else { return Ok(true) };
        Ok(succeeds(Command::new("ls").arg(directory).current_dir("/").uid(account.user).gid(account.group)))
    }

    /// Uses `directory`, which exists, and initialises it if it contains no data.
    pub(crate) fn open(directory: &Path, purpose: Use) -> Result<Self> {
        let programs = programs().context("find initdb and postgres")?;
        let account = Account::for_servers()?;
        let cluster = Self { programs, account, directory: directory.to_owned(), purpose };
        if !cluster.data().join("PG_VERSION").exists() {
            cluster.initialise().context("initialise PostgreSQL")?;
        }
        Ok(cluster)
    }

    /// The data directory. It appears on the command line of the server.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.directory.join("postgres.log")
    }

    fn initialise(&self) -> Result<()> {
        if let Some(account) = self.account {
            std::os::unix::fs::chown(&self.directory, Some(account.user), Some(account.group))
                .with_context(|| format!("give {} to the server's user", self.directory.display()))?;
        }
        let mut command = self.as_account(&self.programs.initdb);
        command.arg("--pgdata").arg(self.data());
        command.args(["--username", "postgres", "--encoding", "UTF8", "--locale", "C"]);
        match self.purpose {
            Use::OneRun => command.args(["--auth", "trust", "--no-sync"]),
            Use::Development => command.args(["--auth", "scram-sha-256", "--pwfile"]).arg(self.password_file()?),
        };
        run_quietly("initdb", &mut command, &self.log())
    }

    /// Made for the user of the server, who reads it once.
    fn password_file(&self) -> Result<PathBuf> {
        password::of_or_new(&self.directory)?;
        let file = password::file(&self.directory);
        if let Some(Account { user, group }) = self.account {
            std::os::unix::fs::chown(&file, Some(user), Some(group))
                .with_context(|| format!("give {} to the server's user", file.display()))?;
        }
        Ok(file)
    }

    /// `postgres` in the foreground, listening on the loopback and on a socket in its directory.
    pub(crate) fn command(&self, port: u16) -> Result<Command> {
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
    pub(crate) fn wait_until_ready(&self, id: u32, has_ended: &mut dyn FnMut() -> Result<bool>) -> Result<()> {
        let file = self.data().join("postmaster.pid");
        net::wait_for("PostgreSQL", START_DEADLINE, || {
            if has_ended()? {
                return Ok(Readiness::Failed(end_of(&self.log())));
            }
            let ready = fs::read_to_string(&file).is_ok_and(|text| says_ready(&text, id));
            Ok(if ready { Readiness::Ready } else { Readiness::NotYet })
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
pub(crate) fn url(port: u16) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/postgres")
}

/// The same of a server that asks for a password.
pub(crate) fn url_with_password(port: u16, password: &str) -> String {
    format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres")
}

/// A PostgreSQL server of the task; ended when dropped.
#[derive(Debug)]
pub(crate) struct PostgresServer {
    pub(crate) port: u16,
    running: Running,
}

impl PostgresServer {
    /// Starts a new server on a free port, configured for speed; its files are in `directory`.
    pub(crate) fn start(directory: &Path) -> Result<Self> {
        let cluster = Cluster::open(directory, Use::OneRun)?;
        let mut last = anyhow!("no attempt was made");
        for _ in 0..START_ATTEMPTS {
            let port = net::free_port()?;
            let running = Running::spawn(&mut cluster.command(port)?, END_SIGNAL)?;
            match cluster.wait_until_ready(running.id(), &mut || running.has_ended()) {
                Ok(()) => return Ok(Self { port, running }),
                Err(error) if end_of(&cluster.log()).contains("could not bind") => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// The process whose children serve the connections.
    pub(crate) fn id(&self) -> u32 {
        self.running.id()
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
