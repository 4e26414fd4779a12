//! `cargo xtask bench`: one suite, one page. Everything runs against servers that this task or a benchmark starts.
//!
//! A full run writes `docs/benchmarks.md`; a quick one, or a part, never does. The figures of all are kept in
//! `target/xtask/bench`, and `--from` makes the page of them again.

mod compare;
mod costs;
mod curve;
mod goal;
mod goals;
mod growth;
mod machine;
mod memory;
mod peer;
mod program;
mod record;
mod report;
mod results;
mod side;
mod start_up;
mod suite;
mod table;
mod usage;
mod works;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};

use program::{Depth, Target};

/// Of a full run, in the growth of keys.
const MOST_KEYS: u64 = 10_000_000;
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
    /// The most keys in Redis that reads are spread over, as far as the memory allows
    #[arg(long, default_value_t = MOST_KEYS)]
    most_keys: u64,
    /// Where the report goes; default: docs/benchmarks.md after a full run, a file of the target directory after a quick one
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Measure nothing: write the page again from the figures of earlier runs
    #[arg(long, value_name = "FILE", conflicts_with_all = ["quick", "database", "most_keys"])]
    from: Option<PathBuf>,
}

/// A part of the suite; its tables go to stdout, its figures to those that are kept, and no page is written.
#[derive(Clone, Copy, Subcommand)]
enum Part {
    /// Build and install everything that the parts need, and measure nothing; the whole suite begins with it
    Build,
    /// Hits against the bare stores that they are made of
    HotPath,
    /// Instructions of a hit and a miss, against their bounds; part of `cargo xtask test` too
    Instructions,
    /// The billing cache, the limits, and what a user would pick instead, in turn on the same data
    Peers,
    /// How the cost of a read grows with keys, tasks and processes
    Growth(GrowthOptions),
    /// Processor time, traffic and memory of each operation
    Costs,
    /// Reads, warm-up and writes of a service, on SQLite and PostgreSQL
    Service(DatabaseOptions),
    /// What each kind of warm-up is worth after a clear, in compressed time
    WarmUp(DatabaseOptions),
    /// The tools on a Redis with many keys: memory, time, and what other clients feel
    Tools(ToolsOptions),
    /// How long the tools take from start to end
    StartUp,
}

#[derive(Clone, Copy, Args)]
struct GrowthOptions {
    /// The most keys in Redis, as far as the memory allows
    #[arg(long, default_value_t = MOST_KEYS)]
    most_keys: u64,
}

#[derive(Clone, Copy, Args)]
struct DatabaseOptions {
    /// Only this database; both without it
    #[arg(long)]
    database: Option<Backend>,
}

#[derive(Clone, Copy, Args)]
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
    match (&options.from, options.part) {
        (Some(figures), _) => suite::report_again(figures, options.report.as_deref()),
        (None, Some(part)) => suite::run_part(part, options.depth()),
        (None, None) => suite::run(options),
    }
}

impl Options {
    fn depth(&self) -> Depth {
        if self.quick { Depth::Quick } else { Depth::Full }
    }
}
