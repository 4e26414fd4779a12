//! Instruction counts of the read path, held to bounds: unlike times they repeat on a machine that does other things
//! too.
//!
//! `benches/hot_path` of `billing-cache` does one operation many times within one function; valgrind's callgrind counts
//! what is executed there. Which read is sampled next is drawn outside of the count, because how many are is a matter
//! of time. A count differs by about a hundredth from run to run, one of hits in memory hardly, and all by more from
//! one compiler to the next.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::environment::without_ours;
use crate::install::{self, Need};
use crate::process::{self, find_program, say, step};
use crate::redis;
use crate::workspace::{Scratch, cargo};

/// Counting is turned on and off where these functions are entered and left: on within the work, off where it draws the
/// next read to sample.
const COLLECTED: [&str; 2] = ["--toggle-collect=*counts::measured*", "--toggle-collect=*picked_or_first*"];

/// How many instructions an operation may take, a tenth more than it took with the toolchain of `rust-toolchain.toml`.
struct Bound {
    operation: &'static str,
    most: f64,
}

const BOUNDS: [Bound; 4] = [
    Bound { operation: HIT, most: 325.0 },
    Bound { operation: UNCOUNTED_HIT, most: 320.0 },
    // Decoding of some 600 bytes of JSON, the runtime and the Redis client included.
    Bound { operation: "l2-hit", most: 25_500.0 },
    // GET, ACQUIRE, encoding and FILL; the load itself is next to nothing.
    Bound { operation: "miss", most: 87_000.0 },
];

const HIT: &str = "l1-hit";
const UNCOUNTED_HIT: &str = "l1-hit-uncounted";
/// The difference of the two.
const COUNTING: &str = "counting a hit";

/// How many instructions more than an uncounted hit a counted one may take: to find the slot of its thread, and to add
/// 1.
const MOST_FOR_COUNTING: f64 = 8.0;

/// Whether callgrind and the bounds are for this machine.
pub(crate) const ARE_COUNTABLE: bool = cfg!(all(target_os = "linux", target_arch = "x86_64"));

/// Instructions of one operation.
pub(crate) struct Count {
    pub(crate) operation: &'static str,
    pub(crate) instructions: f64,
    /// The bound.
    pub(crate) most: f64,
}

/// Counts where that can be done, prints, and fails if a bound is exceeded.
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

/// Builds the benchmark, and says where it is.
fn program() -> Result<PathBuf> {
    let build = || {
        let mut command = cargo();
        command.args(["bench", "--package", "billing-cache", "--bench", "hot_path", "--no-run"]);
        command
    };
    step("the build of the benchmark", &mut build())?;
    let messages = process::stdout_of(build().args(["--message-format", "json"]))?;
    executable_in(&messages).context("build the benchmark: cargo names no program")
}

fn executable_in(messages: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let artifacts = messages.filter(|message| message["target"]["name"] == "hot_path");
    artifacts.filter_map(|artifact| artifact["executable"].as_str().map(PathBuf::from)).next_back()
}

/// Instructions of one operation.
fn count(program: &Path, operation: &str, directory: &Path) -> Result<f64> {
    let profile = directory.join(operation);
    let valgrind = find_program("valgrind", &[]).context("find valgrind")?;
    let mut command = Command::new(valgrind);
    command.args(["--quiet", "--tool=callgrind", "--collect-atstart=no"]).args(COLLECTED);
    command.arg(format!("--callgrind-out-file={}", profile.display())).arg(program).args(["count", operation]);
    without_ours(&mut command).envs(redis::program().map(|program| ("REDIS_SERVER_BIN", program)));
    let operations: u32 = process::stdout_of(&mut command)?.parse().context("read the number of operations")?;
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
