//! The command line of the monitor, and the plan it makes.
//!
//! Invariant: whatever gets past this file can be measured; what cannot is refused here, with exit code 2.

use std::path::PathBuf;

use clap::Parser;
use cli_support::{CommonArgs, Manual};

use crate::key_sequence::Draw;
use crate::measurement::Plan;

const MOST_ITERATIONS: u64 = 100_000_000;
const MOST_KEYS: u64 = 1_000_000;
const HIGHEST_EXPONENT: f64 = 10.0;

/// One line a paragraph: clap wraps them to the terminal.
const AFTER_HELP: &str = "\
Examples:
  cache-monitor --iterations 1000
  cache-monitor --iterations 1000 --zipf 0 --seed 7 --json report.json
  cache-monitor --format json | jq .total

Keys that exist in the database are measured in a Redis key space of its own, which is gone afterwards; no production key \
is read or changed, and no counter. Next to each request through the cache stands a load of the same key past it, so \
`database` times are of true loads only.

Percentiles stand next to their count. Of fewer than 20 samples there are none, and no improvement, but `too few`; of \
fewer than 100 the p99 is marked with ~, being little else than the slowest one.

Exit codes: 0 measured; 1 something failed; 2 wrong arguments or settings; 3 Redis or the database cannot be reached, or \
there is nothing to measure; 130 interrupted.";

/// Measures what the billing cache is worth: hit rates, and times of hits and misses against the database
#[derive(Debug, Parser)]
#[command(name = "cache-monitor", version, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Requests for each cached type
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = iterations)]
    pub(crate) iterations: u64,
    /// Where the random sequence of keys begins; the same seed asks for the same keys [default: a random one, shown]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// How many existing keys of each type to draw from
    #[arg(long, value_name = "K", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=MOST_KEYS))]
    pub(crate) keys: u64,
    /// How much more often the first keys are drawn than the others: exponent of a Zipf distribution, 0 for evenly
    #[arg(long, value_name = "EXPONENT", default_value_t = 1.0, value_parser = exponent)]
    pub(crate) zipf: f64,
    /// Write the report as JSON to this file too
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(subcommand)]
    pub(crate) manual: Option<Manual>,
}

impl Arguments {
    /// How to measure each type. Without `--seed`, each call makes another one, short enough to be typed again.
    pub(crate) fn plan(&self) -> Plan {
        let seed = self.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
        Plan { iterations: self.iterations, draw: Draw { seed, exponent: self.zipf } }
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
            (["--iterations", "0"], "nothing to measure"),
            (["--iterations", "x"], "whole number"),
            (["--keys", "0"], "1..="),
            (["--zipf", "-1"], "unexpected argument"),
            (["--zipf", "11"], "from 0 to 10"),
            (["--zipf", "NaN"], "from 0 to 10"),
        ] {
            let error = parse(&arguments).unwrap_err();
            assert!(error.contains(reason), "{arguments:?}: {error}");
        }
    }

    #[test]
    fn a_seed_of_ones_own_is_kept() {
        assert_eq!(parse(&["--seed", "18446744073709551615"]).unwrap().plan().draw.seed, u64::MAX);
    }
}
