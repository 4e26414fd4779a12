//! The servers that the programs reach when what they are given makes sense, and a working directory for each run.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use system_tests::{Backend, End, Program, Site};
use test_support::RedisServer;

use super::secrets::{PLACES, Place};
use super::trial::Trial;

/// What takes longer is interrupted: some of what is asked for has no end.
const LONGEST: Duration = Duration::from_secs(3);
/// All that is written to Redis stays below it, whatever server a program may find.
const KEY_SPACE: &str = "fuzz:";

/// Both databases with rows, each with a Redis that takes the password of every place.
pub(super) struct Stage {
    sqlite: Site,
    postgres: Site,
    /// How runs ended.
    pub(super) tally: RefCell<BTreeMap<String, u64>>,
}

impl Stage {
    pub(super) fn new() -> Self {
        Self { sqlite: site(Backend::Sqlite), postgres: site(Backend::Postgres), tally: RefCell::default() }
    }

    pub(super) fn site(&self, backend: Backend) -> &Site {
        match backend {
            Backend::Sqlite => &self.sqlite,
            Backend::Postgres => &self.postgres,
        }
    }

    /// Runs one program to its end.
    ///
    /// # Errors
    /// What does not hold.
    pub(super) fn run(&self, trial: &Trial) -> Result<(), String> {
        let site = self.site(trial.backend);
        let directory = tempfile::tempdir_in(site.directory()).expect("a directory can be made");
        for (name, content) in &trial.files {
            std::fs::write(directory.path().join(name), content).expect("a file can be written");
        }
        let program = self.bare_program(trial.backend, trial.tool.name()).in_directory(directory.path());
        let variables = trial.variables.iter();
        let program = variables.fold(program, |program, (name, value)| program.with(name, value));
        let attempt = program.attempt(&trial.arguments, LONGEST);
        let ended = match (attempt.end, attempt.code) {
            (end @ (End::Killed | End::Interrupted), _) => format!("{:?} {end:?}", trial.tool),
            (_, code) => format!("{:?} {}", trial.tool, code.unwrap_or(-1)),
        };
        self.count(&ended);
        trial.judge(&attempt)
    }

    pub(super) fn count(&self, what: &str) {
        *self.tally.borrow_mut().entry(what.to_owned()).or_default() += 1;
    }

    /// A program that knows of nothing but the key space.
    pub(super) fn bare_program(&self, backend: Backend, name: &str) -> Program {
        self.site(backend).bare_program(name).with("BILLING__CACHE__KEY_SPACE", KEY_SPACE)
    }

    /// The address of the database, with a password.
    pub(super) fn database_url(&self, backend: Backend, place: Place) -> String {
        let url = self.site(backend).database_url();
        // The server trusts the loopback, so any will do; SQLite has none.
        url.replacen("postgres@", &format!("postgres:{}@", place.marker()), 1)
    }

    /// The address of Redis, with a password.
    pub(super) fn redis_url(&self, backend: Backend, place: Place) -> String {
        format!("redis://:{}@127.0.0.1:{}", place.marker(), self.port(backend))
    }

    pub(super) fn port(&self, backend: Backend) -> u16 {
        self.site(backend).redis.port()
    }

    /// The variables with which every program works.
    pub(super) fn working(&self, backend: Backend) -> Vec<(String, String)> {
        let port = self.port(backend).to_string();
        let pairs = [
            ("REDIS_HOST", "127.0.0.1".to_owned()),
            ("REDIS_PORT", port),
            ("REDIS_PASSWORD", Place::RedisPassword.marker()),
            ("DATABASE_URL", self.database_url(backend, Place::DatabaseUrl)),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

fn site(backend: Backend) -> Site {
    let site = Site::with_redis(backend, RedisServer::options().password(&Place::RedisPassword.marker()));
    for place in PLACES {
        let password = format!(">{}", place.marker());
        let _: String = site.redis.command(&["ACL", "SETUSER", "default", &password]).expect("Redis has ACLs");
    }
    site.seed();
    site
}
