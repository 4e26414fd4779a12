//! The tools on a large Redis: memory, time, and what other clients feel of it. Run by `cargo xtask bench tools`.
//!
//! Fills a Redis of its own with many keys of ours and of others, and runs the release-built `cache-admin` as a process
//! on it, while another client sends PING every millisecond. Where there is a bare side, it does the same work with
//! nothing around it, in turn with ours; what counts is the median of the rounds' ratios.

mod bare;
mod fill;
mod ping;
mod run;
mod table;

use anyhow::{Context, Result};
use clap::Parser;
use test_support::RedisServer;

use crate::fill::Values;
use crate::run::{Run, Tool};

#[derive(Parser)]
struct Options {
    /// Keys of ours
    #[arg(long, default_value_t = 1_000_000)]
    keys: u64,
    /// Keys of other programs
    #[arg(long, default_value_t = 200_000)]
    foreign: u64,
    /// Invoices in the database that `warmup` loads from
    #[arg(long, default_value_t = 100_000)]
    invoices: u64,
    /// Rounds of what is compared with a bare side
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

/// What is measured by itself, in this order, on the filled Redis.
const COMMANDS: &[(&[&str], Repeat)] = &[
    (&["stats", "--exact"], Repeat::EachRound),
    (&["clear", "--type", "all", "--dry-run"], Repeat::EachRound),
    (&["warmup", "--type", "invoices", "--limit", "10000"], Repeat::Once),
    (&["warmup", "--type", "invoices", "--limit", "100000"], Repeat::Once),
];

#[derive(Clone, Copy)]
enum Repeat {
    EachRound,
    /// It finds another state the second time.
    Once,
}

impl Repeat {
    fn times(self, rounds: u32) -> u32 {
        match self {
            Self::EachRound => rounds,
            Self::Once => 1,
        }
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    let redis = RedisServer::start()?;
    let directory = tempfile::tempdir()?;
    let tool = Tool::new(&redis, &directory);
    eprintln!("{} keys of ours, {} of others, Redis {}", options.keys, options.foreign, version(&redis)?);
    seed(&tool, options.invoices)?;
    let fill_with = |values| fill::fill(&redis, values, options.keys, options.foreign).context("fill Redis");
    let fill = || fill_with(Values::Realistic);
    fill()?;

    table::noise(Run::idle(&redis)?);
    compare_stats(&tool, &redis, options.rounds)?;
    for (arguments, repeat) in COMMANDS {
        let runs: Result<Vec<Run>> = (0..repeat.times(options.rounds)).map(|_| tool.run(arguments)).collect();
        table::row(&arguments.join(" "), &runs?);
    }
    compare_clear(&tool, &redis, options.rounds, &fill)?;
    fill_with(Values::Right)?;
    let audits: Result<Vec<Run>> = (0..options.rounds).map(|_| tool.run(&["verify", "--all"])).collect();
    table::row("verify --all", &audits?);
    Ok(())
}

fn compare_stats(tool: &Tool<'_>, redis: &RedisServer, rounds: u32) -> Result<()> {
    let (mut ours, mut other) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours.push(tool.run(&["stats"])?);
        other.push(Run::of_bare(redis, bare::scan_and_measure)?);
    }
    table::comparison("stats", &ours, "SCAN, MEMORY USAGE of 1 in 50", &other);
    Ok(())
}

fn compare_clear(tool: &Tool<'_>, redis: &RedisServer, rounds: u32, fill: &dyn Fn() -> Result<()>) -> Result<()> {
    let (mut ours, mut other) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        fill()?;
        ours.push(tool.run(&["clear", "--type", "invoices"])?);
        fill()?;
        other.push(Run::of_bare(redis, bare::scan_and_unlink)?);
    }
    table::comparison("clear --type invoices", &ours, "SCAN MATCH, UNLINK", &other);
    Ok(())
}

/// A database that `warmup` can load from.
fn seed(tool: &Tool<'_>, invoices: u64) -> Result<()> {
    tool.run(&["migrate"])?;
    tool.run(&["seed", "--users", "1000", "--invoices", &invoices.to_string()])?;
    Ok(())
}

fn version(redis: &RedisServer) -> Result<String> {
    Ok(redis.info("server")?.remove("redis_version").unwrap_or_default())
}
