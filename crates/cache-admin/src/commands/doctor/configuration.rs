//! Settings that work and are seldom meant. Those that cannot work end the tool before.

use billing_core::settings::{Origin, Setting, Settings};

use crate::reports::doctor::{Finding, Subject};

const SUBJECT: Subject = Subject::Configuration;

pub(super) fn check(settings: &Settings, explained: &[Setting]) -> Vec<Finding> {
    let changed = explained.iter().filter(|setting| setting.origin != Origin::Default).count();
    let summary = format!("{} settings, {changed} of them not by default; all are shown below", explained.len());
    vec![SUBJECT.ok("settings", summary), key_space(&settings.cache.key_space), counters(settings)]
}

fn key_space(prefix: &str) -> Finding {
    if prefix.is_empty() {
        return SUBJECT.ok("key space", "the keys that the Python processes share");
    }
    let found = format!("keys begin with {prefix:?}, so the Python processes neither see nor share them");
    SUBJECT.note("key space", found, "leave cache.key_space empty in production")
}

fn counters(settings: &Settings) -> Finding {
    match settings.cache.counters_flush_ms {
        0 => {
            let found = "processes with these settings count no hits and misses, and `cache-admin stats` shows none";
            SUBJECT.note("counters", found, "set cache.counters_flush_ms, such as to 5000")
        }
        pause => SUBJECT.ok("counters", format!("added up in Redis every {pause} ms")),
    }
}
