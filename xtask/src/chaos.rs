//! `cargo xtask chaos`: runs the services under faults for any length of time, against servers that this task starts.
//!
//! Invariant: `cargo xtask test` runs the same in a short form. Exit code 1 means that a guarantee was violated; stdout
//! then shows the history and the seed.

use std::process::Command;

use anyhow::Result;
use clap::Args;
use test_servers::{PostgresServer, redis};

use crate::environment::without_ours;
use crate::install::{self, Need};
use crate::process::{self, step};
use crate::test;
use crate::workspace::target_directory;

#[derive(Args)]
pub(crate) struct Options {
    /// Duration in minutes
    #[arg(long, default_value_t = 3.0)]
    minutes: f64,
    /// Seed of every choice of the clients and the faults; default: random
    #[arg(long)]
    seed: Option<u64>,
    /// Use a primary, a replica and three sentinels instead of one server, and their own faults too
    #[arg(long)]
    sentinel: bool,
    /// Use a cluster of three primaries and three replicas instead of one server, and its own faults too
    #[arg(long, conflicts_with = "sentinel")]
    cluster: bool,
    /// Only this fault; may be repeated
    #[arg(long, value_name = "NAME")]
    fault: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    install::ensure(&[Need::Redis, Need::Postgres])?;
    step("the build", &mut test::programs())?;
    let server = PostgresServer::start()?;
    // Started directly, because cargo would not pass on the signal that lets the services end.
    let mut chaos = Command::new(target_directory()?.join("debug").join("chaos"));
    without_ours(chaos.args(options.arguments()))
        .env("BILLING_TEST_POSTGRES_URL", server.url())
        .envs(redis::program().map(|program| ("REDIS_SERVER_BIN", program)));
    process::run("chaos", &mut chaos)
}

impl Options {
    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--minutes".to_owned(), self.minutes.to_string()];
        arguments.extend(self.seed.iter().flat_map(|seed| ["--seed".to_owned(), seed.to_string()]));
        arguments.extend(self.sentinel.then(|| "--sentinel".to_owned()));
        arguments.extend(self.cluster.then(|| "--cluster".to_owned()));
        arguments.extend(self.fault.iter().flat_map(|fault| ["--fault".to_owned(), fault.clone()]));
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_is_passed_on_and_nothing_else() {
        let faults = vec!["healthy".to_owned(), "killed".to_owned()];
        let all = Options { minutes: 0.5, seed: Some(7), sentinel: true, cluster: false, fault: faults };
        assert_eq!(all.arguments().join(" "), "--minutes 0.5 --seed 7 --sentinel --fault healthy --fault killed");
        let none = Options { minutes: 3.0, seed: None, sentinel: false, cluster: false, fault: Vec::new() };
        assert_eq!(none.arguments().join(" "), "--minutes 3");
        let cluster = Options { cluster: true, ..none };
        assert_eq!(cluster.arguments().join(" "), "--minutes 3 --cluster");
    }
}
