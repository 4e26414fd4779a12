//! Finds `redis-server` and starts it on the loopback.
//!
//! Invariant: a server counts as started only when the server that answers has the process id of our child.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rustix::process::Signal;

use crate::net::{self, Readiness};
use crate::process::{Running, end_of, find_program, to_log};

const START_ATTEMPTS: usize = 5;
const START_DEADLINE: Duration = Duration::from_secs(10);
/// The signal for a normal end.
pub(crate) const END_SIGNAL: Signal = Signal::TERM;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// `REDIS_SERVER_BIN`, or `redis-server` in `PATH` and in the directories of package managers.
pub(crate) fn program() -> Option<PathBuf> {
    let chosen = std::env::var_os("REDIS_SERVER_BIN").filter(|path| !path.is_empty()).map(PathBuf::from);
    let usual = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"].map(PathBuf::from);
    chosen.or_else(|| find_program("redis-server", &usual))
}

/// A Redis server of the task, empty and without persistence; ended when dropped.
#[derive(Debug)]
pub(crate) struct RedisServer {
    pub(crate) port: u16,
    running: Running,
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
            match wait_until_ready(port, running.id(), None, &log, &mut || running.has_ended()) {
                Ok(()) => return Ok(Self { port, running }),
                Err(error) if end_of(&log).contains("Address already in use") => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.running.id()
    }

    /// Numbers from a section of `INFO`, all from one call.
    pub(crate) fn numbers<const N: usize>(&self, section: &str, fields: [&str; N]) -> Result<[f64; N]> {
        let text = info_text(self.port, None, section)?;
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
    password: Option<&str>,
    log: &Path,
    has_ended: &mut dyn FnMut() -> Result<bool>,
) -> Result<()> {
    net::wait_for(&format!("redis-server on port {port}"), START_DEADLINE, || {
        if has_ended()? {
            return Ok(Readiness::Failed(end_of(log)));
        }
        Ok(if process_id(port, password).ok() == Some(id) { Readiness::Ready } else { Readiness::NotYet })
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
    let mut stream = net::connect(port, ANSWER_TIMEOUT)?;
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
