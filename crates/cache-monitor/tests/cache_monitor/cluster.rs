//! Redis Cluster: a measurement spreads over all masters and leaves nothing on any, and the dashboard adds them up.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use test_support::{RedisCluster, RedisServer};

use crate::dashboard::program::Dashboard;
use crate::fixture::{Run, Stage};

const LIMIT: u64 = 64 << 20;
/// Invoices that the database does not have, so that `null` is right.
const ABSENT: u64 = 30;

fn keys(cluster: &RedisCluster) -> BTreeSet<String> {
    let of_server = |server: &RedisServer| {
        // One step sees all of the few keys of a test.
        let (cursor, keys): (u64, Vec<String>) = server.command(&["SCAN", "0", "COUNT", "100000"]).unwrap();
        assert_eq!(cursor, 0);
        keys
    };
    cluster.servers().iter().flat_map(of_server).collect()
}

/// Values on every master.
fn set_absent(cluster: &RedisCluster) {
    for number in 0..ABSENT {
        let key = format!("invoice:{}", 9_000 + number);
        cluster.owner_of(&key).unwrap().command::<()>(&["SET", &key, "null", "EX", "3600"]).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_measured_and_watched() {
    let stage = Stage::filled().await.remove(0);
    let cluster = RedisCluster::start_masters(&RedisServer::options().maxmemory(LIMIT, "volatile-lru"), 3).unwrap();
    set_absent(&cluster);
    assert_a_measurement_leaves_nothing(&stage, &cluster);
    assert_the_dashboard_adds_up(&stage, &cluster);
}

fn assert_a_measurement_leaves_nothing(stage: &Stage, cluster: &RedisCluster) {
    let before = keys(cluster);
    let mut command = stage.monitor(&["--iterations", "100", "--format", "json"]);
    let run = Run::of(&command.env("REDIS_CLUSTER_NODES", cluster.nodes()).output().unwrap());
    assert_eq!(run.code, Some(0), "{run:?}");
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let bypassed = &report["total"]["bypassed"];
    assert_eq!((&report["total"]["requests"], bypassed), (&json!(400), &json!(0)), "{:#}", report["total"]);
    for server in cluster.servers() {
        assert!(server.calls("evalsha").unwrap() > 0, "values stood on every master");
    }
    assert_eq!(keys(cluster), before);
    assert_eq!(stage.contents().len(), 0, "the server of REDIS_PORT is passed over");
}

fn assert_the_dashboard_adds_up(stage: &Stage, cluster: &RedisCluster) {
    let arguments = ["dashboard", "--listen", "127.0.0.1:0", "--survey-seconds", "1", "--audit-seconds", "1"];
    let mut command = stage.monitor(&arguments);
    command.env("REDIS_CLUSTER_NODES", cluster.nodes());
    let dashboard = Dashboard::start(command);
    let mut stream = dashboard.live();
    let audited = |snapshot: &Value| snapshot["audit"]["total"]["checked"] == ABSENT;
    let whole = stream.until(|snapshot| snapshot["survey"]["at"].is_string() && audited(snapshot));
    let endpoint = format!("the cluster of {}", cluster.nodes().replace(',', ", "));
    assert_eq!((&whole["redis"]["state"], &whole["redis"]["endpoint"]), (&json!("ok"), &json!(endpoint)));
    assert_eq!(whole["memory"]["limit_bytes"], 3 * LIMIT);
    assert_eq!(whole["audit"]["total"]["right"], ABSENT, "{:#}", whole["audit"]);
    let found = whole["survey"]["types"].as_array().unwrap().iter().map(|of_type| of_type["keys"].as_u64().unwrap());
    assert_eq!(found.sum::<u64>(), ABSENT);

    let master = &cluster.servers()[1];
    master.kill().unwrap();
    let away = stream.until(|snapshot| snapshot["redis"]["state"] == "away");
    let error = away["redis"]["error"].as_str().unwrap();
    assert!(error.contains(&format!("127.0.0.1:{}", master.port())) && error.contains("the cluster"), "{error}");
    master.restart().unwrap();
    stream.until(|snapshot| snapshot["redis"]["state"] == "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_no_node_of_a_cluster_is_named() {
    let stage = Stage::bare();
    stage.migrate_and_run(&[]).await;
    let plain = format!("127.0.0.1:{}", stage.redis.port());
    let run = Run::of(&stage.monitor(&[]).env("REDIS_CLUSTER_NODES", &plain).output().unwrap());
    run.assert_refused(3, &[&format!("{plain} is no node of a Redis Cluster"), "REDIS_CLUSTER_NODES"]);
    let run = Run::of(&stage.monitor(&["--redis-port", "1"]).env("REDIS_CLUSTER_NODES", &plain).output().unwrap());
    run.assert_refused(2, &["--redis-port would have no effect beside redis.cluster_nodes"]);
}
