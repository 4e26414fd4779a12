//! The smallest ACL rules, as `docs/operations.md` has them, let services and tools do everything, and not one of them
//! can be left out unnoticed.

use std::collections::HashMap;
use std::slice;
use std::time::Duration;

use billing_cache::{Purpose, RedisSettings, Tier};
use billing_core::cached::open_cache;
use billing_core::service::BillingService;
use billing_core::settings::Settings;
use billing_outbox::outbox::Pending;
use test_support::{RedisCluster, RedisServer, eventually};

use crate::harness::{Stage, finding};

const OPERATIONS: &str = include_str!("../../../../docs/operations.md");
pub(crate) const SECRET: &str = "acl-secret";

/// The words of the line of the document that makes this user, after its password.
fn rules_of(user: &str) -> Vec<&'static str> {
    let beginning = format!("ACL SETUSER {user} on >PASSWORD ");
    let line = OPERATIONS.lines().find_map(|line| line.trim().strip_prefix(beginning.as_str()));
    line.unwrap_or_else(|| panic!("docs/operations.md has no line {beginning}")).split(' ').collect()
}

/// The rules that the document adds on a Redis Cluster.
fn rules_of_clusters() -> Vec<&'static str> {
    let line = OPERATIONS.lines().find_map(|line| line.strip_prefix("Further: `")).unwrap();
    let (rules, what) = line.split_once("` on ").unwrap();
    assert!(what.starts_with("a Redis Cluster"), "{line}");
    rules.split(' ').collect()
}

fn make_user(redis: &RedisServer, user: &str, rules: &[&str]) {
    let password = format!(">{SECRET}");
    let words = [&["ACL", "SETUSER", user, "reset", "on", &password], rules].concat();
    redis.command::<()>(&words).unwrap();
}

/// A user with the rules of the tools but for some.
pub(crate) fn make_user_without(redis: &RedisServer, user: &str, left_out: &[&str]) {
    let rules: Vec<&str> = rules_of("billing-tools").into_iter().filter(|rule| !left_out.contains(rule)).collect();
    make_user(redis, user, &rules);
}

/// How the log names the refusal of the library's name, which only Redis 7.2 and later take; before 7 without what is
/// set.
const LIBRARY_NAME: [&str; 2] = ["client|setinfo", "client"];

/// The commands and keys that users were refused since the last call.
fn refusals(redis: &RedisServer) -> Vec<String> {
    let log: Vec<HashMap<String, redis::Value>> = redis.command(&["ACL", "LOG"]).unwrap();
    redis.command::<()>(&["ACL", "LOG", "RESET"]).unwrap();
    let refused = log.iter().map(|entry| redis::from_redis_value_ref(&entry["object"]).unwrap());
    refused.filter(|object: &String| !LIBRARY_NAME.contains(&object.as_str())).collect()
}

async fn rules_of_the_code(stage: &Stage, purposes: &[Purpose]) -> Vec<String> {
    let cache = stage.open_cache().await;
    let rules = cache.smallest_acl_rules().into_iter();
    let mut rules: Vec<String> = rules.filter(|rule| purposes.contains(&rule.purpose)).map(|rule| rule.rule).collect();
    rules.sort();
    rules
}

#[tokio::test]
async fn the_document_has_the_rules_of_the_code() {
    let stage = Stage::sqlite();
    let services = [Purpose::Cache, Purpose::L1, Purpose::Counters];
    let tools = [Purpose::Cache, Purpose::L1, Purpose::Counters, Purpose::Tools];
    for (user, purposes) in [("billing", &services[..]), ("billing-tools", &tools)] {
        let mut documented = rules_of(user);
        documented.sort_unstable();
        assert_eq!(documented, rules_of_the_code(&stage, purposes).await, "{user}");
    }
}

#[tokio::test]
async fn services_read_write_and_keep_values_in_memory_with_the_smallest_rules() {
    read_write_and_keep_in_memory_of(&Stage::sqlite().seeded()).await;
}

#[tokio::test]
async fn services_do_so_over_tls() {
    read_write_and_keep_in_memory_of(&Stage::with_tls(RedisServer::options()).seeded()).await;
}

async fn read_write_and_keep_in_memory_of(stage: &Stage) {
    let redis = stage.redis_settings();
    read_write_and_keep_in_memory(stage, slice::from_ref(&stage.redis), &rules_of("billing"), redis).await;
}

async fn read_write_and_keep_in_memory(stage: &Stage, servers: &[RedisServer], rules: &[&str], redis: RedisSettings) {
    for server in servers {
        make_user(server, "billing", rules);
        refusals(server);
    }
    let redis = RedisSettings { username: "billing".to_owned(), password: SECRET.into(), ..redis };
    let settings = Settings { redis, ..Settings::defaults() };
    let service = BillingService::open(stage.open_database().await, &settings).await.unwrap();
    let in_use = async || service.cache().uses_redis();
    eventually(Duration::from_secs(20), in_use).await.unwrap();
    service.invoice_details(1).await.unwrap();
    assert_eq!(service.invoice_details(1).await.unwrap().tier, Tier::L2);
    service.invoices_details(&[1, 2, 3]).await.unwrap();
    service.user_credit_notes(1).await.unwrap();
    let from_memory = async || service.active_discounts().await.unwrap().tier == Tier::L1;
    eventually(Duration::from_secs(20), from_memory).await.unwrap();
    let written = service.deactivate_discount(1).await.unwrap();
    assert_eq!(written.pending, Pending::Nothing);
    assert!(service.active_discounts().await.unwrap().value.is_some());
    service.cache().flush_counters().await;
    service.close().await;
    for server in servers {
        assert_eq!(refusals(server), [""; 0]);
    }
}

#[test]
fn tools_do_everything_with_the_smallest_rules() {
    do_everything_of(&Stage::sqlite().seeded());
}

#[test]
fn tools_do_so_over_tls() {
    do_everything_of(&Stage::with_tls(RedisServer::options()).seeded());
}

fn do_everything_of(stage: &Stage) {
    do_everything(stage, slice::from_ref(&stage.redis), &rules_of("billing-tools"), &[]);
}

#[tokio::test]
async fn a_cluster_takes_two_rules_more() {
    let (stage, cluster) = (Stage::sqlite().seeded(), RedisCluster::start_masters(&RedisServer::options(), 3).unwrap());
    let redis = RedisSettings { cluster_nodes: cluster.nodes(), ..stage.redis_settings() };
    let cache = open_cache(stage.open_database().await, &redis, Settings::defaults().cache).await.unwrap();
    let of_clusters = rules_of_clusters();
    let wanted = cache.smallest_acl_rules().into_iter().filter(|rule| rule.purpose == Purpose::Cluster);
    assert_eq!(wanted.map(|rule| rule.rule).collect::<Vec<_>>(), of_clusters);
    let rules_of = |user| [rules_of(user), of_clusters.clone()].concat();
    read_write_and_keep_in_memory(&stage, cluster.servers(), &rules_of("billing"), redis).await;
    let nodes = cluster.nodes();
    do_everything(&stage, cluster.servers(), &rules_of("billing-tools"), &[("REDIS_CLUSTER_NODES", &nodes)]);
}

fn do_everything(stage: &Stage, servers: &[RedisServer], rules: &[&str], variables: &[(&str, &str)]) {
    for server in servers {
        make_user(server, "billing-tools", rules);
        refusals(server);
    }
    let variables = [&[("REDIS_USERNAME", "billing-tools"), ("REDIS_PASSWORD", SECRET)], variables].concat();
    for arguments in [
        &["warmup"][..],
        &["stats"],
        &["clear", "--type", "invoices", "--id", "1"],
        &["clear", "--type", "all", "--dry-run"],
        &["clear", "--type", "all"],
        &["doctor"],
    ] {
        stage.run_with(arguments, &variables).assert_fine();
        for server in servers {
            assert_eq!(refusals(server), [""; 0], "{arguments:?}");
        }
    }
}

#[test]
fn each_rule_that_is_left_out_is_named_by_doctor() {
    let stage = Stage::sqlite().seeded();
    let rules = rules_of("billing-tools");
    for left_out in &rules {
        let others: Vec<&str> = rules.iter().copied().filter(|rule| rule != left_out).collect();
        make_user(&stage.redis, "partial", &others);
        let user = [("REDIS_USERNAME", "partial"), ("REDIS_PASSWORD", SECRET)];
        let run = stage.run_with(&["doctor", "--format", "json"], &user);
        assert!(matches!(run.code, Some(0 | 1)), "{left_out}: {run:?}");
        let report = run.json();
        let findings = report["findings"].as_array().unwrap();
        let rights = findings.iter().find(|finding| finding["check"] == "rights").unwrap();
        let remedy = format!("ACL SETUSER partial {left_out}");
        assert_eq!(rights["remedy"], remedy, "{left_out}: {rights}");
        let expected = if run.code == Some(1) { "problem" } else { "note" };
        assert_eq!(rights["level"], expected, "{left_out}: {rights}");
    }
}

#[test]
fn commands_that_the_server_does_not_know_are_named_by_doctor() {
    for (command, rule, level) in [("MEMORY", "+memory|usage", "note"), ("EVALSHA", "+evalsha", "problem")] {
        let stage =
            Stage::with_redis(RedisServer::options().config("rename-command", &format!("{command} \"\""))).seeded();
        let report = stage.run(&["doctor", "--format", "json"]).json();
        let findings = report["findings"].as_array().unwrap();
        let rights = findings.iter().find(|finding| finding["check"] == "rights").unwrap();
        assert_eq!(rights["level"], level, "{rights}");
        let remedy = rights["remedy"].as_str().unwrap();
        assert!(remedy.starts_with(&format!("the server does not know {rule}:")), "{remedy}");
    }
    let stage = Stage::with_redis(RedisServer::options().config("rename-command", "SCRIPT \"\"")).seeded();
    let report = stage.run(&["doctor", "--format", "json"]).json();
    let findings = report["findings"].as_array().unwrap();
    for check in ["rights", "scripts"] {
        let finding = findings.iter().find(|finding| finding["check"] == check).unwrap();
        assert_eq!(finding["level"], "ok", "{finding}");
    }
}

#[test]
fn key_patterns_are_tried_whatever_commands_are_missing() {
    let stage = Stage::sqlite().seeded();
    let rights = |left_out: &[&str], further: &[&str]| {
        make_user_without(&stage.redis, "partial", left_out);
        for rule in further {
            stage.redis.command::<()>(&["ACL", "SETUSER", "partial", rule]).unwrap();
        }
        let user = [("REDIS_USERNAME", "partial"), ("REDIS_PASSWORD", SECRET)];
        let run = stage.run_with(&["doctor", "--format", "json"], &user);
        assert_eq!(run.code, Some(1), "{run:?}");
        finding(&run.json(), "redis", "rights").clone()
    };
    let without_counters = ["+hincrby", "+zadd", "+zincrby", "+zremrangebyrank", "~invoice:*"];
    let found = rights(&without_counters, &[]);
    assert_eq!(found["level"], "problem", "{found}");
    for rule in without_counters {
        assert!(found["remedy"].as_str().unwrap().contains(rule), "{rule}: {found}");
    }
    // No command that writes is left to try them by.
    let found = rights(&["+hincrby", "+set", "+expire", "~invoice:*"], &[]);
    assert!(found["found"].as_str().unwrap().contains("~active_discounts could not be tried"), "{found}");
    let knows_reading = stage.redis.command::<()>(&["ACL", "SETUSER", "partial", "%R~invoice:*"]).is_ok();
    if knows_reading {
        let found = rights(&["~invoice:*"], &["%R~invoice:*"]);
        assert_eq!(found["remedy"], "ACL SETUSER partial ~invoice:*", "{found}");
    }
}
