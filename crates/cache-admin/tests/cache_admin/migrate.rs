//! `migrate`: an empty database becomes ready, a ready one stays as it is.

use serde_json::Value;

use crate::harness::{Stage, for_each_backend};

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
        stage.open_database().await.check_schema().await.unwrap();
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

#[test]
fn a_missing_directory_is_named() {
    let stage = Stage::sqlite();
    let run = stage.run_with(&["migrate"], &[("DATABASE_URL", "sqlite://nowhere/new.sqlite")]);
    assert!(run.assert_error(3).contains("nowhere/new.sqlite"), "{run:?}");
}
