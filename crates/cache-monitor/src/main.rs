//! `cache-monitor`: what the billing cache is worth, measured.
//!
//! Arguments → settings → measurement → report → rendering, one file each. Invariant: the keys of production are neither
//! read nor written; the run leaves nothing in Redis.

mod arguments;
mod interruption;
mod json_file;
mod key_sequence;
mod latencies;
mod measurement;
mod report;
mod run;
mod trial_space;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    cli_support::exit::run(run::run(&arguments))
}
