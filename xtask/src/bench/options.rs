//! The command line of the benchmarks.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::program::Depth;

/// For the growth of keys in a full run.
const MOST_KEYS: u64 = 10_000_000;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(super) part: Option<Part>,
    /// Few rounds with small servers, done in minutes: shows that everything works, not how fast it is
    #[arg(long, global = true)]
    pub(super) quick: bool,
    /// Only this database, in the parts that use both
    #[arg(long)]
    pub(super) database: Option<Backend>,
    /// Maximum number of keys in Redis that reads are spread over, as far as the memory allows
    #[arg(long, default_value_t = MOST_KEYS)]
    pub(super) most_keys: u64,
    /// Where the report goes; default: docs/benchmarks.md after a full run, a file of the target directory after a
    /// quick one
    #[arg(long, value_name = "FILE")]
    pub(super) report: Option<PathBuf>,
    /// Measure nothing: write the page again from the figures of earlier runs
    #[arg(long, value_name = "FILE", conflicts_with_all = ["quick", "database", "most_keys"])]
    pub(super) from: Option<PathBuf>,
}

/// A part of the suite; its tables go to stdout, its figures to those that are kept, and no page is written.
#[derive(Clone, Copy, Subcommand)]
pub(super) enum Part {
    /// Build and install everything that the parts need, without measuring; the first step of the whole suite
    Build,
    /// Hits compared with bare stores
    HotPath,
    /// Instructions of a hit and a miss, compared with their bounds; also part of `cargo xtask test`
    Instructions,
    /// The billing cache, the limits and the alternatives, by turns on the same data
    Peers,
    /// How the cost of a read grows with keys, tasks and processes
    Growth(GrowthOptions),
    /// Processor time, traffic and memory of each operation
    Costs,
    /// Reads, warm-up and writes of a service, on SQLite and PostgreSQL
    Service(DatabaseOptions),
    /// Hit rates after a clear for each kind of warm-up, in compressed time
    WarmUp(DatabaseOptions),
    /// The tools on a Redis with many keys: memory, time, and the latency of other clients
    Tools(ToolsOptions),
    /// The time of the tools from start to end
    StartUp,
}

#[derive(Clone, Copy, Args)]
pub(super) struct GrowthOptions {
    /// Maximum number of keys in Redis, as far as the memory allows
    #[arg(long, default_value_t = MOST_KEYS)]
    pub(super) most_keys: u64,
}

#[derive(Clone, Copy, Args)]
pub(super) struct DatabaseOptions {
    /// Only this database; default: both
    #[arg(long)]
    pub(super) database: Option<Backend>,
}

#[derive(Clone, Copy, Args)]
pub(super) struct ToolsOptions {
    /// Number of keys of the cache
    #[arg(long, default_value_t = 1_000_000)]
    pub(super) keys: u64,
    /// Number of keys of other programs
    #[arg(long, default_value_t = 200_000)]
    pub(super) foreign: u64,
    /// Number of rounds of each comparison with a bare side
    #[arg(long, default_value_t = 3)]
    pub(super) rounds: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Backend {
    Sqlite,
    Postgres,
}

impl Options {
    pub(super) fn depth(&self) -> Depth {
        if self.quick { Depth::Quick } else { Depth::Full }
    }
}
