//! Rows that cannot be read: every tool goes on with the others, counts them, and names them.

use sea_orm::{ConnectionTrait, DbBackend};
use serde_json::json;

use crate::harness::{NOW, Stage, for_each_backend, named};

/// Makes the rows of two invoices unreadable, behind the back of the triggers.
async fn spoil(stage: &Stage) {
    let database = stage.open_database().await;
    let statements: &[&str] = match database.backend() {
        DbBackend::Sqlite => &["UPDATE invoices SET due_date = 'soon' WHERE id IN (17, 200)"],
        _ => &[
            "ALTER TABLE invoices DISABLE TRIGGER USER",
            "UPDATE invoices SET due_date = '-infinity' WHERE id IN (17, 200)",
            "ALTER TABLE invoices ENABLE TRIGGER USER",
        ],
    };
    for statement in statements {
        database.connection().execute_unprepared(statement).await.unwrap();
    }
}

fn seed(stage: &Stage) {
    stage.run(&["migrate"]).assert_fine();
    stage.run(&["seed", "--users", "50", "--invoices", "300", "--now", NOW]).assert_fine();
}

#[tokio::test]
async fn a_warm_up_loads_all_others_and_names_the_first() {
    for_each_backend(async |stage| {
        seed(stage);
        spoil(stage).await;
        let run = stage.run(&["warmup", "--format", "json"]);
        assert_eq!(run.code, Some(1), "{run:?}");
        let report = run.json();
        let invoices = named(&report["types"], "invoices");
        assert_eq!((&invoices["loaded"], &invoices["failed"], &invoices["left"]), (&json!(298), &json!(2), &json!(0)));
        assert!(run.stderr.contains("2 values could not be loaded"), "{run:?}");
        assert!(run.stderr.contains("row 200 of invoices cannot be read"), "{run:?}");
        assert_eq!(named(&report["types"], "user_credit_notes")["failed"], 0);
        assert!(!stage.exists("invoice:17") && stage.exists("invoice:18"));
    })
    .await;
}

#[tokio::test]
async fn a_verification_goes_on_and_counts_them_and_an_inspection_says_which_row_it_is() {
    for_each_backend(async |stage| {
        seed(stage);
        stage.run(&["warmup"]).assert_fine();
        spoil(stage).await;
        let run = stage.run(&["verify", "--all", "--repair", "--format", "json"]);
        assert_eq!(run.code, Some(1), "{run:?}");
        let report = run.json();
        let invoices = named(&report["types"], "invoices");
        assert_eq!(
            [&invoices["right"], &invoices["unreadable"], &invoices["repaired"]],
            [298, 2, 0].map(|n| json!(n)).each_ref()
        );
        assert_eq!(report["findings"].as_array().unwrap().len(), 2, "{report:#}");
        assert!(report["findings"][0]["reason"].as_str().unwrap().contains("of invoices cannot be read"), "{report:#}");

        let run = stage.run(&["inspect", "invoice:17", "--format", "json"]);
        assert_eq!((run.code, &run.json()["verdict"]), (Some(1), &json!("unreadable")), "{run:?}");
        assert!(run.stdout.contains("row 17 of invoices cannot be read"), "{run:?}");
        stage.run(&["clear", "--type", "invoices"]).assert_fine();
        let run = stage.run(&["inspect", "invoice:17", "--format", "json"]);
        assert_eq!((run.code, &run.json()["verdict"]), (Some(1), &json!("not_cached")), "{run:?}");
    })
    .await;
}
