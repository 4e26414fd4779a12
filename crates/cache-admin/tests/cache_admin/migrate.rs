//! `migrate`: an empty database becomes ready, a ready one stays as it is.

use billing_core::migration::check_schema;
use sea_orm::ConnectionTrait;
use serde_json::Value;

use crate::harness::{Stage, finding, for_each_backend};

#[tokio::test]
async fn an_empty_database_is_made_ready_once() {
    for_each_backend(async |stage| {
        let first = stage.json(&["migrate"]);
        assert_eq!(first["applied"][0], "m0001_platform_tables", "{first}");
        assert!(first["triggers_installed"].as_u64() > Some(0), "{first}");
        let again = stage.json(&["migrate"]);
        assert_eq!((&again["applied"], &again["triggers_installed"]), (&Value::Array(vec![]), &Value::Null));
        let text = stage.run(&["migrate"]);
        text.assert_fine();
        assert!(text.stdout.ends_with(": up to date\n"), "{text:?}");
        check_schema(&stage.open_database().await).await.unwrap();
    })
    .await;
}

#[test]
fn a_missing_sqlite_file_is_made_and_needs_no_redis() {
    let stage = Stage::sqlite();
    let file = stage.directory().join("new.sqlite");
    let url = format!("sqlite://{}", file.display());
    stage.redis.stop().unwrap();
    let run = stage.run_with(&["migrate"], &[("DATABASE_URL", &url)]);
    run.assert_fine();
    assert!(run.stdout.contains("new.sqlite: applied m0001_platform_tables"), "{run:?}");
    assert!(file.exists());
}

#[tokio::test]
async fn a_file_that_is_turned_to_wal_mode_is_told_once() {
    let stage = Stage::sqlite();
    for (name, begins, is_turned) in [("of-the-platform", "DELETE", true), ("in-wal", "WAL", false), ("new", "", false)]
    {
        let file = stage.directory().join(name);
        let url = format!("sqlite://{}", file.display());
        if !begins.is_empty() {
            let platform = sea_orm::Database::connect(format!("{url}?mode=rwc")).await.unwrap();
            let make = format!("PRAGMA journal_mode = {begins}; CREATE TABLE own (id INTEGER)");
            platform.execute_unprepared(&make).await.unwrap();
            platform.close().await.unwrap();
        }
        for is_first in [true, false] {
            let run = stage.run_with(&["migrate"], &[("DATABASE_URL", &url)]);
            run.assert_fine();
            let is_told = run.stdout.contains("note: the file is in WAL mode from now on");
            assert_eq!(is_told, is_turned && is_first, "{name}: {run:?}");
        }
    }
}

#[test]
fn a_missing_directory_is_named() {
    let stage = Stage::sqlite();
    let run = stage.run_with(&["migrate"], &[("DATABASE_URL", "sqlite://nowhere/new.sqlite")]);
    assert!(run.assert_error(3).contains("nowhere/new.sqlite"), "{run:?}");
}

#[tokio::test]
async fn triggers_that_were_missing_are_told_with_what_to_run_next() {
    for_each_backend(async |stage| {
        stage.run(&["migrate"]).assert_fine();
        let is_sqlite = stage.database.backend_name() == "sqlite";
        let trigger =
            if is_sqlite { "billing_cache_payments_update" } else { "billing_cache_payments_update ON payments" };
        let database = stage.open_database().await;
        database.connection().execute_unprepared(&format!("DROP TRIGGER {trigger}")).await.unwrap();
        let run = stage.run(&["migrate"]);
        run.assert_fine();
        let lines: Vec<&str> = run.stdout.lines().skip(1).collect();
        let expected = [
            "1 triggers were missing, 0 were disabled or differed",
            "changes may have gone unseen: a running service now clears invoices",
            "next, with a service running: cache-admin verify --all --repair",
        ];
        assert_eq!(lines, expected, "{run:?}");
        database.connection().execute_unprepared("DROP TABLE cache_invalidations").await.unwrap();
        assert!(stage.run(&["doctor"]).stdout.contains("cache-admin migrate"));
        let again = stage.json(&["migrate"]);
        assert_eq!(
            (&again["mended"][0], &again["cleared"][0]),
            (&"table cache_invalidations".into(), &"active_discounts".into())
        );
    })
    .await;
}

#[tokio::test]
async fn a_table_that_lacks_a_column_is_refused_by_name() {
    for_each_backend(async |stage| {
        stage.run(&["migrate"]).assert_fine();
        let rename = "ALTER TABLE tax_rates RENAME COLUMN country TO country_code";
        stage.open_database().await.connection().execute_unprepared(rename).await.unwrap();
        let refused = stage.run(&["migrate"]);
        assert!(refused.assert_error(2).contains("tax_rates.country; nothing was changed"), "{refused:?}");
        let doctor = stage.run(&["doctor"]);
        assert_eq!(doctor.code, Some(1), "{doctor:?}");
        assert!(doctor.stdout.contains("tax_rates.country (text) is missing"), "{doctor:?}");
    })
    .await;
}

#[tokio::test]
async fn a_rate_that_nobody_can_tell_is_counted_and_no_problem() {
    for_each_backend(async |stage| {
        stage.run(&["migrate"]).assert_fine();
        let rows = "INSERT INTO users (id, username, email, hashed_password) VALUES (1, 'a', 'a@x', 'x');
            INSERT INTO invoices (id, user_id, amount, due_date) VALUES (1, 1, 10, '2099-01-01 00:00:00');
            INSERT INTO tax_rates (id, name, rate, country) VALUES (1, 'VAT', 25, 'GB');
            INSERT INTO invoice_taxes (invoice_id, tax_rate_id, taxable_amount, tax_amount) VALUES
                (1, 1, 10, 2), (1, 1, 100, 20);
            UPDATE invoice_taxes SET rate = NULL; DELETE FROM cache_invalidations";
        stage.open_database().await.connection().execute_unprepared(rows).await.unwrap();
        assert_eq!(stage.json(&["migrate"])["copies_filled"], 1);
        let doctor = stage.run(&["doctor"]);
        assert!(doctor.stdout.contains("lines without a copy: invoice_taxes.rate (1)"), "{doctor:?}");
        assert_eq!(doctor.code, Some(0), "{doctor:?}");
    })
    .await;
}

#[tokio::test]
async fn a_column_whose_values_cannot_be_read_is_a_problem_for_migrate_as_for_doctor() {
    for_each_backend(async |stage| {
        if stage.database.backend_name() == "sqlite" {
            return;
        }
        stage.run(&["migrate"]).assert_fine();
        let database = stage.open_database().await;
        let change = "ALTER TABLE payments ALTER COLUMN payment_method TYPE varchar(64);
                      ALTER TABLE credit_notes ALTER COLUMN amount TYPE double precision;
                      ALTER TABLE payments ALTER COLUMN created_at TYPE timestamptz";
        database.connection().execute_unprepared(change).await.unwrap();
        database.close().await.unwrap();
        let said = stage.run(&["migrate"]).stdout;
        let report = stage.run(&["doctor", "--format", "json"]).json();
        let level = finding(&report, "database", "columns")["level"].as_str().unwrap().to_owned();
        assert!(said.lines().any(|line| line.starts_with(&format!("{level}: "))), "{level}: {said}");
    })
    .await;
}
