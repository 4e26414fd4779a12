//! The platform's own database, taken over and used: `doctor` finds no problem in it, and every command works on it.

use sea_orm::{ConnectionTrait, DbBackend};
use serde_json::Value;
use test_support::platform::{self, Origin};

use crate::harness::{Run, Stage, for_each_backend};

/// A busy machine is no finding.
const PATIENT: [(&str, &str); 3] = [
    ("BILLING__REDIS__COMMAND_TIMEOUT_MS", "10000"),
    ("BILLING__REDIS__CONNECT_TIMEOUT_MS", "10000"),
    ("BILLING__REDIS__BATCH_TIMEOUT_MS", "10000"),
];

async fn adopt(stage: &Stage, origin: Origin) {
    let database = stage.open_database().await;
    for sql in [&platform::tables(database.backend(), origin), platform::ROWS] {
        database.connection().execute_unprepared(sql).await.unwrap();
    }
    database.close().await.unwrap();
    fine(stage, "migrate");
}

/// Runs the test on the platform's database, as each way of making it leaves it on each backend.
async fn for_each_adopted(test: impl AsyncFn(&Stage)) {
    for origin in Origin::of(DbBackend::Postgres) {
        for_each_backend(async |stage| {
            let is_sqlite = stage.database.backend_name() == "sqlite";
            let backend = if is_sqlite { DbBackend::Sqlite } else { DbBackend::Postgres };
            if Origin::of(backend).contains(origin) {
                adopt(stage, *origin).await;
                test(stage).await;
            }
        })
        .await;
    }
}

fn run(stage: &Stage, command: &str) -> Run {
    stage.run_with(&command.split(' ').collect::<Vec<_>>(), &PATIENT)
}

#[track_caller]
fn fine(stage: &Stage, command: &str) -> Run {
    let run = run(stage, command);
    assert_eq!(run.code, Some(0), "{command}: {run:?}");
    run
}

#[tokio::test]
async fn doctor_finds_no_problem_in_the_platform_as_it_is() {
    for_each_adopted(async |stage| {
        let report = fine(stage, "doctor --format json").json();
        let problems: Vec<&Value> =
            report["findings"].as_array().unwrap().iter().filter(|finding| finding["level"] == "problem").collect();
        assert!(problems.is_empty(), "{problems:#?}");
    })
    .await;
}

#[tokio::test]
async fn everything_is_warmed_up_right_and_counted() {
    for_each_adopted(async |stage| {
        fine(stage, "warmup");
        for key in
            ["invoice:3", "invoice:4", "invoice:8", "user_credit_notes:2", "active_discounts", "tax_rate:GB:default"]
        {
            assert!(stage.exists(key), "{key}");
            fine(stage, &format!("inspect {key}"));
        }
        fine(stage, "verify --all");
        fine(stage, "stats");
    })
    .await;
}
