//! `cache-admin`: the operator's tool for the billing cache and its database.
//!
//! Invariants: nothing it does touches a key of another program or holds up the server; every command may be interrupted
//! without harm. Here are the arguments; each command is one file in `commands`, and what it prints one in `reports`.

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
  cache-admin migrate                           make the tables and triggers, or update them
  cache-admin seed --users 200 --invoices 2000  fill an empty database with demonstration data
  cache-admin warmup --type invoices            load the invoices that people ask for into the cache
  cache-admin warmup --auto                     keep what people ask for cached, until Ctrl-C
  cache-admin stats --hours 1                   what is cached; hits and misses of the last hour
  cache-admin clear --type invoices --id 42     remove one value
  cache-admin clear --type all --dry-run        what emptying the cache would remove
  cache-admin stats --watch 5                   the same every five seconds
  cache-admin inspect invoice:42                is this value right, and what changed it last?
  cache-admin verify --all --repair             compare all with the database; remove what is wrong
  cache-admin doctor                            what is wrong, and what to do about it
  cache-admin stats --format json | jq .types   the same for programs

Results go to stdout, everything else to stderr.

Exit codes: 0 fine; 1 a part failed, a value is wrong, or doctor found a problem; 2 wrong usage or
settings; 3 Redis or the database could not be reached, or the database is not migrated; 130
interrupted.

Settings: defaults < .env < --config FILE < environment < flags. Each other flag has a variable too,
which the help of its command names. RUST_LOG=debug says what goes on; NO_COLOR=1 takes colours away.";

/// Look at the billing cache, empty it, warm it up; prepare and fill its database
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
    /// Show the Redis server, and by cache type its keys, their TTLs, hits and misses
    Stats(stats::Arguments),
    /// Remove cached values of one type or of all, and nothing else
    Clear(clear::Arguments),
    /// Show one value, what invalidated it, and where it differs from the database
    Inspect(inspect::Arguments),
    /// Compare cached values with the database, and repair what is wrong if told to
    Verify(verify::Arguments),
    /// Load the values worth having into a cold cache
    Warmup(warmup::Arguments),
    /// Check Redis, the database and the settings, and say what to do where something is wrong
    Doctor(doctor::Arguments),
    /// Make the database ready: missing tables, the outbox and its triggers
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
