//! Settings that work but are rarely intended. Settings that cannot work already ended the tool with an error.

use billing_core::settings::{Origin, Remark, Setting, Settings};

use crate::reports::doctor::{Finding, Subject};

const SUBJECT: Subject = Subject::Configuration;

pub(super) fn check(settings: &Settings, explained: &[Setting], remarks: Vec<Remark>) -> Vec<Finding> {
    let changed = explained.iter().filter(|setting| setting.origin != Origin::Default).count();
    let summary = format!("{} settings, {changed} of them not by default", explained.len());
    let without_effect = remarks.into_iter().map(|it| SUBJECT.note("no effect", it.found(), it.remedy()));
    let of_values = [key_space(&settings.cache.key_space), counters(settings)];
    [SUBJECT.ok("settings", summary)].into_iter().chain(without_effect).chain(of_values).collect()
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
