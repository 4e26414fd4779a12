//! A real `redis-server` for one test, with the ways in which it can fail in production: stop, kill, restart empty or
//! with old data, pause.
//!
//! Invariant: the process that is waited for, signalled and ended is always the child of this value; `start` compares
//! the process id in the answer of the server with that of the child.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::process::Signal;
use tempfile::TempDir;
use test_servers::program::{end_of, to_log};
use test_servers::{ReservedPort, ServerProcess, wait_until};

use crate::RedisOptions;
use crate::redis_options::{Kind, socket};

const START_ATTEMPTS: usize = 5;
const START_DEADLINE: Duration = Duration::from_secs(10);
const STOP_DEADLINE: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// A running `redis-server` on a loopback port, without persistence; ended and cleaned up when dropped.
///
/// All methods block for milliseconds (`start` and `restart` for tens of milliseconds), which is acceptable inside a
/// runtime in a test.
#[derive(Debug)]
pub struct RedisServer {
    options: RedisOptions,
    // Fields are dropped in this order: the process, then its directory, then the reservation of its port.
    process: Mutex<Option<ServerProcess>>,
    directory: TempDir,
    port: ReservedPort,
}

/// One line of `INFO commandstats`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommandStats {
    /// Number of calls.
    pub calls: u64,
    /// Total time of all calls on the server, in microseconds.
    pub microseconds: u64,
    /// Calls that were refused before they ran.
    pub rejected: u64,
    /// Calls that ran and ended with an error.
    pub failed: u64,
}

impl RedisServer {
    /// Starts an empty server, and waits until it answers. The program is `REDIS_SERVER_BIN`, or `redis-server` in
    /// `PATH`.
    ///
    /// # Errors
    /// There is no such program, or no answer within ten seconds; the error contains the end of the server's log.
    pub fn start() -> Result<Self> {
        Self::start_with(RedisOptions::default())
    }

    /// Options for a server with differences: `RedisServer::options().password("secret").start()`.
    #[must_use]
    pub fn options() -> RedisOptions {
        RedisOptions::default()
    }

    pub(crate) fn start_with(options: RedisOptions) -> Result<Self> {
        // Another user's program may take the port between our check and the bind of the server.
        let mut last = anyhow!("no attempt was made");
        for _ in 0..START_ATTEMPTS {
            let server = Self {
                options: options.clone(),
                process: Mutex::new(None),
                directory: tempfile::Builder::new().prefix("billing-redis-").tempdir()?,
                port: ReservedPort::reserve()?,
            };
            match server.launch() {
                Ok(()) => return Ok(server),
                Err(error) if error.chain().any(|cause| cause.to_string().contains("Address already in use")) => {
                    last = error;
                }
                Err(error) => return Err(error),
            }
        }
        Err(last.context(format!("start redis-server: {START_ATTEMPTS} ports in a row were taken")))
    }

    /// The port on 127.0.0.1; the same before and after a restart.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// `redis://[:password@]127.0.0.1:port/0`, or `rediss://…` if it speaks TLS there.
    #[must_use]
    pub fn url(&self) -> String {
        let password = self.options.password.as_deref().map(percent_encoded);
        let credentials = password.map(|password| format!(":{password}@")).unwrap_or_default();
        let scheme = if self.options.has_tls() { "rediss" } else { "redis" };
        format!("{scheme}://{credentials}127.0.0.1:{}/0", self.port())
    }

    /// The URL that the test itself uses.
    fn own_url(&self) -> String {
        if !self.options.has_tls() {
            return self.url();
        }
        let password = self.options.password.as_deref().map(percent_encoded);
        let password = password.map(|password| format!("?pass={password}")).unwrap_or_default();
        format!("redis+unix://{}{password}", socket(self.directory.path()).display())
    }

    /// The TLS directives of the options.
    pub(crate) fn tls_lines(&self) -> &[String] {
        &self.options.tls
    }

    /// The password of the options.
    #[must_use]
    pub fn password(&self) -> Option<&str> {
        self.options.password.as_deref()
    }

    /// The process id; `None` while the server is stopped.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.lock_process().as_ref().map(ServerProcess::id)
    }

    /// A blocking connection for setup and assertions.
    ///
    /// # Errors
    /// There is no answer within two seconds, for example because the server is stopped or paused.
    pub fn connection(&self) -> Result<redis::Connection> {
        let port = self.port();
        let client = redis::Client::open(self.own_url()).context("parse the url of the test server")?;
        let connection = client
            .get_connection_with_timeout(ANSWER_TIMEOUT)
            .with_context(|| format!("connect to the test server on port {port}"))?;
        connection.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        connection.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(connection)
    }

    /// Runs one command: `server.command(&["SET", "k", "v"])`. For setup and assertions.
    ///
    /// # Errors
    /// The error of the server or the connection.
    pub fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> Result<T> {
        let (name, arguments) = words.split_first().context("run a command: no words")?;
        let answer = redis::cmd(name).arg(arguments).query(&mut self.connection()?);
        answer.with_context(|| format!("run {name}"))
    }

    /// A section of `INFO` as names and values, for example `info("memory")?["used_memory"]`.
    ///
    /// # Errors
    /// The same as for [`RedisServer::command`].
    pub fn info(&self, section: &str) -> Result<BTreeMap<String, String>> {
        let text: String = self.command(&["INFO", section])?;
        let pairs = text.lines().filter_map(|line| line.split_once(':'));
        Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// The commands that ran on the server since its start or [`RedisServer::reset_command_stats`], in lower case
    /// (`get`, `client|tracking`). This includes the calls by this method, as `info`.
    ///
    /// # Errors
    /// The same as for [`RedisServer::command`].
    pub fn command_stats(&self) -> Result<BTreeMap<String, CommandStats>> {
        let lines = self.info("commandstats")?;
        let stats = lines.iter().filter_map(|(name, value)| {
            let command = name.strip_prefix("cmdstat_")?;
            Some((command.to_owned(), CommandStats::parse(value)))
        });
        Ok(stats.collect())
    }

    /// How often `command` ran; zero if it never did.
    ///
    /// # Errors
    /// The same as for [`RedisServer::command`].
    pub fn calls(&self, command: &str) -> Result<u64> {
        let stats = self.command_stats()?;
        Ok(stats.get(&command.to_ascii_lowercase()).map_or(0, |stats| stats.calls))
    }

    /// Resets all counters of the server to zero.
    ///
    /// # Errors
    /// The same as for [`RedisServer::command`].
    pub fn reset_command_stats(&self) -> Result<()> {
        self.command(&["CONFIG", "RESETSTAT"])
    }

    /// Ends the server normally (SIGTERM), like an operator; its connections are closed.
    ///
    /// # Errors
    /// The server was not running, or had to be killed after five seconds.
    pub fn stop(&self) -> Result<()> {
        self.take_process()?.terminate(STOP_DEADLINE).context("stop redis-server")
    }

    /// Ends the server without warning (SIGKILL).
    ///
    /// # Errors
    /// The server was not running.
    pub fn kill(&self) -> Result<()> {
        drop(self.take_process()?);
        Ok(())
    }

    /// Restarts on the same port, empty. Ends the running server first, if there is one.
    ///
    /// # Errors
    /// The same as for [`RedisServer::start`].
    pub fn restart(&self) -> Result<()> {
        drop(self.lock_process().take());
        self.launch()
    }

    /// Saves a copy of the current data for [`RedisServer::restart_with`]. The copy lives as long as this value.
    ///
    /// # Errors
    /// The server does not answer, or the file cannot be moved.
    pub fn save_dump(&self) -> Result<PathBuf> {
        self.command::<()>(&["SAVE"])?;
        let number = fs::read_dir(self.directory.path())?.count();
        let copy = self.directory.path().join(format!("saved-{number}.rdb"));
        // Moved, because otherwise an empty restart would load it.
        fs::rename(self.dump_path(), &copy).context("keep the dump of redis-server")?;
        Ok(copy)
    }

    /// Restarts on the same port with the data of a dump. Kills the running server first, if there is one.
    ///
    /// # Errors
    /// The same as for [`RedisServer::start`], or there is no such dump.
    pub fn restart_with(&self, dump: &Path) -> Result<()> {
        drop(self.lock_process().take());
        fs::copy(dump, self.dump_path()).with_context(|| format!("restore {}", dump.display()))?;
        let launched = self.launch();
        fs::remove_file(self.dump_path()).context("remove the restored dump")?;
        launched
    }

    /// Stops the process without ending it (SIGSTOP): connections stay open and nothing answers.
    ///
    /// # Errors
    /// The server was not running.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Continues a paused server (SIGCONT).
    ///
    /// # Errors
    /// The server was not running.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, which: Signal) -> Result<()> {
        self.lock_process().as_ref().context("signal redis-server: it is not running")?.signal(which)
    }

    fn lock_process(&self) -> MutexGuard<'_, Option<ServerProcess>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_process(&self) -> Result<ServerProcess> {
        self.lock_process().take().context("stop redis-server: it is not running")
    }

    fn dump_path(&self) -> PathBuf {
        self.directory.path().join("dump.rdb")
    }

    fn log_path(&self) -> PathBuf {
        self.directory.path().join("redis.log")
    }

    fn launch(&self) -> Result<()> {
        let directory = self.directory.path();
        let config = directory.join("redis.conf");
        fs::write(&config, self.options.config_file(self.port(), directory)).context("write redis.conf")?;
        let _ = fs::remove_file(self.log_path());
        let program = test_servers::redis::program()
            .context("find redis-server: install Redis, or set REDIS_SERVER_BIN, or run `cargo xtask test`")?;
        let mut command = Command::new(program);
        to_log(command.arg(&config), &self.log_path())?;
        if self.options.kind == Kind::Sentinel {
            command.arg("--sentinel");
        }
        let process = ServerProcess::spawn(&mut command, directory, Signal::KILL).context("start redis-server")?;
        *self.lock_process() = Some(process);
        self.wait_until_it_answers()
    }

    fn wait_until_it_answers(&self) -> Result<()> {
        let mut last = None;
        let answers = || {
            if let Some(status) = self.lock_process().as_mut().context("wait for redis-server")?.ended()? {
                bail!("start redis-server: it ended with {status}: {}", end_of(&self.log_path()));
            }
            last = self.answers_as_ours().err();
            Ok(last.is_none())
        };
        let answered = wait_until("redis-server", START_DEADLINE, answers);
        answered.map_err(|error| match last {
            Some(last) => error.context(format!("{last:#}: {}", end_of(&self.log_path()))),
            None => error,
        })
    }

    fn answers_as_ours(&self) -> Result<()> {
        let info = self.info("server")?;
        let answered = info.get("process_id").and_then(|pid| pid.parse().ok());
        ensure!(answered == self.pid(), "another server answers on port {}", self.port());
        Ok(())
    }
}

impl CommandStats {
    /// `calls=2,usec=14,usec_per_call=7.00,rejected_calls=0,failed_calls=0`
    fn parse(text: &str) -> Self {
        let field = |name: &str| {
            let pair = text.split(',').filter_map(|pair| pair.split_once('=')).find(|pair| pair.0 == name);
            pair.and_then(|pair| pair.1.parse().ok()).unwrap_or(0)
        };
        Self {
            calls: field("calls"),
            microseconds: field("usec"),
            rejected: field("rejected_calls"),
            failed: field("failed_calls"),
        }
    }
}

fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}
