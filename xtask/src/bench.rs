//! `cargo xtask bench`: the benchmarks, on SQLite and on PostgreSQL, against servers that this task starts.

use std::process::Command;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::environment::without_ours;
use crate::install::{self, Need};
use crate::postgres::{self, PostgresServer};
use crate::process::{self, say};
use crate::redis::RedisServer;
use crate::workspace::{Scratch, cargo};

#[derive(Args)]
pub(crate) struct Options {
    /// What is measured
    #[arg(value_enum, default_value_t = Suite::Billing)]
    suite: Suite,
    /// Only this database; both without it
    #[arg(long)]
    database: Option<Backend>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// What the cache costs and saves
    Billing,
    /// What each kind of warm-up is worth after a clear, in compressed time
    WarmUp,
}

impl Suite {
    /// The package and the name of its benchmark.
    fn target(self) -> (&'static str, &'static str) {
        match self {
            Self::Billing => ("billing-core", "billing"),
            Self::WarmUp => ("cache-admin", "warm_up"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Backend {
    Sqlite,
    Postgres,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    install::ensure(&[Need::Redis])?;
    if options.wants(Backend::Sqlite) {
        let directory = Scratch::new("bench")?;
        bench(options.suite, &format!("sqlite://{}", directory.path().join("bench.sqlite").display()))?;
    }
    if options.wants(Backend::Postgres) {
        install::ensure(&[Need::Postgres])?;
        let directory = Scratch::new("postgres")?;
        let server = PostgresServer::start(directory.path())?;
        bench(options.suite, &postgres::url(server.port))?;
    }
    Ok(())
}

/// Runs the benchmark with an empty Redis of its own.
fn bench(suite: Suite, database_url: &str) -> Result<()> {
    let directory = Scratch::new("redis")?;
    let redis = RedisServer::start(directory.path())?;
    let mut command: Command = cargo();
    let (package, name) = suite.target();
    command.args(["bench", "--package", package, "--bench", name]);
    without_ours(&mut command).env("BENCH_REDIS_PORT", redis.port.to_string()).env("BENCH_DATABASE_URL", database_url);
    say(&format!("$ cargo bench --package {package} --bench {name}"));
    process::run("the benchmark", &mut command)
}

impl Options {
    fn wants(&self, backend: Backend) -> bool {
        self.database.is_none_or(|only| only == backend)
    }
}
