//! Redis, the database and viewers come and go; the dashboard stays, and says how things stand.

use rustix::process::Signal;
use serde_json::{Value, json};
use test_support::{FaultProxy, Wire, eventually};

use super::program::{DEADLINE, Dashboard};
use crate::fixture::Stage;

fn is(server: &'static str, state: &'static str) -> impl Fn(&Value) -> bool {
    move |snapshot| snapshot[server]["state"] == state
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_stops_is_said_to_be_away_until_it_is_back() {
    let stage = Stage::filled().await.remove(0);
    let dashboard = Dashboard::over(&stage, &[]);
    let mut stream = dashboard.live();
    stream.until(is("redis", "ok"));
    stage.redis.kill().unwrap();
    let away = stream.until(is("redis", "away"));
    let error = away["redis"]["error"].as_str().unwrap();
    assert!(error.contains(&stage.redis.port().to_string()) && error.contains("is the server running"), "{error}");
    assert_eq!(dashboard.get("/").status, 200);
    assert_eq!(dashboard.get("/healthz").json()["redis"], "away");
    let unknown = dashboard.get("/api/history?range=15m").json();
    assert_eq!((&unknown["redis"], &unknown["read_at"]), (&json!("away"), &Value::Null));
    assert_eq!(unknown["points"], json!([]), "nothing is known, and no zeros are made up");
    stage.redis.restart().unwrap();
    let back = stream.until(is("redis", "ok"));
    assert!(back["redis"]["error"].is_null() && back["redis"]["since"].as_str() >= away["redis"]["since"].as_str());
    let history = dashboard.get("/api/history?range=1h").json();
    assert_eq!((&history["redis"], history["points"].as_array().unwrap().len()), (&json!("ok"), 60));
    let last = history["points"][59]["at"].as_f64().unwrap();
    let read_at = history["read_at"].as_f64().unwrap();
    assert!(last <= read_at && read_at < last + 60.0, "{read_at} is not in the step that goes on, from {last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_hangs_is_away_too() {
    let stage = Stage::filled().await.remove(0);
    let dashboard = Dashboard::over(&stage, &[]);
    let mut stream = dashboard.live();
    stream.until(is("redis", "ok"));
    stage.redis.pause().unwrap();
    stream.until(is("redis", "away"));
    stage.redis.resume().unwrap();
    stream.until(is("redis", "ok"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_is_away_too() {
    let stage = Stage::filled().await.remove(1);
    // Something to compare, for which the database is missing.
    stage.redis.command::<()>(&["SET", "invoice:1", "null", "EX", "3600"]).unwrap();
    let (proxy, url) = wire_to(stage.database.url()).await;
    let mut command = stage.monitor(&["dashboard", "--listen", "127.0.0.1:0", "--audit-seconds", "1"]);
    command.env("DATABASE_URL", &url);
    let dashboard = Dashboard::start(command);
    let well = |snapshot: &Value| is("database", "ok")(snapshot) && is("audit", "complete")(snapshot);
    dashboard.snapshot(well);
    proxy.set(Wire::Stall);
    let away = dashboard.snapshot(is("database", "away"));
    assert!(away["outbox"].is_null(), "{away:#}");
    for server in ["database", "audit"] {
        let hangs = dashboard.snapshot(|snapshot| snapshot[server]["error"].is_string());
        let error = hangs[server]["error"].as_str().unwrap();
        assert!(error.contains(&format!("127.0.0.1:{}", proxy.port())) && error.contains("within"), "{error}");
    }
    proxy.set(Wire::Pass);
    let back = dashboard.snapshot(well);
    assert_eq!((&back["database"]["error"], &back["audit"]["error"]), (&Value::Null, &Value::Null));
}

/// A wire to the server of this URL, and the URL that goes by it.
async fn wire_to(url: &str) -> (FaultProxy, String) {
    let (credentials, rest) = url.split_once('@').unwrap();
    let (server, database) = rest.split_once('/').unwrap();
    let port = server.rsplit(':').next().unwrap().parse().unwrap();
    let proxy = FaultProxy::start(port).await.unwrap();
    let url = format!("{credentials}@127.0.0.1:{}/{database}", proxy.port());
    (proxy, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_while_everything_is_away_and_comes_to_life_with_it() {
    let stage = Stage::bare();
    stage.redis.stop().unwrap();
    let dashboard = Dashboard::over(&stage, &["--audit-seconds", "1", "--survey-seconds", "1"]);
    let mut stream = dashboard.live();
    let away = stream.until(|snapshot| is("redis", "away")(snapshot) && is("database", "away")(snapshot));
    assert!(away["outbox"].is_null() && away["memory"].is_null(), "{away:#}");
    assert!(away["database"]["error"].as_str().unwrap().contains("cache-admin migrate"), "{away:#}");
    assert_eq!(away["survey"]["at"], Value::Null);
    for unknown in ["total", "has_data", "hot_keys", "processes", "breaker_changes"] {
        assert!(away[unknown].is_null(), "{unknown} is not known, and not nothing: {away:#}");
    }
    assert!(away["types"].as_array().unwrap().iter().all(|of_type| of_type["numbers"].is_null()), "{away:#}");
    stage.redis.restart().unwrap();
    stream.until(is("redis", "ok"));
    stage.migrate_and_run(&[]).await;
    let whole = stream.until(|snapshot| is("database", "ok")(snapshot) && is("audit", "complete")(snapshot));
    assert_eq!(whole["outbox"]["pending"], 0);
    assert_eq!(whole["audit"]["error"], Value::Null);
    // The log has it too, without being asked for.
    for line in [
        "a server does not answer",
        "a server answers again",
        "an audit did not end, and is tried again",
        "audits come to their end again",
    ] {
        let is_said = async || if dashboard.said().contains(line) { Ok(()) } else { Err(dashboard.said()) };
        eventually(DEADLINE, is_said).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_it_and_its_streams() {
    let stage = Stage::bare();
    for signal in [Signal::INT, Signal::TERM] {
        let dashboard = Dashboard::over(&stage, &[]);
        let mut stream = dashboard.live();
        assert!(stream.next().is_some());
        dashboard.signal(signal);
        while stream.next().is_some() {}
        assert_eq!(dashboard.ended().await, Some(0));
    }
}
