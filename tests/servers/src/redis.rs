//! Finds `redis-server` and starts it on the loopback.
//!
//! Invariant: a server counts as started only when the server that answers has the process id of our child.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::port::ReservedPort;
use crate::process::ServerProcess;
use crate::program::{end_of, find_program, to_log};
use crate::wait::{connect, wait_until};

const START_DEADLINE: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// The signal for a normal end.
pub const END_SIGNAL: Signal = Signal::TERM;

/// `REDIS_SERVER_BIN`, or `redis-server` in `PATH` and in the directories of package managers.
#[must_use]
pub fn program() -> Option<PathBuf> {
    let chosen = std::env::var_os("REDIS_SERVER_BIN").filter(|path| !path.is_empty()).map(PathBuf::from);
    let usual = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"].map(PathBuf::from);
    chosen.or_else(|| find_program("redis-server", &usual))
}

/// A Redis server, empty and without persistence; ended and cleaned up when dropped.
#[derive(Debug)]
pub struct RedisServer {
    // Fields are dropped in this order: the process, then its directory, then the reservation of its port.
    process: ServerProcess,
    _directory: TempDir,
    port: ReservedPort,
}

impl RedisServer {
    /// Starts a server.
    ///
    /// # Errors
    /// Redis is not installed, or does not answer in time; the error contains the end of its log.
    pub fn start() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("billing-redis-").tempdir()?;
        let (port, log) = (ReservedPort::reserve()?, directory.path().join("redis.log"));
        let mut command = command(None, port.number(), directory.path())?;
        to_log(command.args(["--save", ""]), &log)?;
        let mut process = ServerProcess::spawn(&mut command, directory.path(), END_SIGNAL)?;
        let id = process.id();
        wait_until_ready(port.number(), id, None, &log, &mut || Ok(process.ended()?.is_some()))?;
        Ok(Self { process, _directory: directory, port })
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Numbers from a section of `INFO`, all from one call.
    ///
    /// # Errors
    /// The server does not answer, or has no such field.
    pub fn numbers<const N: usize>(&self, section: &str, fields: [&str; N]) -> Result<[f64; N]> {
        let text = info_text(self.port(), None, section)?;
        let mut numbers = [0.0; N];
        for (number, field) in numbers.iter_mut().zip(fields) {
            let value = field_of(&text, field).with_context(|| format!("INFO {section} has no {field}"))?;
            *number = value.parse().with_context(|| format!("read {field} of INFO {section}: {value}"))?;
        }
        Ok(numbers)
    }
}

/// `redis-server` in the foreground, on the loopback, with a configuration file or with the defaults. The caller may
/// add options.
///
/// # Errors
/// Redis is not installed.
pub fn command(config: Option<&Path>, port: u16, directory: &Path) -> Result<Command> {
    let mut command = Command::new(program().context("find redis-server")?);
    let port = port.to_string();
    command.args(config);
    command.args(["--port", &port, "--bind", "127.0.0.1", "--daemonize", "no"]).arg("--dir").arg(directory);
    Ok(command)
}

/// Waits until the server with process id `id` answers on `port`.
///
/// # Errors
/// It ends, or does not answer in time.
pub fn wait_until_ready(
    port: u16,
    id: u32,
    password: Option<&str>,
    log: &Path,
    has_ended: &mut dyn FnMut() -> Result<bool>,
) -> Result<()> {
    wait_until(&format!("redis-server on port {port}"), START_DEADLINE, || {
        if has_ended()? {
            bail!("start redis-server on port {port}: {}", end_of(log));
        }
        Ok(process_id(port, password).ok() == Some(id))
    })
}

/// The process id of the server that answers on `port`.
fn process_id(port: u16, password: Option<&str>) -> Result<u32> {
    let text = info_text(port, password, "server")?;
    let id = field_of(&text, "process_id").and_then(|id| id.parse().ok());
    id.with_context(|| format!("what answers on port {port} is no Redis"))
}

/// A section of `INFO`, requested with the inline form of the protocol, which needs no client.
fn info_text(port: u16, password: Option<&str>, section: &str) -> Result<String> {
    let mut stream = connect(port, ANSWER_TIMEOUT)?;
    let login = password.map(|password| format!("AUTH {password}\r\n")).unwrap_or_default();
    stream.write_all(format!("{login}INFO {section}\r\n").as_bytes())?;
    let mut reader = BufReader::new(stream);
    if password.is_some() {
        reader.read_line(&mut String::new())?;
    }
    let mut length = String::new();
    reader.read_line(&mut length)?;
    let length = length.trim().strip_prefix('$').and_then(|length| length.parse().ok());
    let mut text = vec![0; length.with_context(|| format!("what answers on port {port} is no Redis"))?];
    reader.read_exact(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn field_of<'text>(info: &'text str, field: &str) -> Option<&'text str> {
    let fields = info.lines().filter_map(|line| line.split_once(':'));
    fields.filter(|(name, _)| *name == field).map(|(_, value)| value.trim()).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_from_a_section() {
        let text = "# Stats\r\ntotal_net_input_bytes:14\r\ntotal_net_output_bytes:99\r\n";
        assert_eq!(field_of(text, "total_net_output_bytes"), Some("99"));
        assert_eq!(field_of(text, "total_net"), None);
    }
}
