//! One bad row costs itself. Rows of every kind that a database can hold and our columns cannot, in every column of
//! every table, and values of every kind under every key: what is asked of them is answered by name, and nothing else
//! suffers.
//!
//! Columns are those of the database, types those that `cache-admin stats` lists. A short run takes each column twice
//! with values drawn from a fixed seed. `BILLING_BAD_ROWS_ROUNDS` sets how many times each column is taken, and
//! `BILLING_BAD_ROWS_SEED` the seed; a run says both, and a failure the smallest rows that show it:
//! `BILLING_BAD_ROWS_ROUNDS=100 cargo xtask test --no-lint --only system-tests -- --test system bad_rows --
//! --nocapture`.

mod asking;
mod case;
mod redis_values;
mod schema;
mod sentinels;
mod values;
mod wrong;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use system_tests::Backend;

use case::{Bad, Stage, Stored};
use schema::{Column, Kind};

const ROUNDS: &str = "BILLING_BAD_ROWS_ROUNDS";
const SEED: &str = "BILLING_BAD_ROWS_SEED";
/// As many columns in one case.
const COLUMNS_AT_ONCE: usize = 24;

#[test]
fn one_bad_row_costs_itself_on_sqlite() {
    let stage = Stage::new(Backend::Sqlite);
    run(&stage);
    stage.end();
}

#[test]
fn one_bad_row_costs_itself_on_postgres() {
    let stage = Stage::new(Backend::Postgres);
    run(&stage);
    stage.end();
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

/// Each column of each table, in each round with another value.
fn run(stage: &Stage) {
    let (rounds, seed) = (number(ROUNDS, 2), number(SEED, 20_261_129));
    let backend = stage.site.backend();
    eprintln!("{ROUNDS}={rounds} {SEED}={seed} on {backend:?}");
    for columns in stage.columns().chunks(COLUMNS_AT_ONCE) {
        let config = Config {
            cases: u32::try_from(rounds).unwrap_or(u32::MAX),
            rng_seed: RngSeed::Fixed(seed),
            failure_persistence: None,
            max_shrink_iters: 60,
            max_shrink_time: 60_000,
            ..Config::default()
        };
        let case = (bad_values(backend, columns), vec(redis_values::foreign(), 24));
        let outcome = TestRunner::new(config)
            .run(&case, |(bad, stored): (Vec<Bad>, Stored)| stage.run(&bad, &stored).map_err(TestCaseError::fail));
        if let Err(failure) = outcome {
            panic!("{SEED}={seed} on {backend:?}: {}", described(failure));
        }
    }
    eprintln!("{:?}", stage.tally);
}

/// The smallest rows and values that fail, and how.
fn described(failure: TestError<(Vec<Bad>, Stored)>) -> String {
    let TestError::Fail(wrong, (bad, stored)) = failure else { return failure.to_string() };
    let bad = bad.iter().filter_map(|(column, value)| {
        let value: String = value.as_ref()?.chars().take(200).collect();
        Some(format!("{}.{} = {value:?}", column.table, column.name))
    });
    let bad: Vec<String> = bad.collect();
    format!("{wrong}\nrows: {}\nvalues under keys: {stored:?}", bad.join("; "))
}

/// One value for each of these columns, or none, which is what a failure shrinks to.
fn bad_values(backend: Backend, columns: &[Column]) -> impl Strategy<Value = Vec<Bad>> + use<> {
    let of_column = |column: &Column| {
        let value = values::value(backend, column).prop_filter("it would leave no room", fits(column));
        (Just(column.clone()), proptest::option::weighted(0.99, value)).boxed()
    };
    columns.iter().map(of_column).collect::<Vec<_>>()
}

/// SQLite counts no further than the largest id: after it nobody can write a row, of the outbox too.
fn fits(column: &Column) -> impl Fn(&String) -> bool + use<> {
    let is_id = column.kind == Kind::Id;
    move |value| !is_id || !value.contains("9223372036854775807")
}
