//! The long form of the history check: repeats all faults until the time is over, and prints a table.
//!
//! `cargo xtask chaos` builds and starts what this needs. Data goes to stdout, everything else to stderr; exit code 1
//! if a guarantee was violated.

#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use system_tests::chaos::{Chaos, Report, Round};
use system_tests::faults::Fault;
use system_tests::{Backend, Topology};

/// Run services under faults, and check every answer against what was acknowledged before
#[derive(Parser)]
#[command(after_help = faults())]
struct Arguments {
    /// Duration in minutes
    #[arg(long, default_value_t = 3.0)]
    minutes: f64,
    /// Seed of every choice; default: random
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

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool> {
    let mut faults = arguments.faults()?;
    let seed = arguments.seed.unwrap_or_else(rand::random);
    eprintln!("chaos for {} minutes with --seed {seed}", arguments.minutes);
    // A service ends when its value is dropped, so a signal ends the program in order, after the current round.
    let interrupted = Arc::new(AtomicBool::new(false));
    let interrupt = Arc::clone(&interrupted);
    ctrlc::set_handler(move || interrupt.store(true, Ordering::SeqCst)).context("set the handler for Ctrl-C")?;
    let end = Instant::now() + Duration::try_from_secs_f64(arguments.minutes * 60.0).context("read --minutes")?;

    let mut rng = StdRng::seed_from_u64(seed);
    let mut sites = Sites { topology: arguments.topology(), postgres: None, sqlite: None };
    let mut report = Report::default();
    while Instant::now() < end && !interrupted.load(Ordering::SeqCst) {
        faults.shuffle(&mut rng);
        for fault in &faults {
            if Instant::now() >= end || interrupted.load(Ordering::SeqCst) {
                break;
            }
            let round = Round { fault, seed: rng.random(), length: rng.random_range(0.7..1.8) };
            let outcome = sites.on(fault.database).run(round);
            eprintln!(
                "{}: {} operations, {} of them failed, recovered after {} ms",
                fault.title(),
                outcome.summary.operations,
                outcome.summary.failed,
                outcome.summary.recovery_ms
            );
            outcome.shown.iter().for_each(|violation| println!("{violation}"));
            report.add(fault, &outcome.summary);
        }
    }
    drop(sites);
    print!("{report}");
    if !report.is_clean() {
        let flag = flag(arguments.topology());
        println!("a promise was broken; again: cargo xtask chaos{flag} --seed {seed}");
    }
    Ok(report.is_clean())
}

/// The services on each database, started for the first fault that needs them.
struct Sites {
    topology: Topology,
    postgres: Option<Chaos>,
    sqlite: Option<Chaos>,
}

impl Sites {
    fn on(&mut self, database: Backend) -> &mut Chaos {
        let site = match database {
            Backend::Postgres => &mut self.postgres,
            Backend::Sqlite => &mut self.sqlite,
        };
        site.get_or_insert_with(|| Chaos::start(database, self.topology))
    }
}

impl Arguments {
    fn topology(&self) -> Topology {
        match (self.sentinel, self.cluster) {
            (true, _) => Topology::Sentinels,
            (_, true) => Topology::Cluster,
            (false, false) => Topology::OneServer,
        }
    }

    fn faults(&self) -> Result<Vec<&'static Fault>> {
        let all: Vec<_> = self.topology().faults().collect();
        for name in &self.fault {
            ensure!(all.iter().any(|fault| fault.name == name), "there is no fault {name:?} here; see --help");
        }
        let wanted = |fault: &&Fault| self.fault.is_empty() || self.fault.iter().any(|name| name == fault.name);
        Ok(all.into_iter().filter(wanted).collect())
    }
}

fn faults() -> String {
    let line = |fault: &Fault| format!("  {:<26}{}\n", fault.title(), fault.about);
    let lines = |topology: Topology| topology.faults().map(line).collect::<String>();
    let [one, sentinels, cluster] = [Topology::OneServer, Topology::Sentinels, Topology::Cluster].map(lines);
    format!("Faults:\n{one}\nFaults with --sentinel:\n{sentinels}\nFaults with --cluster:\n{cluster}")
}

/// The flag of `cargo xtask chaos`, after a blank.
fn flag(topology: Topology) -> &'static str {
    match topology {
        Topology::OneServer => "",
        Topology::Sentinels => " --sentinel",
        Topology::Cluster | Topology::Masters => " --cluster",
    }
}
