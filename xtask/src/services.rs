//! `cargo xtask services up | down | status`: a Redis and a PostgreSQL for development, in the background.
//!
//! Invariants: both listen on the loopback only, and ask for a password that only their owner can read; `down` ends a
//! process only after checking that the process with the stored id is still that server; the data of PostgreSQL
//! survives `down` (Redis is a cache and keeps nothing).

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use test_servers::postgres::{self, Cluster, Use};
use test_servers::program::{stdout_of, to_log};
use test_servers::{is_free, password, redis};

use crate::failure::Unavailable;
use crate::install::{self, Need};
use crate::process::say;
use crate::workspace::{root, target_directory};

const END_DEADLINE: Duration = Duration::from_secs(15);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

#[derive(Subcommand)]
pub(crate) enum Action {
    /// Start what is not running, and print the variables to export: eval "$(cargo xtask services up)"
    Up(Ports),
    /// Stop both; the data of PostgreSQL stays
    Down,
    /// Show what is running; exit code 1 if one of them is not
    Status,
}

#[derive(Args)]
pub(crate) struct Ports {
    /// Port of Redis on 127.0.0.1
    #[arg(long, default_value_t = 6399)]
    redis_port: u16,
    /// Port of PostgreSQL on 127.0.0.1
    #[arg(long, default_value_t = 54399)]
    postgres_port: u16,
}

pub(crate) fn run(action: &Action) -> Result<()> {
    let home = target_directory()?.join("services");
    match action {
        Action::Up(ports) => up(&home, ports),
        Action::Down => down(&home),
        Action::Status => status(&home),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Redis,
    Postgres,
}

const KINDS: [Kind; 2] = [Kind::Redis, Kind::Postgres];

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Postgres => "postgres",
        }
    }

    fn end_signal(self) -> Signal {
        match self {
            Self::Redis => redis::END_SIGNAL,
            Self::Postgres => postgres::END_SIGNAL,
        }
    }
}

/// The stored state of a server, in `target/services/{name}.json`. It is kept after `down`, because it has the place of
/// the data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Service {
    pid: Option<u32>,
    port: u16,
    directory: PathBuf,
}

impl Service {
    fn load(home: &Path, kind: Kind) -> Option<Self> {
        serde_json::from_str(&fs::read_to_string(state_file(home, kind)).ok()?).ok()
    }

    fn save(&self, home: &Path, kind: Kind) -> Result<()> {
        let file = state_file(home, kind);
        fs::write(&file, serde_json::to_string(self)?).with_context(|| format!("write {}", file.display()))
    }

    /// The process id, if the process exists and is still this server.
    fn running(&self, kind: Kind) -> Option<u32> {
        self.pid.filter(|pid| self.is_command_line(kind, &command_line(*pid)))
    }

    /// Redis shows its address in its command line, PostgreSQL its data directory.
    fn is_command_line(&self, kind: Kind, text: &str) -> bool {
        match kind {
            Kind::Redis => text.contains("redis-server") && text.contains(&format!(":{}", self.port)),
            Kind::Postgres => {
                text.contains("postgres") && text.contains(&self.directory.join("data").display().to_string())
            }
        }
    }
}

fn state_file(home: &Path, kind: Kind) -> PathBuf {
    home.join(format!("{}.json", kind.name()))
}

/// Empty if there is no such process, or if it has ended but was not waited for.
fn command_line(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline"));
    let from_proc = bytes.map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "));
    let from_ps = |_| stdout_of(Command::new("ps").args(["-p", &pid.to_string(), "-o", "command="]));
    from_proc.or_else(from_ps).unwrap_or_default()
}

fn up(home: &Path, ports: &Ports) -> Result<()> {
    install::ensure(&[Need::Redis, Need::Postgres])?;
    fs::create_dir_all(home).with_context(|| format!("create {}", home.display()))?;
    let redis = started(home, Kind::Redis, ports.redis_port)?;
    let postgres = started(home, Kind::Postgres, ports.postgres_port)?;
    let url = match &postgres.password {
        Some(password) => postgres::url_with_password(postgres.port, password),
        None => postgres::url(postgres.port),
    };
    let password = redis.password.unwrap_or_default();
    println!("export REDIS_HOST=127.0.0.1 REDIS_PORT={} REDIS_DB=0 REDIS_PASSWORD={password}", redis.port);
    println!("export DATABASE_URL={url}");
    println!("export BILLING_TEST_POSTGRES_URL={url}");
    Ok(())
}

/// How to reach a running server.
struct Started {
    port: u16,
    /// None of a server that an older version of this task made.
    password: Option<String>,
}

impl Started {
    fn of(service: &Service, kind: Kind) -> Result<Self> {
        let (name, password) = (kind.name(), password::of(&service.directory)?);
        if password.is_none() {
            let advice = "`services down`, delete the directory, and `services up` make one with a password";
            say(&format!("{name} has no password: every user of this machine can use it. {advice}"));
        }
        Ok(Self { port: service.port, password })
    }
}

/// The running server, which is started if necessary.
fn started(home: &Path, kind: Kind, port: u16) -> Result<Started> {
    let known = Service::load(home, kind);
    if let Some(service) = known.as_ref().filter(|service| service.running(kind).is_some()) {
        say(&format!("{} is running already on port {}", kind.name(), service.port));
        return Started::of(service, kind);
    }
    if !is_free(port) {
        let name = kind.name();
        let why = format!("port {port} is taken by another program: choose another with --{name}-port");
        return Err(Unavailable(why).into());
    }
    let directory = match known.filter(|service| service.directory.is_dir()) {
        Some(service) => service.directory,
        None => place(home, kind)?,
    };
    let mut service = Service { pid: None, port, directory };
    // Saved before the start too, so that the place of the data is not forgotten if the start fails.
    service.save(home, kind)?;
    service.pid = Some(start(kind, &service)?);
    service.save(home, kind)?;
    say(&format!("{} started on port {port}, files in {}", kind.name(), service.directory.display()));
    Started::of(&service, kind)
}

fn place(home: &Path, kind: Kind) -> Result<PathBuf> {
    let directory = home.join(kind.name());
    fs::create_dir_all(&directory).with_context(|| format!("create {}", directory.display()))?;
    if kind == Kind::Redis || Cluster::can_live_in(&directory)? {
        return Ok(directory);
    }
    Ok(tempfile::Builder::new().prefix("billing-services-").tempdir()?.keep())
}

fn start(kind: Kind, service: &Service) -> Result<u32> {
    match kind {
        Kind::Redis => {
            let log = service.directory.join("redis.log");
            let password = password::of_or_new(&service.directory)?;
            let config = redis_config(&service.directory, &password)?;
            let mut command = redis::command(Some(&config), service.port, &service.directory)?;
            start_in_background(to_log(&mut command, &log)?, |pid, has_ended| {
                redis::wait_until_ready(service.port, pid, Some(&password), &log, has_ended)
            })
        }
        Kind::Postgres => {
            let cluster = Cluster::open(&service.directory, Use::Development)?;
            start_in_background(&mut cluster.command(service.port)?, |pid, has_ended| {
                cluster.wait_until_ready(pid, has_ended)
            })
        }
    }
}

/// On the command line every user of the machine would see the password.
fn redis_config(directory: &Path, password: &str) -> Result<PathBuf> {
    let (config, shared) = (directory.join("redis.conf"), root().join("config").join("redis.conf"));
    password::write_private(&config, &format!("include \"{}\"\nrequirepass {password}\n", shared.display()))?;
    Ok(config)
}

/// Starts the server in a separate process group, so that Ctrl-C in this terminal does not reach it, and returns its
/// id.
fn start_in_background(
    command: &mut Command,
    wait: impl FnOnce(u32, &mut dyn FnMut() -> Result<bool>) -> Result<()>,
) -> Result<u32> {
    let mut child = command.process_group(0).spawn().context("start a server")?;
    let id = child.id();
    if let Err(error) = wait(id, &mut || Ok(child.try_wait()?.is_some())) {
        let _ = child.kill();
        let _ = child.wait();
        return Err(error);
    }
    Ok(id)
}

fn down(home: &Path) -> Result<()> {
    for kind in KINDS {
        let Some(mut service) = Service::load(home, kind) else { continue };
        match service.running(kind) {
            Some(pid) => {
                end(kind, &service, pid)?;
                say(&format!("{} ended", kind.name()));
            }
            None => say(&format!("{} was not running", kind.name())),
        }
        service.pid = None;
        service.save(home, kind)?;
    }
    Ok(())
}

fn end(kind: Kind, service: &Service, pid: u32) -> Result<()> {
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw).context("read the process id")?;
    kill_process(process, kind.end_signal()).with_context(|| format!("end {} (process {pid})", kind.name()))?;
    let deadline = Instant::now() + END_DEADLINE;
    while service.running(kind).is_some() {
        if Instant::now() > deadline {
            bail!("end {}: process {pid} is still there after {END_DEADLINE:?}", kind.name());
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}

fn status(home: &Path) -> Result<()> {
    let mut missing = Vec::new();
    for kind in KINDS {
        let service = Service::load(home, kind);
        match service.as_ref().and_then(|service| Some((service, service.running(kind)?))) {
            Some((Service { port, directory, .. }, pid)) => {
                println!("{:<9} running  port {port}  process {pid}  {}", kind.name(), directory.display());
            }
            None => {
                println!("{:<9} stopped", kind.name());
                missing.push(kind.name());
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    bail!("not running: {}: start with `cargo xtask services up`", missing.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> Service {
        Service { pid: Some(1), port: 6399, directory: "/place".into() }
    }

    #[test]
    fn a_process_is_ours_only_with_our_address_or_data() {
        let service = service();
        assert!(service.is_command_line(Kind::Redis, "redis-server 127.0.0.1:6399"));
        assert!(!service.is_command_line(Kind::Redis, "redis-server 127.0.0.1:6379"));
        assert!(!service.is_command_line(Kind::Redis, "vim 127.0.0.1:6399"));
        assert!(service.is_command_line(Kind::Postgres, "/usr/bin/postgres -D /place/data -c port=1"));
        assert!(!service.is_command_line(Kind::Postgres, "/usr/bin/postgres -D /other/data"));
        assert!(!service.is_command_line(Kind::Postgres, ""));
    }

    #[test]
    fn this_process_has_a_command_line_and_is_no_server() {
        let pid = std::process::id();
        assert!(!command_line(pid).is_empty());
        let impostor = Service { pid: Some(pid), ..service() };
        assert_eq!(impostor.running(Kind::Redis), None);
    }

    #[test]
    fn what_is_remembered_comes_back() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(Service::load(home.path(), Kind::Redis), None);
        service().save(home.path(), Kind::Redis).unwrap();
        assert_eq!(Service::load(home.path(), Kind::Redis), Some(service()));
    }
}
