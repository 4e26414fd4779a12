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
/// Commands that take the server longer are noted with their time; others count as nothing.
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
    /// Processor time of the server and of who asked it: what the work costs, however busy the machine is.
    pub(crate) cpu: Duration,
    /// The most memory that the process held, in KiB; none for a run in this process.
    pub(crate) peak_kib: Option<u32>,
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
        Self::of(redis, || {
            let before = own_cpu();
            work(&mut connection)?;
            Ok(Client { cpu: own_cpu().saturating_sub(before), peak_kib: None })
        })
    }

    pub(crate) fn peak_mib(&self) -> Option<f64> {
        self.peak_kib.map(|kib| f64::from(kib) / 1024.0)
    }

    fn of(redis: &RedisServer, work: impl FnOnce() -> Result<Client>) -> Result<Self> {
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
        let (started, cpu_before) = (Instant::now(), server_cpu(redis)?);
        let client = work()?;
        let time = started.elapsed();
        let cpu = client.cpu + server_cpu(redis)?.saturating_sub(cpu_before);
        let peak_kib = client.peak_kib;
        Ok(Self { time, cpu, peak_kib, worst_ping: pinging.end()?, longest_command: longest_command(redis)? })
    }
}

/// What a client of the server used.
#[derive(Clone, Copy, Debug, Default)]
struct Client {
    cpu: Duration,
    peak_kib: Option<u32>,
}

/// Processor time of this thread.
fn own_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Processor time of the server's main thread and all others.
fn server_cpu(redis: &RedisServer) -> Result<Duration> {
    let info = redis.info("cpu")?;
    let seconds = |field: &str| info.get(field).and_then(|value| value.parse().ok()).unwrap_or(0.0);
    Ok(Duration::from_secs_f64(seconds("used_cpu_sys") + seconds("used_cpu_user")))
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

    /// Runs the process to its end.
    fn process(&self, arguments: &[&str]) -> Result<Client> {
        let log = self.directory.path().join("stderr");
        let mut child = Command::new(env!("CARGO_BIN_EXE_cache-admin"))
            .args(arguments)
            .env_clear()
            .env("REDIS_HOST", "127.0.0.1")
            .env("REDIS_PORT", self.redis.port().to_string())
            .env("DATABASE_URL", format!("sqlite://{}", self.directory.path().join("billing.sqlite").display()))
            // A machine that is busy for a second must not end the whole benchmark.
            .env("BILLING__REDIS__CONNECT_TIMEOUT_MS", PATIENCE.as_millis().to_string())
            .env("BILLING__REDIS__BATCH_TIMEOUT_MS", PATIENCE.as_millis().to_string())
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()?;
        let mut used = Client::default();
        let status = loop {
            used = used_by(&child).unwrap_or(used);
            match child.try_wait()? {
                Some(status) => break status,
                None => std::thread::sleep(LOOK),
            }
        };
        ensure!(status.success(), "{status}: {}", std::fs::read_to_string(&log)?.trim());
        Ok(used)
    }
}

/// What the process has used so far, as Linux counts it; nothing if it has ended.
fn used_by(child: &Child) -> Option<Client> {
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", child.id())).ok();
    let status = read("status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let peak_kib = peak.trim().strip_suffix(" kB")?.parse().ok()?;
    // After the name, which may hold blanks: the 12th and 13th field are the ticks of 10 ms in user and system mode.
    let stat = read("stat")?;
    let fields = stat.rsplit_once(") ")?.1.split(' ').skip(11).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(Client { cpu: Duration::from_millis(ticks * 10), peak_kib: Some(peak_kib) })
}
