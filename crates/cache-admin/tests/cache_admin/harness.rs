//! A stage for one test: Redis, database, working directory, and runs of the binary on them.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use billing_cache::RedisSettings;
use billing_core::cached::{BillingCache, open_cache};
use billing_core::settings::Settings;
use billing_outbox::database::Database;
use serde_json::Value;
use tempfile::TempDir;
use test_support::{Authority, ClientCertificates, Identity, Lifetime, RedisOptions, RedisServer, TestDatabase};

/// The present of all seeded data.
pub(crate) const NOW: &str = "2026-11-22T19:04:00";

pub(crate) struct Stage {
    pub(crate) redis: RedisServer,
    pub(crate) database: TestDatabase,
    directory: TempDir,
    tls: Option<Tls>,
}

/// What it takes to reach a Redis that speaks TLS.
pub(crate) struct Tls {
    pub(crate) authority: Authority,
    pub(crate) client: Identity,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Stage {
    pub(crate) fn sqlite() -> Self {
        Self::new(TestDatabase::sqlite().unwrap(), RedisServer::options())
    }

    pub(crate) fn with_redis(options: RedisOptions) -> Self {
        Self::new(TestDatabase::sqlite().unwrap(), options)
    }

    /// A Redis of these options that speaks TLS and demands a certificate of its clients; runs have what it takes.
    pub(crate) fn with_tls(options: RedisOptions) -> Self {
        let authority = Authority::new().unwrap();
        let server = authority.server("127.0.0.1", Lifetime::Valid).unwrap();
        let client = authority.client("billing", Lifetime::Valid).unwrap();
        let stage = Self::with_redis(options.tls(&authority, &server, ClientCertificates::Demanded));
        Self { tls: Some(Tls { authority, client }), ..stage }
    }

    pub(crate) fn on(database: TestDatabase, options: RedisOptions) -> Self {
        Self::new(database, options)
    }

    fn new(database: TestDatabase, options: RedisOptions) -> Self {
        Self { redis: options.start().unwrap(), database, directory: tempfile::tempdir().unwrap(), tls: None }
    }

    /// A migrated database with 50 users and 300 invoices.
    pub(crate) fn seeded(self) -> Self {
        self.run(&["migrate"]).assert_fine();
        self.run(&["seed", "--users", "50", "--invoices", "300", "--now", NOW]).assert_fine();
        self
    }

    /// The working directory of the runs.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cache-admin"));
        command
            .args(arguments)
            .env_clear()
            .env("REDIS_HOST", "127.0.0.1")
            .env("REDIS_PORT", self.redis.port().to_string())
            .env("DATABASE_URL", self.database.url())
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        if let Some(Tls { authority, client }) = &self.tls {
            command
                .env("REDIS_TLS", "true")
                .env("REDIS_TLS_CA", authority.file())
                .env("REDIS_TLS_CLIENT_CERT", &client.certificate)
                .env("REDIS_TLS_CLIENT_KEY", &client.key);
        }
        command
    }

    /// How a service reaches the Redis of this stage.
    pub(crate) fn redis_settings(&self) -> RedisSettings {
        let mut redis = Settings::defaults().redis;
        (redis.host, redis.port) = ("127.0.0.1".to_owned(), self.redis.port());
        if let Some(Tls { authority, client }) = &self.tls {
            (redis.tls, redis.tls_ca_file) = (true, authority.file());
            (redis.tls_client_cert_file, redis.tls_client_key_file) = (client.certificate.clone(), client.key.clone());
        }
        redis
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, &[])
    }

    /// Runs with further variables, which outrank those of the stage.
    pub(crate) fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
        Run::of(self.command(arguments).envs(variables.iter().copied()).output().unwrap())
    }

    /// The JSON of a run that succeeds.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let run = self.run(&[arguments, &["--format", "json"]].concat());
        run.assert_fine();
        run.json()
    }

    /// In which history Redis is, as applied rows of the outbox are marked.
    pub(crate) async fn history(&self) -> String {
        let primaries = self.open_cache().await.primaries().await.unwrap();
        primaries.history_of_all().unwrap().as_str().to_owned()
    }

    pub(crate) async fn open_database(&self) -> Database {
        Database::connect(&Settings::database_at(self.database.url())).await.unwrap()
    }

    /// A cache as a service has it.
    pub(crate) async fn open_cache(&self) -> BillingCache {
        open_cache(self.open_database().await, &self.redis_settings(), Settings::defaults().cache).await.unwrap()
    }

    pub(crate) fn set(&self, key: &str, seconds: u64) {
        self.redis.command::<()>(&["SET", key, "null", "EX", &seconds.to_string()]).unwrap();
    }

    pub(crate) fn exists(&self, key: &str) -> bool {
        self.redis.command(&["EXISTS", key]).unwrap()
    }
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Exit code 0, and nothing but the result was said.
    pub(crate) fn assert_fine(&self) {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{self:?}");
    }

    /// This exit code, nothing on stdout, and one sentence on stderr; gives the sentence.
    pub(crate) fn assert_error(&self, code: i32) -> &str {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{self:?}");
        let sentence = self.stderr.strip_prefix("error: ").and_then(|rest| rest.strip_suffix('\n'));
        let sentence = sentence.unwrap_or_else(|| panic!("no sentence: {self:?}"));
        assert!(!sentence.contains('\n'), "more than one line: {self:?}");
        sentence
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs the test on each kind of database.
pub(crate) async fn for_each_backend(test: impl AsyncFn(&Stage)) {
    for database in [TestDatabase::sqlite().unwrap(), TestDatabase::postgres().await.unwrap()] {
        println!("on {}", database.backend_name());
        let stage = Stage::new(database, RedisServer::options());
        test(&stage).await;
        stage.database.drop_database().await.unwrap();
    }
}

/// A finding in a report of `doctor`.
pub(crate) fn finding<'a>(report: &'a Value, subject: &str, check: &str) -> &'a Value {
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["subject"] == subject && finding["check"] == check);
    found.unwrap_or_else(|| panic!("no {subject} {check} in {report:#}"))
}

/// The entry of a JSON array whose `name` this is.
pub(crate) fn named<'a>(array: &'a Value, name: &str) -> &'a Value {
    let entries = array.as_array().unwrap_or_else(|| panic!("no array: {array}"));
    entries.iter().find(|entry| entry["name"] == name).unwrap_or_else(|| panic!("no {name} in {array}"))
}
