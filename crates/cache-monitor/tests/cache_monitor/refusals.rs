//! What cannot be measured is refused with one sentence and an exit code that means something.

use test_support::RedisServer;

use crate::fixture::Stage;

#[test]
fn no_iterations_are_wrong_usage() {
    let run = Stage::bare().run(&["--iterations", "0"]);
    run.assert_refused(2, &["--iterations", "nothing to measure"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_written_is_wrong_usage_before_anything_is_measured() {
    let stage = Stage::filled().await.remove(0);
    stage.redis.reset_command_stats().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gone").join("report.json");
    stage.run(&["--json", path.to_str().unwrap()]).assert_refused(2, &["--json", "there is no directory", "gone"]);
    assert_eq!(stage.redis.calls("evalsha").unwrap(), 0);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_away_is_named() {
    let stage = Stage::filled().await.remove(0);
    stage.redis.stop().unwrap();
    let run = stage.run(&[]);
    run.assert_refused(3, &[&format!("127.0.0.1:{}", stage.redis.port()), "REDIS_PORT"]);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_goes_away_ends_the_measurement() {
    for stage in Stage::filled().await {
        let running = stage.running().await;
        stage.redis.kill().unwrap();
        let endpoint = format!("127.0.0.1:{}", stage.redis.port());
        running.end().await.assert_refused(3, &["the measurement was stopped", &endpoint, "expires within 120 s"]);
    }
}

#[test]
fn a_database_without_tables_is_told_from_one_that_is_away() {
    let stage = Stage::bare();
    stage.run(&[]).assert_refused(3, &["cache-admin migrate"]);
    assert_eq!(stage.contents().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_rows_has_nothing_to_measure() {
    let stage = Stage::bare();
    stage.migrate_and_run(&[]).await;
    stage.run(&[]).assert_refused(3, &["nothing to measure", "no rows", "cache-admin seed"]);
}

#[test]
fn no_password_is_ever_shown() {
    let stage = Stage { redis: RedisServer::options().password("right-secret").start().unwrap(), ..Stage::bare() };
    for (variable, value, code) in [
        ("REDIS_PASSWORD", "wrong-secret", 3),
        ("DATABASE_URL", "postgres://billing:wrong-secret@127.0.0.1:1/billing", 3),
        ("DATABASE_URL", "mysql://billing:wrong-secret@127.0.0.1/billing", 2),
    ] {
        let output = stage.monitor(&[]).env(variable, value).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.starts_with("error: ") && !said.contains("secret"), "{said}");
    }
}
