//! The command line of the monitor, and the measurement plan made from it.
//!
//! Invariant: arguments that pass this file can be measured; all others are refused here, with exit code 2.

use std::path::PathBuf;

use billing_core::cached::CACHED_TYPES;
use billing_outbox::registry::RegisteredType;
use clap::{Parser, Subcommand};
use cli_support::{CommonArgs, Manual, TypeChoice};

use crate::dashboard;
use crate::workload::Draw;

const MOST_ITERATIONS: u64 = 100_000_000;
const MOST_KEYS: u64 = 1_000_000;
const MOST_TASKS: u64 = 1_000;
const HIGHEST_EXPONENT: f64 = 10.0;

/// One line per paragraph: clap wraps them to the terminal.
const AFTER_HELP: &str = "\
Examples:
  cache-monitor --iterations 100                          every type, 100 requests each
  cache-monitor --type invoices --iterations 20000        enough for a p99.9
  cache-monitor --concurrency 32 --html report.html       32 tasks at once; a page with charts
  cache-monitor --trace access.log                        replay real requests
  zcat access.log.gz | cache-monitor --trace -             the same from a pipe
  cache-monitor --iterations 2000 --json main.json        keep a report …
  cache-monitor --iterations 2000 --baseline main.json --fail-under 80
                                                          … and fail if hits lost a fifth of their speed-up
  cache-monitor --iterations 2000 --fail-under 50         fail where a hit saves less than half of a load

The test uses real ids, but stores them under its own Redis prefix and deletes them at the end. It reads and changes no \
production key and no counter. For each request, the same key is also read directly from the database. The `database` rows \
show these direct reads.

A percentile with no sample above it is not shown (`too few`). One with fewer than 10 samples above it is marked with ~. Below \
20 samples there are no percentiles and no improvement. Improvements are shown with a 95 % confidence interval.

Each task waits for an answer before it sends the next request. The times are those of the operations; while the system \
stalls, a user who comes at a fixed time would wait longer (coordinated omission).

Exit codes: 0 measured; 1 under what --fail-under asks for, or something failed; 2 wrong arguments or settings, a \
baseline that does not match, or --fail-under cannot tell; 3 Redis or the database cannot be reached, or there is nothing to measure; 130 interrupted: what was \
measured until then is shown.";

/// Measure hit rates, and the time of hits and misses compared with reading the database
#[derive(Debug, Parser)]
#[command(name = "cache-monitor", version, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Number of requests for each cached type
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = iterations)]
    pub(crate) iterations: u64,
    /// Cache type to measure; may be repeated
    #[arg(long = "type", value_name = "TYPE", value_parser = TypeChoice::parser(), default_value = "all")]
    types: Vec<TypeChoice>,
    /// Number of tasks that send requests at the same time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=MOST_TASKS))]
    pub(crate) concurrency: u64,
    /// Number of requests of each type to send first, without counting them
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=MOST_ITERATIONS))]
    pub(crate) warmup: u64,
    /// Seed of the random key sequence; the same seed requests the same keys [default: random, shown in the report]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Number of existing keys of each type to choose from
    #[arg(long, value_name = "K", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=MOST_KEYS))]
    pub(crate) keys: u64,
    /// How uneven the requests are: 0 = all keys equally often, 1 = a few keys get most requests (Zipf exponent)
    #[arg(long, value_name = "EXPONENT", default_value_t = 1.0, value_parser = exponent)]
    pub(crate) zipf: f64,
    /// Replay this access log instead: one Redis key per line, such as invoice:42; - reads standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["iterations", "keys", "zipf", "seed"])]
    pub(crate) trace: Option<PathBuf>,
    /// Also write the report to this file, as JSON
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub(crate) json: Option<PathBuf>,
    /// Also write the report to this file, as Markdown
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub(crate) markdown: Option<PathBuf>,
    /// Also write the report to this file, as one HTML page with charts
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub(crate) html: Option<PathBuf>,
    /// Compare with this earlier report, written by --json or --format json
    #[arg(long, value_name = "FILE", requires = "fail_under", help_heading = "Gate")]
    pub(crate) baseline: Option<PathBuf>,
    /// Alone: exit with 1 if hits save less than PERCENT of the time of a load, for any type. With --baseline: exit
    /// with 1 if the speed-up of hits over loads is less than PERCENT of that in the baseline. Exit with 2 if the
    /// measurement cannot decide it with 95 % certainty
    #[arg(long, value_name = "PERCENT", value_parser = percent, help_heading = "Gate")]
    pub(crate) fail_under: Option<f64>,
    /// With --fail-under: pass types that the measurement cannot decide, such as types without rows or with few hits
    #[arg(long, requires = "fail_under", help_heading = "Gate")]
    pub(crate) allow_unknown: bool,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Commands other than a measurement.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve a web page with live and past figures of the cache
    Dashboard(dashboard::Arguments),
    #[command(flatten)]
    Manual(Manual),
}

impl Arguments {
    /// How to draw keys. Without `--seed`, each call returns another seed, short enough to be typed again.
    pub(crate) fn draw(&self) -> Draw {
        let seed = self.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
        Draw { seed, exponent: self.zipf }
    }

    /// The command that requests the same keys again.
    pub(crate) fn again(&self, draw: Draw) -> String {
        let Self { iterations, keys, .. } = self;
        let Draw { seed, exponent } = draw;
        let mut again = "cache-monitor".to_owned();
        if self.types().len() < CACHED_TYPES.len() {
            again.extend(self.types().iter().map(|cached| format!(" --type {}", cached.info().name)));
        }
        again.push_str(&format!(" --iterations {iterations} --keys {keys} --zipf {exponent} --seed {seed}"));
        for (flag, value, default) in [("--concurrency", self.concurrency, 1), ("--warmup", self.warmup, 0)] {
            if value != default {
                again.push_str(&format!(" {flag} {value}"));
            }
        }
        again
    }

    /// The types to measure, each once, in the order of the registry.
    pub(crate) fn types(&self) -> Vec<&'static dyn RegisteredType> {
        let chosen: Vec<&str> = self.types.iter().flat_map(|choice| choice.types()).map(|t| t.info().name).collect();
        CACHED_TYPES.iter().copied().filter(|cached| chosen.contains(&cached.info().name)).collect()
    }
}

fn iterations(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) => Err("without a request there is nothing to measure; ask for at least 1".to_owned()),
        Ok(number) if number <= MOST_ITERATIONS => Ok(number),
        _ => Err(format!("must be a whole number from 1 to {MOST_ITERATIONS}")),
    }
}

fn exponent(text: &str) -> Result<f64, String> {
    let exponent = text.parse().ok().filter(|exponent| (0.0..=HIGHEST_EXPONENT).contains(exponent));
    exponent.ok_or_else(|| format!("must be a number from 0 to {HIGHEST_EXPONENT}"))
}

fn percent(text: &str) -> Result<f64, String> {
    let percent = text.parse().ok().filter(|percent| (0.0..=100.0).contains(percent));
    percent.ok_or_else(|| "must be a number from 0 to 100".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, String> {
        let words = ["cache-monitor"].iter().chain(arguments);
        Arguments::try_parse_from(words).map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        for (arguments, reason) in [
            (&["--iterations", "0"][..], "nothing to measure"),
            (&["--iterations", "x"], "whole number"),
            (&["--keys", "0"], "1..="),
            (&["--concurrency", "0"], "1..="),
            (&["--zipf", "-1"], "unexpected argument"),
            (&["--zipf", "11"], "from 0 to 10"),
            (&["--zipf", "NaN"], "from 0 to 10"),
            (&["--type", "nothing"], "user_credit_notes"),
            (&["--trace", "x", "--iterations", "5"], "cannot be used with"),
            (&["--trace", "x", "--seed", "5"], "cannot be used with"),
            (&["--baseline", "x"], "--fail-under"),
            (&["--allow-unknown"], "--fail-under"),
            (&["--fail-under", "101"], "from 0 to 100"),
        ] {
            let error = parse(arguments).unwrap_err();
            assert!(error.contains(reason), "{arguments:?}: {error}");
        }
    }

    #[test]
    fn a_seed_of_ones_own_is_kept() {
        assert_eq!(parse(&["--seed", "18446744073709551615"]).unwrap().draw().seed, u64::MAX);
    }

    #[test]
    fn chosen_types_come_once_and_in_the_order_of_the_registry() {
        let names = |arguments: &[&str]| -> Vec<&str> {
            parse(arguments).unwrap().types().iter().map(|cached| cached.info().name).collect()
        };
        let every: Vec<&str> = CACHED_TYPES.iter().map(|cached| cached.info().name).collect();
        assert_eq!(names(&[]), every);
        assert_eq!(names(&["--type", "invoices", "--type", "all"]), every);
        assert_eq!(
            names(&["--type", "invoices", "--type", "tax_rates", "--type", "invoices"]),
            ["tax_rates", "invoices"]
        );
    }
}
