//! One measured run: of `cache-admin` as a process, of a bare side, or of nothing.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use test_support::RedisServer;

use crate::ping::Pinging;

/// How often the memory of a process is looked at. It is a high-water mark, so that little is missed.
const LOOK: Duration = Duration::from_millis(2);
const IDLE: Duration = Duration::from_secs(3);
/// Commands that take the server longer are noted with their time.
const SLOW_MICROSECONDS: &str = "500";

/// Longer than anything that a benchmark asks of the server in one command.
const PATIENCE: Duration = Duration::from_secs(120);

/// A client that waits.
pub(crate) fn client(redis: &RedisServer) -> Result<redis::Connection> {
    let connection = redis.connection()?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    Ok(connection)
}

/// What a run took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) time: Duration,
    /// The most memory that the process held, in KiB; none for a run in this process.
    pub(crate) peak_kib: Option<u64>,
    /// The longest PING of another client.
    pub(crate) worst_ping: Duration,
    /// The longest command on the server; none if none was slow.
    pub(crate) longest_command: Option<Duration>,
}

impl Run {
    /// What other clients feel while nothing runs: the noise of the machine.
    pub(crate) fn idle(redis: &RedisServer) -> Result<Self> {
        Self::of_bare(redis, |_| {
            std::thread::sleep(IDLE);
            Ok(())
        })
    }

    /// Measures work that this process does.
    pub(crate) fn of_bare(
        redis: &RedisServer,
        work: impl FnOnce(&mut redis::Connection) -> Result<()>,
    ) -> Result<Self> {
        let mut connection = client(redis)?;
        Self::of(redis, || work(&mut connection).map(|()| None))
    }

    fn of(redis: &RedisServer, work: impl FnOnce() -> Result<Option<u64>>) -> Result<Self> {
        redis.command::<()>(&[
            "CONFIG",
            "SET",
            "slowlog-log-slower-than",
            SLOW_MICROSECONDS,
            "slowlog-max-len",
            "10000",
        ])?;
        redis.command::<()>(&["SLOWLOG", "RESET"])?;
        let pinging = Pinging::begin(redis)?;
        let started = Instant::now();
        let peak_kib = work()?;
        let time = started.elapsed();
        Ok(Self { time, peak_kib, worst_ping: pinging.end()?, longest_command: longest_command(redis)? })
    }
}

/// An entry of the slow log begins with its number, its moment and the time of the command in microseconds.
fn longest_command(redis: &RedisServer) -> Result<Option<Duration>> {
    let entries: Vec<Vec<redis::Value>> = redis.command(&["SLOWLOG", "GET", "-1"])?;
    let times = entries.iter().filter_map(|entry| match entry.get(2) {
        Some(redis::Value::Int(microseconds)) => u64::try_from(*microseconds).ok(),
        _ => None,
    });
    Ok(times.max().map(Duration::from_micros))
}

/// `cache-admin`, on one Redis and one database.
pub(crate) struct Tool<'a> {
    redis: &'a RedisServer,
    directory: &'a TempDir,
}

impl<'a> Tool<'a> {
    pub(crate) fn new(redis: &'a RedisServer, directory: &'a TempDir) -> Self {
        Self { redis, directory }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Run> {
        Run::of(self.redis, || self.process(arguments)).with_context(|| format!("cache-admin {}", arguments.join(" ")))
    }

    /// Runs the process to its end, and answers its peak memory in KiB.
    fn process(&self, arguments: &[&str]) -> Result<Option<u64>> {
        let log = self.directory.path().join("stderr");
        let mut child = Command::new(env!("CARGO_BIN_EXE_cache-admin"))
            .args(arguments)
            .env_clear()
            .env("REDIS_HOST", "127.0.0.1")
            .env("REDIS_PORT", self.redis.port().to_string())
            .env("DATABASE_URL", format!("sqlite://{}", self.directory.path().join("billing.sqlite").display()))
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()?;
        let mut peak = None;
        let status = loop {
            peak = peak_kib(&child).max(peak);
            match child.try_wait()? {
                Some(status) => break status,
                None => std::thread::sleep(LOOK),
            }
        };
        ensure!(status.success(), "{status}: {}", std::fs::read_to_string(&log)?.trim());
        Ok(peak)
    }
}

/// The most memory that the process has held so far, as Linux counts it.
fn peak_kib(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
