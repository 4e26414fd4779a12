//! Redis Cluster: every tool works over all masters, and says what is wrong with them or with the settings.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use test_support::{RedisCluster, RedisOptions, RedisServer, eventually};

use crate::harness::{NOW, Stage, finding, named};
use crate::warmup_auto::Keeper;

const LIMIT: u64 = 64 << 20;
const PATIENT: Duration = Duration::from_secs(60);

fn options() -> RedisOptions {
    RedisServer::options().maxmemory(LIMIT, "volatile-lru")
}

/// What stands on a server.
fn keys(server: &RedisServer) -> BTreeSet<String> {
    // One step sees all of the few keys of a test.
    let (cursor, keys): (u64, Vec<String>) = server.command(&["SCAN", "0", "COUNT", "100000"]).unwrap();
    assert_eq!(cursor, 0);
    keys.into_iter().collect()
}

fn all_keys(cluster: &RedisCluster) -> BTreeSet<String> {
    cluster.servers().iter().flat_map(keys).collect()
}

fn beginning(keys: &BTreeSet<String>, prefix: &str) -> usize {
    keys.iter().filter(|key| key.starts_with(prefix)).count()
}

/// Keys of other programs, and a lease, on every master.
fn set_others(cluster: &RedisCluster) {
    for number in 0..30 {
        for key in [format!("session:{number}"), format!("lease:{{invoice:{}}}", 9_000 + number)] {
            cluster.owner_of(&key).unwrap().command::<()>(&["SET", &key, "other", "EX", "600"]).unwrap();
        }
    }
}

#[tokio::test]
async fn tools_work_over_all_masters() {
    let (stage, cluster) = (Stage::sqlite(), RedisCluster::start_masters(&options(), 3).unwrap());
    let nodes = cluster.nodes();
    let variables = [("REDIS_CLUSTER_NODES", nodes.as_str())];
    for arguments in [&["migrate"][..], &["seed", "--users", "50", "--invoices", "300", "--now", NOW]] {
        stage.run_with(arguments, &variables).assert_fine();
    }
    let json = |arguments: &[&str]| {
        let run = stage.run_with(&[arguments, &["--format", "json"]].concat(), &variables);
        run.assert_fine();
        run.json()
    };

    json(&["warmup"]);
    set_others(&cluster);
    assert!(cluster.servers().iter().all(|server| beginning(&keys(server), "invoice:") > 0), "all masters have some");
    assert_stats_are_those_of_all_masters(&json(&["stats", "--exact"]), &cluster);
    let verified = json(&["verify", "--all"]);
    for of_type in verified["types"].as_array().unwrap() {
        let stands = named(&json(&["stats"])["types"], of_type["name"].as_str().unwrap())["keys"].clone();
        assert_eq!((&of_type["right"], &of_type["checked"]), (&stands, &stands), "{of_type}");
    }
    for number in 1..=9 {
        assert_eq!(json(&["inspect", &format!("invoice:{number}")])["verdict"], "right");
    }
    assert_clear_removes_its_type_and_nothing_else(&json, &cluster);
    assert_eq!(stage.redis.command::<u64>(&["DBSIZE"]).unwrap(), 0, "the server of REDIS_PORT is passed over");
    assert_a_keeper_notices_the_restart_of_one_master(&stage, &cluster).await;
}

fn assert_stats_are_those_of_all_masters(stats: &Value, cluster: &RedisCluster) {
    let all = all_keys(cluster);
    for (name, prefix) in
        [("invoices", "invoice:"), ("tax_rates", "tax_rate:"), ("user_credit_notes", "user_credit_notes:")]
    {
        let found = named(&stats["types"], name);
        assert_eq!((&found["keys"], &found["measured"]), (&beginning(&all, prefix).into(), &found["keys"]), "{name}");
    }
    assert_eq!((&stats["foreign"], &stats["leases"]), (&30.into(), &30.into()));
    let server = &stats["server"];
    assert_eq!((&server["maxmemory"], &server["role"]), (&(3 * LIMIT).into(), &"master".into()));
    let endpoint = format!("the cluster of {}", cluster.nodes().replace(',', ", "));
    assert_eq!(server["endpoint"], endpoint);
}

fn assert_clear_removes_its_type_and_nothing_else(json: &impl Fn(&[&str]) -> Value, cluster: &RedisCluster) {
    let before = all_keys(cluster);
    let is_of_invoices = |key: &&String| key.starts_with("invoice:") || key.starts_with("lease:{invoice:");
    let invoices = beginning(&before, "invoice:");
    for (flags, left) in [
        (&["--dry-run"][..], before.clone()),
        (&[], before.iter().filter(|key| !is_of_invoices(key)).cloned().collect()),
    ] {
        let report = json(&[&["clear", "--type", "invoices"][..], flags].concat());
        let cleared = named(&report["types"], "invoices");
        assert_eq!((&cleared["values"], &cleared["leases"]), (&invoices.into(), &30.into()), "{flags:?}");
        assert_eq!(all_keys(cluster), left, "{flags:?}");
    }
    json(&["clear", "--type", "all"]);
    let is_left = |key: &String| key.starts_with("session:") || key.starts_with("billing_cache:");
    let left = all_keys(cluster);
    assert!(left.iter().all(is_left), "{left:?}");
    assert_eq!(beginning(&left, "session:"), 30);
}

async fn assert_a_keeper_notices_the_restart_of_one_master(stage: &Stage, cluster: &RedisCluster) {
    let nodes = cluster.nodes();
    let keeper = Keeper::start_with(stage, "300", &[("REDIS_CLUSTER_NODES", &nodes)]);
    let master = cluster.owner_of("invoice:1").unwrap();
    until_a_round_is_over(cluster, master).await;
    master.kill().unwrap();
    master.restart().unwrap();
    until_a_round_is_over(cluster, master).await;
    let (_, said) = keeper.interrupt();
    assert!(said.iter().any(|line| line.starts_with("redis was restarted: loaded ")), "{said:#?}");
}

/// Waits until all invoices stand there, and one more that is taken away is back: that takes a later round.
async fn until_a_round_is_over(cluster: &RedisCluster, master: &RedisServer) {
    eventually(PATIENT, async || beginning(&all_keys(cluster), "invoice:") == 300).await.unwrap();
    master.command::<()>(&["DEL", "invoice:1"]).unwrap();
    eventually(PATIENT, async || master.command::<bool>(&["EXISTS", "invoice:1"]).unwrap()).await.unwrap();
}

#[tokio::test]
async fn doctor_says_how_the_cluster_does() {
    let (stage, cluster) = (Stage::sqlite().seeded(), RedisCluster::start(&options()).unwrap());
    let nodes = cluster.nodes();
    let found = |further: &str, code: i32, check: &str| {
        let variables = [
            ("REDIS_CLUSTER_NODES", &*format!("{nodes}{further}")),
            ("BILLING__REDIS__COMMAND_TIMEOUT_MS", "10000"),
            ("BILLING__REDIS__CONNECT_TIMEOUT_MS", "10000"),
        ];
        let run = stage.run_with(&["doctor", "--format", "json"], &variables);
        assert_eq!((run.code, run.stderr.as_str()), (Some(code), ""), "{run:?}");
        finding(&run.json(), "redis", check).clone()
    };
    let assert_found = |further: &str, code: i32, check: &str, level: &str, words: &str| {
        let found = found(further, code, check);
        assert_eq!(found["level"], level, "{found}");
        assert!(found.to_string().contains(words), "{words}: {found}");
    };
    let masters = cluster.masters().unwrap();
    let [one, other, _] = masters[..] else { panic!("three masters") };
    let replica = cluster.replica_of(one).unwrap();

    let of_one = format!("127.0.0.1:{} (replica 127.0.0.1:{})", one.port(), replica.port());
    assert_found("", 0, "cluster", "ok", &of_one);
    assert_found("", 0, "role", "ok", "\"primary\"");
    assert_found("", 0, "rights", "ok", "\"all that");
    assert_found("", 0, "replicas", "note", "\"1; after a failover");
    assert_found(",127.0.0.1:1", 0, "cluster", "note", "127.0.0.1:1 does not answer: ");
    let plain = format!("127.0.0.1:{}", stage.redis.port());
    assert_found(&format!(",{plain}"), 0, "cluster", "note", &format!("{plain} is no node of a Redis Cluster"));

    other.command::<()>(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).unwrap();
    assert_found("", 0, "eviction", "note", &format!("\"127.0.0.1:{}: noeviction", other.port()));

    let slot = cluster.slot_of("invoice:1").unwrap();
    let owner = cluster.owner_of_slot(slot).unwrap();
    let target = if owner.port() == one.port() { other } else { one };
    let moving = cluster.begin_move(slot, target).unwrap();
    assert_found("", 0, "cluster", "note", "\"slots on the move: 1, ");
    moving.finish().unwrap();
    assert_found("", 0, "cluster", "ok", &of_one);

    replica.stop().unwrap();
    let is_missed =
        async || found("", 0, "cluster").to_string().contains(&format!("could take over: 127.0.0.1:{}", one.port()));
    eventually(PATIENT, is_missed).await.unwrap();

    for server in cluster.servers().iter().filter(|server| server.pid().is_some()) {
        // Who has not heard of the slot's owner yet, or is a replica, has nothing to forget.
        let _ = server.command::<()>(&["CLUSTER", "DELSLOTS", &slot.to_string()]);
    }
    let is_open = async || {
        let found = stage.run_with(&["doctor", "--format", "json"], &[("REDIS_CLUSTER_NODES", &nodes)]);
        finding(&found.json(), "redis", "cluster")["level"] == "problem"
    };
    eventually(PATIENT, is_open).await.unwrap();
    assert_found("", 1, "cluster", "problem", "\"slots without a master: 1, ");

    one.kill().unwrap();
    let is_missed = async || found("", 3, "cluster").to_string().contains("do not answer the other nodes: 127.0.0.1:");
    eventually(PATIENT, is_missed).await.unwrap();
    assert_found("", 3, "connection", "problem", &format!("cannot use Redis at 127.0.0.1:{}: ", one.port()));
    assert_found("", 3, "rights", "not_checked", "away");
}

#[test]
fn settings_of_clusters_that_cannot_work_are_named() {
    let stage = Stage::sqlite();
    for (arguments, variables, expected) in [
        (
            &["stats"][..],
            &[("REDIS_CLUSTER_NODES", "redis://h:1")][..],
            "redis.cluster_nodes has \"redis://h:1\", which is no host:port; write REDIS_CLUSTER_NODES like",
        ),
        (
            &["stats"],
            &[("REDIS_CLUSTER_NODES", "user:hunter2@h:1")],
            "redis.cluster_nodes has a login before \"h:1\"; leave it out; REDIS_USERNAME and REDIS_PASSWORD",
        ),
        (
            &["doctor"],
            &[("REDIS_CLUSTER_NODES", "h:1"), ("REDIS_URL", "redis://:hunter2@h")],
            "redis.cluster_nodes and redis.url are both set, and each says where Redis is; leave REDIS_URL out",
        ),
        (
            &["clear", "--type", "all"],
            &[("REDIS_CLUSTER_NODES", "h:1"), ("REDIS_SENTINELS", "s:1")],
            "redis.cluster_nodes and redis.sentinels are both set, and each says where Redis is; leave one of the two",
        ),
        (
            &["stats"],
            &[("REDIS_CLUSTER_NODES", "h:1"), ("REDIS_DB", "1")],
            "redis.db is 1, and a cluster has only database 0; leave REDIS_DB out",
        ),
        (
            &["stats", "--redis-host", "h"],
            &[("REDIS_CLUSTER_NODES", "h:1")],
            "--redis-host would have no effect beside redis.cluster_nodes; unset REDIS_CLUSTER_NODES",
        ),
    ] {
        let run = stage.run_with(arguments, variables);
        let sentence = run.assert_error(2);
        assert!(sentence.contains(expected) && !sentence.contains("hunter2"), "{expected}: {sentence}");
    }
}

#[test]
fn servers_that_make_no_cluster_are_named() {
    let node = Stage::with_redis(RedisServer::options().config("cluster-enabled", "yes"));
    let (of_node, plain) = (format!("127.0.0.1:{}", node.redis.port()), RedisServer::start().unwrap());
    let of_plain = format!("127.0.0.1:{}", plain.port());
    for (variables, expected) in [
        (
            &[("REDIS_CLUSTER_NODES", of_plain.as_str())][..],
            format!("{of_plain} is no node of a Redis Cluster; name its"),
        ),
        (&[("REDIS_CLUSTER_NODES", "127.0.0.1:1")], "no node of the cluster answers: 127.0.0.1:1: ".to_owned()),
        (&[("REDIS_CLUSTER_NODES", &of_node)], "no master of the cluster has slots; give its masters slots".to_owned()),
        (&[], "which holds only some of the keys; name its nodes in REDIS_CLUSTER_NODES".to_owned()),
    ] {
        for arguments in [&["stats"][..], &["clear", "--type", "all"]] {
            let run = node.run_with(arguments, variables);
            let sentence = run.assert_error(3);
            assert!(sentence.contains(&expected), "{expected}: {sentence}");
        }
        let report = node.run_with(&["doctor", "--format", "json"], variables).json();
        assert!(
            report["findings"].to_string().contains("REDIS_CLUSTER_NODES") || expected.contains("slots"),
            "{report}"
        );
    }
}
