//! Production keys are left alone, and nothing of a run stays in Redis, however it ends.

use rustix::process::Signal;
use test_support::eventually;

use crate::fixture::{DEADLINE, ENDLESS, Run, Stage};

/// What other programs have there: some under names that the billing module uses too.
const PRODUCTION: [(&str, &str); 5] = [
    ("invoice:1", r#"{"id": 1, "written_by": "python"}"#),
    ("active_discounts", "[]"),
    ("tax_rate:US:R1", "null"),
    ("user_credit_notes:3", "not even JSON"),
    ("session:4f2", "of another program"),
];

fn set_production_keys(stage: &Stage) {
    for (key, value) in PRODUCTION {
        stage.redis.command::<()>(&["SET", key, value]).unwrap();
    }
}

/// A heartbeat of L1 may live on for a second after the process has ended.
async fn assert_only_production_keys(stage: &Stage) {
    let expected = PRODUCTION.map(|(key, value)| (key.to_owned(), value.to_owned()));
    eventually(DEADLINE, async || stage.keys_like("*:heartbeat:*").is_empty()).await.unwrap();
    assert_eq!(stage.contents(), expected.into_iter().collect());
    assert_eq!(stage.redis.command::<usize>(&["DBSIZE"]).unwrap(), PRODUCTION.len());
    assert_eq!(stage.keys_like("*cache-monitor*"), [""; 0], "neither values nor leases");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_leaves_production_keys_alone_and_nothing_behind() {
    for stage in Stage::filled().await {
        set_production_keys(&stage);
        stage.redis.reset_command_stats().unwrap();
        stage.report(&["--iterations", "100"]);
        assert!(stage.redis.calls("evalsha").unwrap() > 0, "it did measure a cache");
        assert_only_production_keys(&stage).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn so_does_a_run_that_is_interrupted() {
    for stage in Stage::filled().await {
        set_production_keys(&stage);
        for signal in [Signal::INT, Signal::TERM] {
            let running = stage.running().await;
            running.signal(signal);
            let run = running.end().await;
            assert_eq!(run.code, Some(130), "{}", run.stderr);
            assert!(run.stderr.contains("interrupted: shown is what was measured"), "{}", run.stderr);
            assert!(run.stdout.contains("these are the requests that were made until then"), "{}", run.stdout);
            assert_only_production_keys(&stage).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn so_does_a_run_whose_database_fails() {
    for stage in Stage::filled().await {
        set_production_keys(&stage);
        let running = stage.running().await;
        // The first type is being measured, and would be for hours.
        stage.migrate_and_run(&["ALTER TABLE tax_rates RENAME TO gone"]).await;
        running.end().await.assert_refused(1, &["the measurement was stopped", "tax_rates"]);
        assert_only_production_keys(&stage).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_leaves_only_what_expires_soon() {
    let stage = Stage::filled().await.remove(0);
    set_production_keys(&stage);
    let running = stage.running().await;
    running.signal(Signal::KILL);
    let Run { code, .. } = running.end().await;
    assert_eq!(code, None, "ended by a signal");
    let left = stage.keys_like("*cache-monitor*");
    assert!(stage.redis.command::<usize>(&["DBSIZE"]).unwrap() <= PRODUCTION.len() + left.len());
    for key in left {
        let ttl: i64 = stage.redis.command(&["TTL", &key]).unwrap();
        // -2: it has expired meanwhile.
        assert!(ttl == -2 || (0..=120).contains(&ttl), "{key}: {ttl} s");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn so_does_a_run_that_could_not_use_redis_for_a_while_and_it_says_so() {
    let stage = Stage::filled().await.remove(0);
    set_production_keys(&stage);
    let arguments = ["--iterations", "2000", "--format", "json"];
    let running = stage.started(stage.monitor(&arguments).env("BILLING__REDIS__COMMAND_TIMEOUT_MS", "50")).await;
    stage.redis.command::<()>(&["CLIENT", "PAUSE", "300", "ALL"]).unwrap();
    let run = running.end().await;
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["total"]["requests"], 8000);
    assert!(report["total"]["bypassed"].as_u64().unwrap() > 0, "{report:#}");
    let mut notes = report["notes"].as_array().unwrap().iter().filter_map(serde_json::Value::as_str);
    assert!(notes.any(|note| note.contains("went past Redis")), "{report:#}");
    assert_only_production_keys(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_keeps_to_the_key_space_of_the_configuration() {
    let stage = Stage::filled().await.remove(0);
    let running =
        stage.started(stage.monitor(&["--iterations", ENDLESS]).env("BILLING__CACHE__KEY_SPACE", "ours:")).await;
    let keys = stage.keys_like("*");
    running.signal(Signal::INT);
    assert!(keys.iter().all(|key| key.contains("ours:cache-monitor:")), "{keys:?}");
    assert_eq!(running.end().await.code, Some(130));
    eventually(DEADLINE, async || stage.contents().is_empty()).await.unwrap();
}
