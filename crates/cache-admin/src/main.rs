//! `cache-admin`: the operator's tool for the billing cache and its database.
//!
//! Invariants: it never touches a key of another program and never blocks the server; every command may be interrupted
//! without harm. This file holds the arguments; each command is a file in `commands`, and its output is a file in
//! `reports`.

mod commands;
mod reports;
mod seed;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use cli_support::exit::{self, Talk};
use cli_support::{Code, CommonArgs, Manual, command_line};

use commands::{clear, doctor, inspect, migrate, stats, verify, warmup};

const EXAMPLES: &str = "\
Examples:
  cache-admin migrate                           create or repair tables and triggers
  cache-admin seed --users 200 --invoices 2000  fill an empty database with demonstration data
  cache-admin warmup --type invoices            load the most-used invoices
  cache-admin warmup --auto                     keep the most-used values cached, until Ctrl-C
  cache-admin stats --hours 1                   keys; hits and misses of this hour
  cache-admin clear --type invoices --id 42     remove one value
  cache-admin clear --type all --dry-run        count what clearing would remove
  cache-admin stats --watch 5                   refresh every five seconds
  cache-admin inspect invoice:42                check one value and its last invalidations
  cache-admin verify --all --repair             compare all values; remove wrong ones
  cache-admin doctor                            find problems and how to fix them
  cache-admin stats --format json | jq .types   JSON for programs

Results go to stdout, everything else to stderr.

Exit codes: 0 fine; 1 a part failed, a value is wrong, or doctor found a problem; 2 wrong usage or
settings; 3 Redis or the database could not be reached, or the database is not migrated; 130
interrupted.

Settings: defaults < .env < --config FILE < environment < flags. Every other flag also has a
variable, shown in the help of its command. RUST_LOG=debug logs more; NO_COLOR=1 turns colours off.";

/// Inspect, check, clear and warm up the billing cache, and set up its database
#[derive(Parser)]
#[command(name = "cache-admin", version, after_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    common: CommonArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show the Redis server and, for each cache type, keys, memory, TTLs, hits and misses
    Stats(stats::Arguments),
    /// Remove the cached values of one type or of all types; no other key is touched
    Clear(clear::Arguments),
    /// Show one cached value, its last invalidations, and how it differs from the database
    Inspect(inspect::Arguments),
    /// Compare cached values with the database; with --repair, remove wrong ones
    Verify(verify::Arguments),
    /// Load the most-used values into the cache
    Warmup(warmup::Arguments),
    /// Check Redis, the database and the settings, and say how to fix each problem
    Doctor(doctor::Arguments),
    /// Create or repair the tables, columns and triggers that the cache needs
    #[command(after_help = migrate::EXAMPLES)]
    Migrate,
    /// Fill an empty database with demonstration data
    Seed(commands::seed::Arguments),
    #[command(flatten)]
    Manual(Manual),
}

fn main() -> ExitCode {
    let cli: Cli = command_line::parse();
    exit::run(Talk::Tool, run(cli.command, &cli.common))
}

async fn run(command: Command, common: &CommonArgs) -> Result<Code> {
    match command {
        Command::Stats(arguments) => stats::run(&arguments, common).await,
        Command::Clear(arguments) => clear::run(&arguments, common).await,
        Command::Inspect(arguments) => {
            exit::interruptible("nothing was changed", inspect::run(&arguments, common)).await
        }
        Command::Verify(arguments) => verify::run(&arguments, common).await,
        Command::Warmup(arguments) => warmup::run(&arguments, common).await,
        Command::Doctor(arguments) => exit::interruptible("nothing was changed", doctor::run(&arguments, common)).await,
        Command::Migrate => {
            let consequence = "the migration is done as a whole or not at all; run it again";
            exit::interruptible(consequence, migrate::run(common)).await
        }
        Command::Seed(arguments) => {
            let consequence = "the rows are kept as a whole or not at all";
            exit::interruptible(consequence, commands::seed::run(&arguments, common)).await
        }
        Command::Manual(manual) => manual.run(command_line::command::<Cli>()),
    }
}
