//! What `--format json` prints is as the schemas in `docs/` say.

use test_support::json_schema::{load, violations};

use crate::harness::{NOW, Stage};

#[test]
fn every_report_is_as_its_schema_says() {
    let stage = Stage::sqlite();
    // In this order they have something to report, and a second time little.
    let commands: &[&[&str]] = &[
        &["migrate"],
        &["migrate"],
        &["seed", "--users", "5", "--invoices", "20", "--now", NOW],
        &["warmup"],
        &["stats"],
        &["stats", "--exact"],
        &["clear", "--type", "all", "--dry-run"],
        &["clear", "--type", "invoices", "--id", "1"],
        &["clear", "--type", "all"],
        &["stats"],
    ];
    for arguments in commands {
        let schema = load(&format!("cache-admin-{}", arguments[0]));
        assert_eq!(violations(&schema, &stage.json(arguments)), [""; 0], "{arguments:?}");
    }
}

#[test]
fn a_report_of_a_failure_is_as_its_schema_says() {
    let stage = Stage::sqlite().seeded();
    stage.redis.command::<()>(&["CONFIG", "SET", "maxmemory", "1"]).unwrap();
    let run = stage.run(&["warmup", "--format", "json"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(violations(&load("cache-admin-warmup"), &run.json()), [""; 0]);
}
