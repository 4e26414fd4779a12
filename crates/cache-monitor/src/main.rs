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

use cli_support::command_line;

use arguments::Arguments;

fn main() -> ExitCode {
    let arguments: Arguments = command_line::parse();
    cli_support::exit::run(async {
        match &arguments.manual {
            Some(manual) => manual.run(command_line::command::<Arguments>()),
            None => run::run(&arguments).await,
        }
    })
}
