//! Tools count, compare and empty what all masters hold together.

use serde_json::{Value, json};
use system_tests::{Backend, CACHE_ADMIN, Run, Site, Topology};
use test_support::RedisServer;

use super::size;
use crate::on_both_databases;

on_both_databases![every_tool_works_on_all_masters_together];

fn every_tool_works_on_all_masters_together(backend: Backend) {
    let site = Site::seeded_on(backend, Topology::Masters);
    site.admin("warmup").fine();
    stats_show_what_stands_in_all_masters(&site);
    any_node_leads_to_all_masters(&site);
    the_monitor_measures_and_leaves_nothing(&site);
    verify_finds_and_repairs_what_is_wrong_on_each_master(&site);
    doctor_looks_at_each_master(&site);
    clearing_a_type_empties_it_on_all_masters_and_leaves_the_others(&site);
    assert_eq!(size(&site.redis), 0, "the server of REDIS_PORT is passed over");
}

fn stats_show_what_stands_in_all_masters(site: &Site) {
    for (number, master) in site.stores().into_iter().enumerate() {
        let foreign = foreign_key(site, master);
        master.command::<()>(&["SET", &foreign, "v"]).expect("a master takes a key of its own");
        assert_eq!(site.stats().number("foreign"), number as u64 + 1);
    }
    let stats = site.stats();
    assert_eq!(stats.keys("invoices"), 60);
    let shown: u64 = stats.all_keys().iter().map(|(_, keys)| keys).sum();
    let others = stats.number("foreign") + stats.number("leases") + stats.number("bookkeeping");
    assert_eq!(shown + others, site.stores().into_iter().map(size).sum::<u64>());
    for master in site.stores() {
        assert!(invoices_on(site, master).next().is_some(), "the invoices are not spread over all masters");
    }
}

/// A key of another program that this master holds.
fn foreign_key(site: &Site, master: &RedisServer) -> String {
    let mut names = (0..).map(|number| format!("foreign-{number}"));
    names.find(|name| site.store_of(name).port() == master.port()).expect("numbers do not end")
}

fn any_node_leads_to_all_masters(site: &Site) {
    for master in site.stores() {
        let nodes = format!("127.0.0.1:1, 127.0.0.1:{}", master.port());
        let stats = site.program(CACHE_ADMIN).with("REDIS_CLUSTER_NODES", &nodes).run("stats --format json").json();
        let invoices = stats["types"].as_array().and_then(|types| types.iter().find(|row| row["name"] == "invoices"));
        assert_eq!(invoices.expect("invoices are a type")["keys"], 60);
    }
}

fn the_monitor_measures_and_leaves_nothing(site: &Site) {
    let before = site.redis_keys("*");
    let report = site.monitor("--iterations 50 --seed 7 --format json").json();
    for row in report["types"].as_array().expect("a list of types") {
        let requests = &row["measured"]["requests"];
        assert_eq!((&requests["requests"], &requests["bypassed"]), (&json!(50), &json!(0)), "{row}");
    }
    assert_eq!(site.redis_keys("*"), before);
}

fn verify_finds_and_repairs_what_is_wrong_on_each_master(site: &Site) {
    let verify = |arguments: &str| site.admin(&format!("verify --all --format json {arguments}"));
    assert_eq!(verify("").json()["total"]["right_share"], 1.0);
    for master in site.stores() {
        let key = invoices_on(site, master).next().expect("each master holds invoices");
        let mut value: Value =
            serde_json::from_slice(&site.redis_value(&key).expect("it was seen")).expect("it is JSON");
        value["balance_due"] = "123456.78".into();
        master.command::<()>(&["SET", &key, &value.to_string(), "KEEPTTL"]).expect("a value can be replaced");
    }
    let stale = |run: Run| {
        let report: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:#?}"));
        (run.code, report["total"]["stale"].clone())
    };
    let all = json!(site.stores().len());
    assert_eq!(stale(verify("")), (Some(1), all.clone()));
    assert_eq!(stale(verify("--repair")), (Some(1), all));
    assert_eq!(stale(verify("")), (Some(0), json!(0)));
    site.admin("warmup").fine();
}

fn doctor_looks_at_each_master(site: &Site) {
    let run = site.admin("doctor --format json");
    let report: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:#?}"));
    let findings = report["findings"].as_array().expect("a list of findings");
    for master in site.stores() {
        let address = format!("127.0.0.1:{}", master.port());
        assert!(findings.iter().any(|finding| finding.to_string().contains(&address)), "{address}: {report:#}");
    }
    assert!(findings.iter().all(|finding| finding["level"] != "problem"), "{report:#}");
}

fn clearing_a_type_empties_it_on_all_masters_and_leaves_the_others(site: &Site) {
    let others = || site.redis_keys("*").into_iter().filter(|key| !key.starts_with("invoice:")).collect::<Vec<_>>();
    let (before, others_before) = (site.redis_keys("invoice:*"), others());
    assert_eq!(before.len(), 60);
    site.admin("clear --type invoices --dry-run").fine();
    assert_eq!(site.redis_keys("invoice:*"), before);
    site.admin("clear --type invoices").fine();
    assert!(site.redis_keys("invoice:*").is_empty());
    assert_eq!(others(), others_before);
}

fn invoices_on<'s>(site: &'s Site, master: &'s RedisServer) -> impl Iterator<Item = String> + 's {
    site.redis_keys("invoice:*").into_iter().filter(|key| site.store_of(key).port() == master.port())
}
