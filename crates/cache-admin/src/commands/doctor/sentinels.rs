//! Redis Sentinel: which server is the primary, which replicas could take over, and whether there are enough sentinels
//! to decide it.

use billing_cache::{L2Error, SentinelFacts};

use crate::reports::doctor::{Finding, Subject};

const SUBJECT: Subject = Subject::Redis;
/// A majority decides, so with fewer sentinels none may fail.
const FEWEST: usize = 3;

pub(super) fn judge(sentinels: &Result<Option<SentinelFacts>, L2Error>) -> Finding {
    let facts = match sentinels {
        Ok(Some(facts)) => facts,
        Ok(None) => return SUBJECT.ok("sentinels", "not in use"),
        Err(error) => return SUBJECT.not_checked("sentinels", error.to_string(), "run cache-admin doctor again"),
    };
    let SentinelFacts { master, primary: (host, port), answering, configured, .. } = facts;
    let found = format!("{answering} of {configured} answer: {master} is {host}:{port}, {}", replicas(facts));
    if answering < configured {
        SUBJECT.note("sentinels", found, "start those that are away, or correct REDIS_SENTINELS")
    } else if *configured < FEWEST {
        SUBJECT.note("sentinels", found, "run three of them and name all in REDIS_SENTINELS: a majority decides")
    } else if facts.replicas.is_empty() {
        SUBJECT.note("sentinels", found, "start a replica: without one nothing can take over")
    } else {
        SUBJECT.ok("sentinels", found)
    }
}

fn replicas(facts: &SentinelFacts) -> String {
    let addresses: Vec<String> = facts.replicas.iter().map(|(host, port)| format!("{host}:{port}")).collect();
    match addresses.len() {
        0 => "without a replica".to_owned(),
        1 => format!("replica {}", addresses[0]),
        _ => format!("replicas {}", addresses.join(", ")),
    }
}
