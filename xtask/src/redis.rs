//! Finding and starting `redis-server` on the loopback.
//!
//! Invariant: a server counts as started only when the one that answers has the process id of our child.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rustix::process::Signal;

use crate::net::{self, Readiness};
use crate::process::{Running, end_of, find_program, to_log};

const START_ATTEMPTS: usize = 5;
const START_DEADLINE: Duration = Duration::from_secs(10);
/// Redis ends in order at SIGTERM.
pub(crate) const END_SIGNAL: Signal = Signal::TERM;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// `REDIS_SERVER_BIN`, or `redis-server` of `PATH` and of the places package managers use.
pub(crate) fn program() -> Option<PathBuf> {
    let chosen = std::env::var_os("REDIS_SERVER_BIN").filter(|path| !path.is_empty()).map(PathBuf::from);
    let usual = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"].map(PathBuf::from);
    chosen.or_else(|| find_program("redis-server", &usual))
}

/// A Redis of the task, empty and without persistence; ended when dropped.
#[derive(Debug)]
pub(crate) struct RedisServer {
    pub(crate) port: u16,
    _running: Running,
}

impl RedisServer {
    /// Starts on a free port; its files are in `directory`.
    pub(crate) fn start(directory: &Path) -> Result<Self> {
        let log = directory.join("redis.log");
        let mut last = anyhow!("no attempt was made");
        for _ in 0..START_ATTEMPTS {
            let port = net::free_port()?;
            let mut command = command(None, port, directory)?;
            let running = Running::spawn(to_log(command.args(["--save", ""]), &log)?, END_SIGNAL)?;
            match wait_until_ready(port, running.id(), &log, &mut || running.has_ended()) {
                Ok(()) => return Ok(Self { port, _running: running }),
                Err(error) if end_of(&log).contains("Address already in use") => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }
}

/// `redis-server` in the foreground, on the loopback, with a configuration file or with the defaults; the caller may
/// add options.
pub(crate) fn command(config: Option<&Path>, port: u16, directory: &Path) -> Result<Command> {
    let mut command = Command::new(program().context("find redis-server")?);
    let port = port.to_string();
    command.args(config);
    command.args(["--port", &port, "--bind", "127.0.0.1", "--daemonize", "no"]).arg("--dir").arg(directory);
    Ok(command)
}

/// Waits until the server with process id `id` answers on `port`.
pub(crate) fn wait_until_ready(
    port: u16,
    id: u32,
    log: &Path,
    has_ended: &mut dyn FnMut() -> Result<bool>,
) -> Result<()> {
    net::wait_for(&format!("redis-server on port {port}"), START_DEADLINE, || {
        if has_ended()? {
            return Ok(Readiness::Failed(end_of(log)));
        }
        Ok(if process_id(port).ok() == Some(id) { Readiness::Ready } else { Readiness::NotYet })
    })
}

/// The process id of the server that answers on `port`.
pub(crate) fn process_id(port: u16) -> Result<u32> {
    info(port, "server", "process_id")?.parse().context("read process_id")
}

/// A field of `INFO`, asked for in the inline form of the protocol: no client needed.
pub(crate) fn info(port: u16, section: &str, field: &str) -> Result<String> {
    let mut stream = net::connect(port, ANSWER_TIMEOUT)?;
    stream.write_all(format!("INFO {section}\r\n").as_bytes())?;
    for line in BufReader::new(stream).lines() {
        if let Some((_, value)) = line?.split_once(':').filter(|(name, _)| *name == field) {
            return Ok(value.trim().to_owned());
        }
    }
    Err(anyhow!("what answers on port {port} is no Redis"))
}
