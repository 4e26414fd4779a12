//! `cargo xtask bench`: one suite, one report. Everything runs against servers that this task or a benchmark starts.
//!
//! A full run writes `docs/benchmarks.md`; a quick one, or a part, never does. The figures are kept beside each other in
//! `target/xtask/bench/results.json`, of which `--from` makes the report again.

mod compare;
mod curve;
mod goal;
mod growth;
mod machine;
mod peer;
mod program;
mod record;
mod report;
mod side;
mod start_up;
mod table;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{Args, Subcommand, ValueEnum};

use crate::install::{self, Need};
use crate::instructions;
use crate::process::say;
use crate::workspace::{root, target_directory};
use machine::Facts;
use program::{Depth, Target};
use record::{Record, Records};
use report::Results;

/// Of a full run, in the growth of keys.
const MOST_KEYS: u64 = 1_000_000;
/// The name of our side.
const OURS: &str = "billing cache";
const SERVICE: Target = Target { package: "billing-core", name: "billing" };
const WARM_UP: Target = Target { package: "cache-admin", name: "warm_up" };
const HOT_PATH: Target = Target { package: "billing-cache", name: "hot_path" };
const TOOLS: Target = Target { package: "cache-admin", name: "tools" };

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    part: Option<Part>,
    /// Few rounds and small servers, in minutes: shows that everything works, not how fast it is
    #[arg(long, global = true)]
    quick: bool,
    /// Only this database, in the parts that know two
    #[arg(long)]
    database: Option<Backend>,
    /// The most keys in Redis that reads are spread over, as far as the memory allows; 10,000,000 take a quarter of an hour
    #[arg(long, default_value_t = MOST_KEYS)]
    most_keys: u64,
    /// Where the report goes; docs/benchmarks.md after a full run, a directory of the target directory after a quick one
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Measure nothing: make the report of the figures that an earlier run kept
    #[arg(long, value_name = "FILE", conflicts_with_all = ["quick", "database", "most_keys"])]
    from: Option<PathBuf>,
}

/// A part of the suite; its tables go to stdout, and no report is written.
#[derive(Subcommand)]
enum Part {
    /// Hits against the bare stores that they are made of
    HotPath,
    /// Instructions of a hit and a miss, against their bounds; part of `cargo xtask test`
    Instructions,
    /// The billing cache, the limits, and what a user would pick instead, in turn on the same data
    Peers,
    /// How the cost of a read grows with keys, tasks and processes
    Growth(GrowthOptions),
    /// Reads, warm-up and writes of a service, on SQLite and PostgreSQL
    Service(DatabaseOptions),
    /// What each kind of warm-up is worth after a clear, in compressed time
    WarmUp(DatabaseOptions),
    /// The tools on a Redis with many keys: memory, time, and what other clients feel
    Tools(ToolsOptions),
}

#[derive(Args)]
struct GrowthOptions {
    /// The most keys in Redis, as far as the memory allows; 10,000,000 take a quarter of an hour and 8 GiB
    #[arg(long, default_value_t = MOST_KEYS)]
    most_keys: u64,
}

#[derive(Args)]
struct DatabaseOptions {
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Backend {
    Sqlite,
    Postgres,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if let Some(file) = &options.from {
        let report = options.report.clone().unwrap_or_else(report_of_docs);
        return written(&Results::read(file)?, &report);
    }
    match &options.part {
        None => suite(options),
        Some(part) => {
            let records = Records(part.run(options.depth())?);
            if !records.0.is_empty() {
                println!("{}", report::tables(&records));
            }
            Ok(())
        }
    }
}

impl Options {
    fn depth(&self) -> Depth {
        if self.quick { Depth::Quick } else { Depth::Full }
    }
}

impl Part {
    fn run(&self, depth: Depth) -> Result<Vec<Record>> {
        match self {
            Self::HotPath => hot_path(depth),
            Self::Instructions => instructions::run_where_countable().map(|()| Vec::new()),
            Self::Peers => compare::run(depth),
            Self::Growth(options) => growth::run(depth, options.most_keys),
            Self::Service(options) => on_databases(SERVICE, options.database, depth, "service"),
            Self::WarmUp(options) => on_databases(WARM_UP, options.database, depth, "warm-up"),
            Self::Tools(options) => tools(options, depth),
        }
    }
}

/// A part of a full run, by the name that is said when it fails.
type Step<'a> = (&'static str, Box<dyn Fn() -> Result<Vec<Record>> + 'a>);

/// Everything. A part that fails leaves a gap in the report and decides the exit code; the others still run.
fn suite(options: &Options) -> Result<()> {
    let depth = options.depth();
    let directory = target_directory()?.join("xtask").join("bench");
    let mut results = Results { facts: Facts::here(), records: Records::default() };
    let mut failed = Vec::new();
    for (name, step) in steps(options, depth) {
        say(&format!("== {name}"));
        match step() {
            Ok(records) => results.records.0.extend(records),
            Err(error) => {
                say(&format!("{name}: {error:#}"));
                failed.push(name);
            }
        }
        results.write(&directory.join("results.json"))?;
    }
    results.facts.add_end();
    results.write(&directory.join("results.json"))?;
    let report = options.report.clone().unwrap_or_else(|| match depth {
        Depth::Full => report_of_docs(),
        Depth::Quick => directory.join("benchmarks.md"),
    });
    written(&results, &report)?;
    if !failed.is_empty() {
        bail!("not measured: {}", failed.join(", "));
    }
    Ok(())
}

fn steps<'a>(options: &Options, depth: Depth) -> Vec<Step<'a>> {
    let (database, most_keys) = (options.database, options.most_keys);
    let sizes: &[u64] = if depth == Depth::Full { &[100_000, 1_000_000] } else { &[20_000] };
    let mut steps: Vec<Step<'a>> = vec![
        ("hits against bare stores", Box::new(move || hot_path(depth))),
        ("the peers", Box::new(move || compare::run(depth))),
        ("the service", Box::new(move || on_databases(SERVICE, database, depth, "service"))),
    ];
    steps.push(("the growth", Box::new(move || growth::run(depth, most_keys))));
    steps.extend(sizes.iter().map(|keys| -> Step<'a> {
        let options = ToolsOptions { keys: *keys, foreign: keys / 5, rounds: 3 };
        ("the tools", Box::new(move || tools(&options, depth)))
    }));
    steps.push(("the start of the tools", Box::new(move || start_up::run(depth))));
    if depth == Depth::Full {
        steps.push(("the warm-up", Box::new(move || on_databases(WARM_UP, database, depth, "warm-up"))));
    }
    steps
}

fn hot_path(depth: Depth) -> Result<Vec<Record>> {
    install::ensure(&[Need::Redis])?;
    program::alone(HOT_PATH, &[], depth, "hot-path")
}

/// The benchmark starts its Redis itself: it measures what a client of that server feels.
fn tools(options: &ToolsOptions, depth: Depth) -> Result<Vec<Record>> {
    install::ensure(&[Need::Redis])?;
    let numbers = [("--keys", options.keys), ("--foreign", options.foreign), ("--rounds", u64::from(options.rounds))];
    let arguments: Vec<String> =
        numbers.iter().flat_map(|(name, number)| [(*name).to_owned(), number.to_string()]).collect();
    program::alone(TOOLS, &arguments, depth, &format!("tools/{}", options.keys))
}

/// A benchmark that is given a Redis and a database.
fn on_databases(target: Target, only: Option<Backend>, depth: Depth, section: &str) -> Result<Vec<Record>> {
    let wanted = |backend: Backend| only.is_none_or(|only| only == backend);
    let mut records = Vec::new();
    install::ensure(&[Need::Redis])?;
    if wanted(Backend::Sqlite) {
        records.extend(program::on_sqlite(target, depth, &format!("{section}/sqlite"))?);
    }
    if wanted(Backend::Postgres) {
        install::ensure(&[Need::Postgres])?;
        records.extend(program::on_postgres(target, depth, &format!("{section}/postgres"))?);
    }
    Ok(records)
}

fn report_of_docs() -> PathBuf {
    root().join("docs").join("benchmarks.md")
}

fn written(results: &Results, report: &Path) -> Result<()> {
    report::write_report(results, report)?;
    say(&format!("the report is {}", report.display()));
    Ok(())
}
