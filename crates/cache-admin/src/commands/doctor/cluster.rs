//! Redis Cluster: which nodes are primaries and replicas, whether every slot has a primary and is not being moved, and
//! whether the nodes in the settings answer.

use billing_cache::{ClusterError, ClusterFacts, L2Error, MasterFacts};
use billing_core::cached::BillingCache;
use cli_support::render::count;

use super::checked::RECONNECT;
use crate::reports::doctor::{Finding, Level, Subject};

const SUBJECT: Subject = Subject::Redis;

/// A problem and its remedy.
struct Fault {
    level: Level,
    found: String,
    remedy: String,
}

/// Also asked while a primary is unreachable, because the other nodes know about it.
pub(super) async fn check(cache: &BillingCache) -> Finding {
    match cache.examine_cluster().await {
        Ok(Some(facts)) => judge(&facts),
        Ok(None) => SUBJECT.ok("cluster", "not in use"),
        Err(error) => SUBJECT.not_checked("cluster", error.cause().to_string(), RECONNECT),
    }
}

fn judge(facts: &ClusterFacts) -> Finding {
    let masters: Vec<String> = facts.masters.iter().map(describe).collect();
    let whole = format!("{} masters: {}", masters.len(), masters.join(", "));
    let faults = faults(facts);
    let Some(level) = faults.iter().map(|fault| fault.level).max() else {
        return SUBJECT.ok("cluster", format!("{whole}; every slot has one"));
    };
    let found = faults.iter().map(|fault| fault.found.as_str()).chain([whole.as_str()]).collect::<Vec<_>>().join("; ");
    let remedy = faults.iter().map(|fault| fault.remedy.as_str()).collect::<Vec<_>>().join("; ");
    match level {
        Level::Problem => SUBJECT.problem("cluster", found, remedy),
        _ => SUBJECT.note("cluster", found, remedy),
    }
}

/// The worst fault first.
fn faults(facts: &ClusterFacts) -> Vec<Fault> {
    let ClusterFacts { masters, uncovered_slots, moving_slots, silent, .. } = facts;
    let mut faults = Vec::new();
    let fix =
        format!("redis-cli --cluster fix {}", masters.first().map(|master| name(&master.address)).unwrap_or_default());
    let mut add = |level, found, remedy: &str| faults.push(Fault { level, found, remedy: remedy.to_owned() });
    if *uncovered_slots > 0 {
        let found =
            format!("slots without a master: {}, whose keys are read from the database", count_of(*uncovered_slots));
        add(Level::Problem, found, &format!("give them one: {fix}"));
    }
    if let Some(down) = names(masters, |master| master.is_down) {
        let found = format!("masters that do not answer the other nodes: {down}");
        add(Level::Problem, found, "start them; where there is a replica, it takes over by itself");
    }
    if *moving_slots > 0 {
        let found =
            format!("slots on the move: {}, of which some keys are read from the database", count_of(*moving_slots));
        add(Level::Note, found, &format!("if nobody is moving slots: {fix}"));
    }
    if !silent.is_empty() {
        let found = silent.iter().map(why).collect::<Vec<_>>().join(", ");
        add(Level::Note, found, "start the node, or correct REDIS_CLUSTER_NODES");
    }
    if let Some(alone) = names(masters, |master| master.replicas.is_empty()) {
        let found = format!("without a replica that could take over: {alone}");
        add(Level::Note, found, "start a replica of each master");
    }
    faults
}

/// The addresses of the primaries for which `is_so` holds; `None` if there are none.
fn names(masters: &[MasterFacts], is_so: impl Fn(&MasterFacts) -> bool) -> Option<String> {
    let names: Vec<String> =
        masters.iter().filter(|master| is_so(master)).map(|master| name(&master.address)).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn name((host, port): &(String, u16)) -> String {
    format!("{host}:{port}")
}

fn describe(master: &MasterFacts) -> String {
    let replicas: Vec<String> = master.replicas.iter().map(name).collect();
    let address = name(&master.address);
    match replicas.len() {
        0 => address,
        1 => format!("{address} (replica {})", replicas[0]),
        _ => format!("{address} (replicas {})", replicas.join(", ")),
    }
}

fn count_of(slots: usize) -> String {
    count(slots as u64)
}

/// The error of one node; other nodes may answer.
fn why(error: &L2Error) -> String {
    match error {
        L2Error::Cluster(ClusterError::Away { address, source }) => format!("{address} does not answer: {source}"),
        error => error.to_string(),
    }
}
