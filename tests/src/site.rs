//! A Redis and a database for one test, and programs that use them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use test_support::{RedisCluster, RedisGroup, RedisOptions, RedisServer, TestDatabase};
use tokio::runtime::Runtime;

use crate::http::Answer;
use crate::program::{Program, Run};
use crate::service::Service;
use crate::shown::Stats;
use crate::sql::Session;
use crate::topology::{More, Topology};
use crate::{BILLING_SERVICE, CACHE_ADMIN, CACHE_MONITOR, sql};

const PATIENCE: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// User ids that no test uses count down from here.
const NOBODY: i32 = i32::MAX;

/// Limits that are wide enough for any test on a busy machine. L1 is off, so that each answer shows whether Redis had
/// the value; the tests of L1 turn it on.
const PATIENT: [(&str, &str); 12] = [
    ("BILLING__REDIS__CONNECT_TIMEOUT_MS", "30000"),
    ("BILLING__REDIS__COMMAND_TIMEOUT_MS", "30000"),
    ("BILLING__REDIS__BATCH_TIMEOUT_MS", "30000"),
    ("BILLING__DATABASE__ACQUIRE_TIMEOUT_MS", "60000"),
    ("BILLING__DATABASE__BUSY_TIMEOUT_MS", "60000"),
    ("BILLING__CACHE__LOAD_DEADLINE_MS", "30000"),
    ("BILLING__CACHE__LEASE_TTL_MS", "40000"),
    ("BILLING__CACHE__PATIENCE_MS", "60000"),
    ("BILLING__CACHE__INVALIDATION_DEADLINE_MS", "30000"),
    // Keeps the relay from applying a row that a slow writer is about to mark as applied.
    ("BILLING__RELAY__GRACE_MS", "600000"),
    ("BILLING__CACHE__TYPES__TAX_RATES__L1", "false"),
    ("BILLING__CACHE__TYPES__ACTIVE_DISCOUNTS__L1", "false"),
];

/// The kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// An SQLite file.
    Sqlite,
    /// A database on the PostgreSQL server of `BILLING_TEST_POSTGRES_URL`.
    Postgres,
}

/// A Redis, a database, and a working directory for the programs.
#[derive(Debug)]
pub struct Site {
    /// The Redis server of this test. With sentinels or a cluster, no program uses it.
    pub redis: RedisServer,
    more: More,
    database: TestDatabase,
    directory: TempDir,
    runtime: Runtime,
}

impl Site {
    /// An empty Redis and an empty database.
    #[must_use]
    pub fn empty(backend: Backend) -> Self {
        Self::with_redis(backend, RedisServer::options())
    }

    /// Like [`Site::empty`], with these options for Redis.
    #[must_use]
    pub fn with_redis(backend: Backend, options: RedisOptions) -> Self {
        let runtime = Runtime::new().expect("a runtime can be started");
        let database = match backend {
            Backend::Sqlite => TestDatabase::sqlite(),
            Backend::Postgres => runtime.block_on(TestDatabase::postgres()),
        };
        let directory = tempfile::Builder::new().prefix("billing-site-").tempdir();
        Self {
            redis: options.start().unwrap_or_else(|error| panic!("{error:#}")),
            database: database.unwrap_or_else(|error| panic!("{error:#}")),
            directory: directory.expect("a temporary directory can be made"),
            runtime,
            more: More::Nothing,
        }
    }

    /// Like [`Site::seeded`], with this topology instead of a single server.
    #[must_use]
    pub fn seeded_on(backend: Backend, topology: Topology) -> Self {
        let site = Self { more: More::start(topology), ..Self::empty(backend) };
        site.seed();
        site
    }

    /// The sentinels and their servers, if there are any.
    #[must_use]
    pub fn group(&self) -> Option<&RedisGroup> {
        if let More::Group(group) = &self.more { Some(group) } else { None }
    }

    /// The cluster, if there is one.
    #[must_use]
    pub fn cluster(&self) -> Option<&RedisCluster> {
        if let More::Cluster(cluster) = &self.more { Some(cluster) } else { None }
    }

    /// The servers that hold keys at present.
    #[track_caller]
    #[must_use]
    pub fn stores(&self) -> Vec<&RedisServer> {
        self.more.stores(&self.redis)
    }

    /// The server that holds this key at present.
    #[track_caller]
    #[must_use]
    pub fn store_of(&self, key: &str) -> &RedisServer {
        self.more.store_of(&self.redis, key)
    }

    /// A site with tables and demonstration data (`--users 20 --invoices 60`).
    #[must_use]
    pub fn seeded(backend: Backend) -> Self {
        Self::seeded_on(backend, Topology::OneServer)
    }

    /// Creates the tables and fills them.
    #[track_caller]
    pub fn seed(&self) {
        self.admin("migrate").fine();
        self.admin("seed --users 20 --invoices 60 --seed 7").fine();
    }

    /// `DATABASE_URL`.
    #[must_use]
    pub fn database_url(&self) -> &str {
        self.database.url()
    }

    /// The kind of database.
    #[must_use]
    pub fn backend(&self) -> Backend {
        if self.database.backend_name() == "sqlite" { Backend::Sqlite } else { Backend::Postgres }
    }

    /// The working directory of the programs.
    #[must_use]
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// A built program that uses this site.
    #[track_caller]
    #[must_use]
    pub fn program(&self, name: &str) -> Program {
        self.over_this(Program::built(name, self.directory.path()))
    }

    /// A built program without any of the variables of this site.
    #[track_caller]
    #[must_use]
    pub fn bare_program(&self, name: &str) -> Program {
        Program::built(name, self.directory.path())
    }

    /// Like [`Site::program`], but with the default limits, which wait only shortly for Redis.
    #[track_caller]
    #[must_use]
    pub fn impatient_program(&self, name: &str) -> Program {
        self.on_platform(Program::built(name, self.directory.path()))
    }

    /// A script of `tests/python` that uses this site.
    #[track_caller]
    #[must_use]
    pub fn python(&self, script: &str) -> Program {
        self.over_this(Program::python(script, self.directory.path()))
    }

    /// Sets the platform's five variables, and the wide limits.
    fn over_this(&self, program: Program) -> Program {
        PATIENT.into_iter().fold(self.on_platform(program), |program, (variable, value)| program.with(variable, value))
    }

    fn on_platform(&self, program: Program) -> Program {
        let port = self.redis.port().to_string();
        let platform = [
            ("REDIS_HOST", "127.0.0.1"),
            ("REDIS_PORT", &port),
            ("REDIS_DB", "0"),
            ("REDIS_PASSWORD", self.redis.password().unwrap_or_default()),
            ("DATABASE_URL", self.database_url()),
        ];
        let program = platform.into_iter().fold(program, |program, (variable, value)| program.with(variable, value));
        let more = self.more.variables();
        more.into_iter().fold(program, |program, (variable, value)| program.with(variable, &value))
    }

    /// Runs `cache-admin`.
    #[track_caller]
    pub fn admin(&self, arguments: &str) -> Run {
        self.program(CACHE_ADMIN).run(arguments)
    }

    /// Runs `cache-monitor`.
    #[track_caller]
    pub fn monitor(&self, arguments: &str) -> Run {
        self.program(CACHE_MONITOR).run(arguments)
    }

    /// Starts a service, and waits until it uses Redis. It does so after recent invalidations were replayed.
    ///
    /// It does not count what is read, so that no warm-up loads the key that is read here.
    #[track_caller]
    #[must_use]
    pub fn serve(&self) -> Service {
        let service = self.program(BILLING_SERVICE).with("BILLING__CACHE__USAGE_KEYS", "0").serve();
        self.wait_until_redis_is_used(&service);
        service
    }

    /// Requests a value that no test uses until it is in Redis, then removes it; once for each server that holds keys.
    #[track_caller]
    pub fn wait_until_redis_is_used(&self, service: &Service) {
        self.wait_until_redis_is_used_by(|path| Ok(service.get(path).with_status(200)));
    }

    /// Like [`Site::wait_until_redis_is_used`], for any client that answers to a GET.
    #[track_caller]
    pub fn wait_until_redis_is_used_by(&self, mut get: impl FnMut(&str) -> Result<Answer, String>) {
        for server in self.stores() {
            let key_of = |user: &i32| format!("user_credit_notes:{user}");
            let is_there = |user: &i32| self.store_of(&key_of(user)).port() == server.port();
            let nobody = (0..NOBODY).rev().find(is_there).expect("every store owns many slots");
            self.eventually(|| {
                let tier = get(&format!("/users/{nobody}/credit-notes"))?.cache;
                let removed: u64 = server.command(&["DEL", &key_of(&nobody)]).map_err(|error| format!("{error:#}"))?;
                let is_used = tier.as_deref() != Some("bypassed") && removed == 1;
                if is_used { Ok(()) } else { Err(format!("{removed} is removed after an answer from {tier:?}")) }
            });
        }
    }

    /// The output of `cache-admin stats`.
    #[track_caller]
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::new(self.admin("stats --format json").json())
    }

    /// Runs statements in one transaction, like another program.
    #[track_caller]
    pub fn execute(&self, statements: &[&str]) {
        let done = self.runtime.block_on(sql::execute(self.database_url(), statements));
        done.unwrap_or_else(|error| panic!("{statements:?}: {error}"));
    }

    /// A connection like that of another program.
    #[track_caller]
    #[must_use]
    pub fn session(&self) -> Session {
        let opened = Session::open(self.database_url(), self.runtime.handle());
        opened.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The rows of a query whose columns are all text.
    #[track_caller]
    #[must_use]
    pub fn rows(&self, query: &str) -> Vec<Vec<Option<String>>> {
        let rows = self.runtime.block_on(sql::rows(self.database_url(), query));
        rows.unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    /// Whether the database answers at present.
    #[must_use]
    pub fn database_answers(&self) -> bool {
        self.runtime.block_on(sql::rows(self.database_url(), "SELECT '1'")).is_ok()
    }

    /// The only whole number in the result of a query.
    #[track_caller]
    #[must_use]
    pub fn number(&self, query: &str) -> i64 {
        let rows = self.rows(&format!("SELECT CAST(({query}) AS TEXT)"));
        let number = rows.first().and_then(|row| row.first()?.as_ref()?.parse().ok());
        number.unwrap_or_else(|| panic!("{query} finds no number: {rows:?}"))
    }

    /// The names of all keys in Redis that match a pattern, sorted. It uses SCAN.
    #[track_caller]
    #[must_use]
    pub fn redis_keys(&self, pattern: &str) -> Vec<String> {
        let names = self.stores().into_iter().flat_map(|server| keys_of(server, pattern));
        names.collect::<BTreeSet<String>>().into_iter().collect()
    }

    /// The value of a key as bytes.
    #[track_caller]
    #[must_use]
    pub fn redis_value(&self, key: &str) -> Option<Vec<u8>> {
        self.store_of(key).command(&["GET", key]).unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// The flushed counters of the processes: sums over hours by `type:event`.
    #[track_caller]
    #[must_use]
    pub fn counters(&self) -> BTreeMap<String, u64> {
        let mut sums = BTreeMap::new();
        for key in self.redis_keys("billing_cache:{numbers}:hour:*") {
            let cache_type = key.rsplit(':').next().expect("a split text has a last part");
            let hour: BTreeMap<String, u64> =
                self.store_of(&key).command(&["HGETALL", &key]).expect("an hour is a hash");
            for (event, count) in hour {
                *sums.entry(format!("{cache_type}:{event}")).or_default() += count;
            }
        }
        sums
    }

    /// Repeats a request until there is a value, for changes that a process makes by itself, such as reconnecting.
    #[track_caller]
    pub fn eventually<T>(&self, mut probe: impl FnMut() -> Result<T, String>) -> T {
        // The helper of test-support is not used, because these probes block on the runtime.
        let end = Instant::now() + PATIENCE;
        loop {
            match probe() {
                Ok(value) => return value,
                Err(missing) => assert!(Instant::now() < end, "not within {PATIENCE:?}: {missing}"),
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }
}

#[track_caller]
fn keys_of(server: &RedisServer, pattern: &str) -> Vec<String> {
    let mut connection = server.connection().unwrap_or_else(|error| panic!("{error:#}"));
    let mut scan = redis::cmd("SCAN");
    scan.cursor_arg(0).arg("MATCH").arg(pattern).arg("COUNT").arg(1_000);
    let names = scan.iter::<String>(&mut connection).expect("Redis answers to SCAN");
    names.collect::<Result<_, _>>().expect("key names are text")
}
