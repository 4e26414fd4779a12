//! Whatever programs are given, they end as documented: command lines, the environment, `.env`, settings files, and
//! requests to the example service and the dashboard, all structured and hostile at once. No panic, no exit code or
//! status that no document has, nothing that steers a terminal, and no secret in anything that is printed, logged or
//! answered: a password of its own stands in every place that can hold one, and is searched for.
//!
//! A short run takes some inputs of each kind from a fixed seed. `BILLING_FUZZ_ROUNDS` sets how many times as many,
//! each round from the next seed, and `BILLING_FUZZ_SEED` the first; a run says both, and a failure the smallest input
//! that shows it: `BILLING_FUZZ_ROUNDS=100 cargo xtask test --no-lint --only system-tests -- --test system fuzz --
//! --nocapture`.

mod arguments;
mod assignments;
mod known_settings;
mod requests;
mod secrets;
mod settings_file;
mod stage;
mod text;
mod trial;
mod uses;

use std::fmt::Debug;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

use requests::Served;
use stage::Stage;
use system_tests::Backend;
use trial::Trial;

const ROUNDS: &str = "BILLING_FUZZ_ROUNDS";
const SEED: &str = "BILLING_FUZZ_SEED";

#[test]
fn command_lines_of_any_kind_end_as_documented() {
    run_programs("command lines", arguments::trials);
}

#[test]
fn programs_in_any_environment_end_as_documented() {
    run_programs("environments", assignments::in_environment);
}

#[test]
fn programs_beside_any_dot_env_end_as_documented() {
    run_programs("files .env", assignments::in_dot_env);
}

#[test]
fn programs_with_any_settings_file_end_as_documented() {
    run_programs("settings files", settings_file::trials);
}

#[test]
fn requests_of_any_kind_to_the_service_are_answered_as_documented() {
    run_requests("requests to the service", Served::billing);
}

#[test]
fn requests_of_any_kind_to_the_dashboard_are_answered_as_documented() {
    run_requests("requests to the dashboard", Served::dashboard);
}

fn run_requests(what: &str, serve: impl for<'a> Fn(&'a Stage, Backend) -> Served<'a>) {
    const INPUTS: u32 = 256;
    let stage = Stage::new();
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let served = serve(&stage, backend);
        run(&format!("{what} on {backend:?}"), INPUTS, &served.requests(), |request| served.ask(request));
        served.end();
    }
    eprintln!("{:?}", stage.tally.borrow());
}

fn run_programs(what: &str, trials: impl Fn(&Stage) -> BoxedStrategy<Trial>) {
    const INPUTS: u32 = 48;
    let stage = Stage::new();
    run(what, INPUTS, &trials(&stage), |trial| stage.run(trial));
    eprintln!("{:?}", stage.tally.borrow());
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

/// Tries inputs, round by round, each round from a seed of its own.
fn run<T: Debug>(what: &str, inputs: u32, strategy: &BoxedStrategy<T>, attempt: impl Fn(&T) -> Result<(), String>) {
    let (rounds, seed) = (number(ROUNDS, 1), number(SEED, 20_261_130));
    eprintln!("{ROUNDS}={rounds} {SEED}={seed}: {} {what}", rounds * u64::from(inputs));
    for seed in seed..seed + rounds {
        let config = Config {
            cases: inputs,
            rng_seed: RngSeed::Fixed(seed),
            failure_persistence: None,
            max_shrink_iters: 200,
            max_shrink_time: 120_000,
            ..Config::default()
        };
        let outcome = TestRunner::new(config).run(strategy, |input| attempt(&input).map_err(TestCaseError::fail));
        if let Err(failure) = outcome {
            panic!("{SEED}={seed}: {failure}");
        }
    }
}
