//! `cache-monitor`: measures the benefit of the billing cache, and shows its state over time ([`dashboard`]).
//!
//! A measurement: arguments → session → runner → report → rendering. Invariant: cached values of production are neither
//! read nor written, and of its bookkeeping only the counters are read; the run leaves nothing in Redis.

mod arguments;
mod dashboard;
mod measurement;
mod output_file;
mod outputs;
mod report;
mod run;
mod runner;
mod session;
mod statistics;
mod trial_space;
mod usage;
mod workload;

use std::process::ExitCode;

use cli_support::command_line;
use cli_support::exit::{self, Talk};

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    let arguments: Arguments = command_line::parse();
    let talk = if let Some(Command::Dashboard(_)) = arguments.command { Talk::Service } else { Talk::Tool };
    exit::run(talk, async {
        match &arguments.command {
            Some(Command::Dashboard(dashboard)) => dashboard::run(dashboard, &arguments.common).await,
            Some(Command::Manual(manual)) => manual.run(command_line::command::<Arguments>()),
            None => run::run(&arguments).await,
        }
    })
}
