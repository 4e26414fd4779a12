//! A Redis, a database with or without rows, and runs of the monitor over both.

use std::collections::BTreeMap;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use billing_core::cached::declarations;
use billing_core::migration::migrate;
use billing_core::settings::Settings;
use billing_outbox::database::Database;
use rustix::process::{Pid, Signal, kill_process};
use sea_orm::ConnectionTrait;
use serde_json::Value;
use test_support::{RedisServer, TestDatabase, eventually};

pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// So many requests that no run ends by itself while a test waits for its middle.
pub(crate) const ENDLESS: &str = "100000000";

/// More rows than the first few keys, and of each type another number.
const ROWS: [&str; 5] = [
    "INSERT INTO users (id, username, email, hashed_password) VALUES {1..30: ({n}, 'user{n}', 'u{n}@example.org', 'x')}",
    "INSERT INTO invoices (id, user_id, amount, due_date) VALUES {1..60: ({n}, 1 + {n} % 30, {n}.50, '2026-12-01 00:00:00')}",
    "INSERT INTO discounts (name, discount_type, value, valid_from) VALUES {1..3: ('d{n}', 'fixed', {n}, '2020-01-01 00:00:00')}",
    "INSERT INTO tax_rates (name, rate, country, region, is_default) VALUES {1..12: ('t{n}', {n}, 'US', 'R{n}', TRUE)}",
    "INSERT INTO credit_notes (user_id, amount, remaining_amount, reason) VALUES {1..25: ({n}, 10, 10, 'outage')}",
];

/// What a run needs.
pub(crate) struct Stage {
    pub(crate) redis: RedisServer,
    pub(crate) database: TestDatabase,
}

impl Stage {
    /// One with rows of every type, on each backend.
    pub(crate) async fn filled() -> Vec<Self> {
        let mut stages = Vec::new();
        for database in [TestDatabase::sqlite().unwrap(), TestDatabase::postgres().await.unwrap()] {
            println!("on {}", database.backend_name());
            let stage = Self { redis: RedisServer::start().unwrap(), database };
            stage.migrate_and_run(&ROWS).await;
            stages.push(stage);
        }
        stages
    }

    /// One on SQLite, without tables.
    pub(crate) fn bare() -> Self {
        Self { redis: RedisServer::start().unwrap(), database: TestDatabase::sqlite().unwrap() }
    }

    /// Makes the tables and runs statements; `{1..3: ({n})}` becomes `(1), (2), (3)`.
    pub(crate) async fn migrate_and_run(&self, statements: &[&str]) {
        let database = Database::connect(&Settings::database_at(self.database.url())).await.unwrap();
        migrate(&database, &declarations()).await.unwrap();
        for statement in statements {
            let sql = expanded(statement);
            database.connection().execute_unprepared(&sql).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
        }
        database.close().await.unwrap();
    }

    /// The monitor over this stage, with nothing of the developer's environment.
    ///
    /// The limits are generous: on a busy machine a bypassed read would make the counts another story.
    pub(crate) fn monitor(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cache-monitor"));
        command
            .args(arguments)
            .env_clear()
            .env("REDIS_HOST", "127.0.0.1")
            .env("REDIS_PORT", self.redis.port().to_string())
            .env("DATABASE_URL", self.database.url())
            .env("BILLING__REDIS__COMMAND_TIMEOUT_MS", "10000")
            .env("BILLING__CACHE__LOAD_DEADLINE_MS", "20000")
            .env("BILLING__CACHE__LEASE_TTL_MS", "30000")
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run::of(&self.monitor(arguments).output().unwrap())
    }

    /// The report of a run that must succeed.
    pub(crate) fn report(&self, arguments: &[&str]) -> Value {
        let run = self.run(&[arguments, &["--format", "json"]].concat());
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        serde_json::from_str(&run.stdout).unwrap()
    }

    /// A run that is in the middle of its measurement and would not end by itself.
    pub(crate) async fn running(&self) -> Running {
        self.started(&mut self.monitor(&["--iterations", ENDLESS])).await
    }

    /// A run that has begun to measure.
    pub(crate) async fn started(&self, monitor: &mut Command) -> Running {
        let running = Running(monitor.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        eventually(DEADLINE, async || !self.keys_like("*cache-monitor:*").is_empty()).await.unwrap();
        running
    }

    /// Every key and its value.
    pub(crate) fn contents(&self) -> BTreeMap<String, String> {
        let value_of = |key: &String| self.redis.command::<String>(&["GET", key]).unwrap();
        self.keys_like("*").into_iter().map(|key| (key.clone(), value_of(&key))).collect()
    }

    pub(crate) fn keys_like(&self, pattern: &str) -> Vec<String> {
        // One step sees all of the few keys of a test.
        let (cursor, keys): (u64, Vec<String>) =
            self.redis.command(&["SCAN", "0", "MATCH", pattern, "COUNT", "100000"]).unwrap();
        assert_eq!(cursor, 0);
        keys
    }
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// It failed with this code and one sentence that says this, and printed no data.
    pub(crate) fn assert_refused(&self, code: i32, says: &[&str]) {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{}", self.stderr);
        let lines: Vec<&str> = self.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
        assert!(lines.iter().any(|line| line.starts_with("error: ")), "{}", self.stderr);
        for words in says {
            assert!(self.stderr.contains(words), "{words:?} is not in: {}", self.stderr);
        }
        for noise in ["panicked", "backtrace", "Caused by"] {
            assert!(!self.stderr.contains(noise), "{}", self.stderr);
        }
    }
}

/// A monitor at work. Killed when dropped.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    /// How it ended; it must do so within the deadline.
    pub(crate) async fn end(mut self) -> Run {
        let status = eventually(DEADLINE, || std::future::ready(self.0.try_wait().unwrap())).await.unwrap();
        let (mut stdout, mut stderr) = (String::new(), String::new());
        std::io::Read::read_to_string(&mut self.0.stdout.take().unwrap(), &mut stdout).unwrap();
        std::io::Read::read_to_string(&mut self.0.stderr.take().unwrap(), &mut stderr).unwrap();
        Run { code: status.code(), stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Repeats what stands in `{1..3: …}`, separated by commas.
fn expanded(statement: &str) -> String {
    let Some((before, rest)) = statement.split_once("{1..") else { return statement.to_owned() };
    let (last, row) = rest.strip_suffix('}').and_then(|rest| rest.split_once(": ")).unwrap();
    let rows = (1..=last.parse::<u32>().unwrap()).map(|n| row.replace("{n}", &n.to_string()));
    format!("{before}{}", rows.collect::<Vec<_>>().join(", "))
}
