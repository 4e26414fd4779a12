//! The developer tasks: `cargo xtask demo | test | chaos | mutants | bench | services | tidy | deny`.
//!
//! Invariants: of the workspace's crates this one depends on `test-servers` only (it runs the programs of the others);
//! data goes to stdout and everything else to stderr; everything that a task starts or creates ends with it
//! (`cleanup.rs`), except the servers of `services up`.

#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

mod apt;
mod bench;
mod chaos;
mod chromium;
mod cleanup;
mod demo;
mod deny;
mod environment;
mod failure;
mod http;
mod install;
mod instructions;
mod mutants;
mod other_servers;
mod process;
mod python;
mod services;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "Tasks of this workspace", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run everything once on this machine: Redis, a seeded database, the tools, a payment over HTTP
    Demo(demo::Options),
    /// Check and test everything, with its own servers
    Test(test::Options),
    /// Run services under faults, and check every answer against what was acknowledged before
    Chaos(chaos::Options),
    /// Take each part of the protocol out of the code, and run the test that must fail then
    Mutants(mutants::Options),
    /// Measure the cache against its limits and its alternatives
    Bench(bench::Options),
    /// A Redis and a PostgreSQL for development, in the background
    #[command(subcommand)]
    Services(services::Action),
    /// Check the conventions of this code base
    Tidy,
    /// Check licences, sources, duplicates and known vulnerabilities of the dependencies
    Deny,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cleanup::on_interrupt().and_then(|()| run(cli.task)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cleanup::let_interrupt_finish();
            eprintln!("error: {error:#}");
            failure::exit_code(&error)
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Demo(options) => demo::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Chaos(options) => chaos::run(&options),
        Task::Mutants(options) => mutants::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Services(action) => services::run(&action),
        Task::Tidy => tidy::run(),
        Task::Deny => deny::run(),
    }
}
