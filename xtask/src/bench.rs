//! `cargo xtask bench`: the benchmarks, against servers that they or this task start.

use std::process::Command;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};

use crate::environment::without_ours;
use crate::install::{self, Need};
use crate::instructions;
use crate::postgres::{self, PostgresServer};
use crate::process::{self, say};
use crate::redis::{self, RedisServer};
use crate::workspace::{Scratch, cargo};

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    suite: Option<Suite>,
    #[command(flatten)]
    service: ServiceOptions,
}

#[derive(Subcommand)]
enum Suite {
    /// Reads, warm-up and writes of a service, on SQLite and PostgreSQL; what is run without a name
    Service(ServiceOptions),
    /// What each kind of warm-up is worth after a clear, in compressed time
    WarmUp(ServiceOptions),
    /// The tools on a Redis with many keys: memory, time, and what other clients feel
    Tools(ToolsOptions),
    /// Hits in memory against bare stores, and what counting costs
    HotPath,
    /// Instructions of a hit and a miss, against their bounds; part of `cargo xtask test`
    Instructions,
}

#[derive(Args)]
struct ServiceOptions {
    /// Only this database; both without it
    #[arg(long)]
    database: Option<Backend>,
}

#[derive(Args)]
struct ToolsOptions {
    /// Keys of ours
    #[arg(long, default_value_t = 1_000_000)]
    keys: u64,
    /// Keys of other programs
    #[arg(long, default_value_t = 200_000)]
    foreign: u64,
    /// Rounds of what is compared with a bare side
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

/// A benchmark, as cargo names it.
#[derive(Clone, Copy)]
struct Target {
    package: &'static str,
    name: &'static str,
}

const SERVICE: Target = Target { package: "billing-core", name: "billing" };
const WARM_UP: Target = Target { package: "cache-admin", name: "warm_up" };

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Backend {
    Sqlite,
    Postgres,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    match &options.suite {
        None => on_databases(SERVICE, &options.service),
        Some(Suite::Service(options)) => on_databases(SERVICE, options),
        Some(Suite::WarmUp(options)) => on_databases(WARM_UP, options),
        Some(Suite::Tools(options)) => tools(options),
        Some(Suite::HotPath) => hot_path(),
        Some(Suite::Instructions) => instructions::run_where_countable(),
    }
}

/// The benchmark starts its Redis itself.
fn hot_path() -> Result<()> {
    install::ensure(&[Need::Redis])?;
    let mut command = cargo();
    command.args(["bench", "--package", "billing-cache", "--bench", "hot_path"]);
    without_ours(&mut command).envs(redis::program().map(|program| ("REDIS_SERVER_BIN", program)));
    say(&format!("$ {}", process::shown(&command)));
    process::run("the benchmark of the hot path", &mut command)
}

/// The benchmark starts its Redis itself: it measures what a client of that server feels.
fn tools(options: &ToolsOptions) -> Result<()> {
    install::ensure(&[Need::Redis])?;
    let numbers = [("--keys", options.keys), ("--foreign", options.foreign), ("--rounds", u64::from(options.rounds))];
    let mut command = cargo();
    command.args(["bench", "--package", "cache-admin", "--bench", "tools", "--"]);
    for (name, number) in numbers {
        command.arg(name).arg(number.to_string());
    }
    say(&format!("$ {}", process::shown(&command)));
    process::run("the benchmark of the tools", &mut command)
}

/// A benchmark that is given a Redis and a database.
fn on_databases(target: Target, options: &ServiceOptions) -> Result<()> {
    install::ensure(&[Need::Redis])?;
    if options.wants(Backend::Sqlite) {
        let directory = Scratch::new("bench")?;
        bench(target, &format!("sqlite://{}", directory.path().join("bench.sqlite").display()))?;
    }
    if options.wants(Backend::Postgres) {
        install::ensure(&[Need::Postgres])?;
        let directory = Scratch::new("postgres")?;
        let server = PostgresServer::start(directory.path())?;
        bench(target, &postgres::url(server.port))?;
    }
    Ok(())
}

/// Runs the benchmark with an empty Redis of its own.
fn bench(target: Target, database_url: &str) -> Result<()> {
    let directory = Scratch::new("redis")?;
    let redis = RedisServer::start(directory.path())?;
    let mut command: Command = cargo();
    let Target { package, name } = target;
    command.args(["bench", "--package", package, "--bench", name]);
    without_ours(&mut command).env("BENCH_REDIS_PORT", redis.port.to_string()).env("BENCH_DATABASE_URL", database_url);
    say(&format!("$ cargo bench --package {package} --bench {name}"));
    process::run("the benchmark", &mut command)
}

impl ServiceOptions {
    fn wants(&self, backend: Backend) -> bool {
        self.database.is_none_or(|only| only == backend)
    }
}
