//! Instruction counts of the read path, with upper bounds. Unlike times, they can be repeated on a busy machine.
//!
//! `benches/hot_path` of `billing-cache` does one operation many times in one function; valgrind's callgrind counts the
//! instructions there. The choice of the next sampled read is excluded from the count, because its frequency depends on
//! time. A count differs by about one percent from run to run (a count of memory hits hardly at all), and by more from
//! one compiler version to the next.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use test_servers::program::{self, find_program};
use test_servers::redis;

use crate::environment::without_ours;
use crate::install::{self, Need};
use crate::process::{say, step};
use crate::workspace::{Scratch, cargo};

/// Counting is toggled when these functions are entered and left: it is on inside the work, and off while the next
/// sampled read is chosen.
const COLLECTED: [&str; 2] = ["--toggle-collect=*counts::measured*", "--toggle-collect=*picked_or_first*"];

/// The maximum number of instructions of an operation: a tenth more than with the toolchain of `rust-toolchain.toml`.
struct Bound {
    operation: &'static str,
    most: f64,
}

const BOUNDS: [Bound; 4] = [
    Bound { operation: HIT, most: 325.0 },
    Bound { operation: UNCOUNTED_HIT, most: 320.0 },
    // Includes the runtime and the Redis client. The same 600 bytes were decoded before.
    Bound { operation: "l2-hit", most: 20_300.0 },
    // GET, ACQUIRE, encoding and FILL; the load itself is negligible.
    Bound { operation: "miss", most: 87_000.0 },
];

const HIT: &str = "l1-hit";
const UNCOUNTED_HIT: &str = "l1-hit-uncounted";
/// The difference between the two.
const COUNTING: &str = "counting a hit";

/// Maximum number of additional instructions of a counted hit, compared with an uncounted one. They find the slot of
/// the thread and add one.
const MOST_FOR_COUNTING: f64 = 8.0;

/// Whether callgrind and the bounds apply to this machine.
pub(crate) const ARE_COUNTABLE: bool = cfg!(all(target_os = "linux", target_arch = "x86_64"));

/// The instructions of one operation.
pub(crate) struct Count {
    pub(crate) operation: &'static str,
    pub(crate) instructions: f64,
    /// The bound.
    pub(crate) most: f64,
}

/// Counts where that is possible, prints the counts, and fails if a bound is exceeded.
pub(crate) fn within_bounds() -> Result<Vec<Count>> {
    if !ARE_COUNTABLE {
        say("instructions are counted on Linux on x86-64 only");
        return Ok(Vec::new());
    }
    let (counts, mut exceeded) = (counts()?, Vec::new());
    for Count { operation, instructions, most } in &counts {
        println!("{operation:<16} {instructions:>8.1} instructions, at most {most:.0}");
        exceeded.extend((instructions > most).then_some(*operation));
    }
    if !exceeded.is_empty() {
        bail!("{}: more instructions than xtask/src/instructions.rs allows", exceeded.join(", "));
    }
    Ok(counts)
}

fn counts() -> Result<Vec<Count>> {
    install::ensure(&[Need::Redis, Need::Valgrind])?;
    let program = program()?;
    let directory = Scratch::new("instructions")?;
    let count = |Bound { operation, most }| {
        Ok(Count { operation, instructions: count(&program, operation, directory.path())?, most })
    };
    let mut counts: Vec<Count> = BOUNDS.into_iter().map(count).collect::<Result<_>>()?;
    let of = |operation| counts.iter().find(|count| count.operation == operation).map(|count| count.instructions);
    let counting = of(HIT).zip(of(UNCOUNTED_HIT)).map(|(counted, uncounted)| counted - uncounted);
    let instructions = counting.expect("both have a bound");
    counts.push(Count { operation: COUNTING, instructions, most: MOST_FOR_COUNTING });
    Ok(counts)
}

/// Builds the benchmark, and returns its path.
fn program() -> Result<PathBuf> {
    let build = || {
        let mut command = cargo();
        command.args(["bench", "--package", "billing-cache", "--bench", "hot_path", "--no-run"]);
        command
    };
    step("the build of the benchmark", &mut build())?;
    let messages = program::stdout_of(build().args(["--message-format", "json"]))?;
    executable_in(&messages).context("build the benchmark: cargo names no program")
}

fn executable_in(messages: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let artifacts = messages.filter(|message| message["target"]["name"] == "hot_path");
    artifacts.filter_map(|artifact| artifact["executable"].as_str().map(PathBuf::from)).next_back()
}

/// The instructions of one operation.
fn count(program: &Path, operation: &str, directory: &Path) -> Result<f64> {
    let profile = directory.join(operation);
    let valgrind = find_program("valgrind", &[]).context("find valgrind")?;
    let mut command = Command::new(valgrind);
    command.args(["--quiet", "--tool=callgrind", "--collect-atstart=no"]).args(COLLECTED);
    command.arg(format!("--callgrind-out-file={}", profile.display())).arg(program).args(["count", operation]);
    without_ours(&mut command).envs(redis::program().map(|program| ("REDIS_SERVER_BIN", program)));
    let operations: u32 = program::stdout_of(&mut command)?.parse().context("read the number of operations")?;
    let profile = std::fs::read_to_string(&profile).context("read what callgrind wrote")?;
    let total = total_in(&profile).context("read what callgrind wrote: no total")?;
    anyhow::ensure!(total > 0.0, "callgrind counted nothing: has `counts::measured` another name?");
    Ok(total / f64::from(operations))
}

fn total_in(profile: &str) -> Option<f64> {
    profile.lines().find_map(|line| line.strip_prefix("totals: ")).and_then(|total| total.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_from_a_profile() {
        assert_eq!(total_in("version: 1\nevents: Ir\nfn=(1) main\n5 3\ntotals: 1234\n"), Some(1_234.0));
        assert_eq!(total_in("events: Ir\n"), None);
    }

    #[test]
    fn the_program_is_read_from_the_messages_of_cargo() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"rand"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"hot_path"},"executable":"/target/release/deps/hot_path-1"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable_in(messages), Some(PathBuf::from("/target/release/deps/hot_path-1")));
        assert_eq!(executable_in("{}"), None);
    }
}
