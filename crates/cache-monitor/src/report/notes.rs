//! Notes that are needed to read the numbers correctly.

use std::time::Duration;

use cli_support::Ending;

use super::conditions::Conditions;
use super::model::{Requests, TypeReport};

const ON_SQLITE: &str = "a load from an SQLite file takes about 0.1 ms, without a network or a server: measure on your own \
    database what the cache is worth there";

/// All notes. Notes about the whole measurement come first and last.
pub(super) fn notes(conditions: &Conditions, types: &[TypeReport]) -> Vec<String> {
    let debug_build = "measured with a debug build, which is slower than what runs in production";
    let interrupted = "interrupted: these are the requests that were made until then";
    let tasks = conditions.concurrency;
    let concurrent = format!(
        "{tasks} tasks asked at the same time, each waiting for its answer: times include waiting for a connection and for \
         the processor, but not the time that requests would have waited which nobody made meanwhile (coordinated omission)"
    );
    let usage = conditions.usage.as_ref().err().map(|reason| format!("no usage data for the advice: {reason}"));
    let mut notes = Vec::new();
    notes.extend(conditions.is_embedded.then(|| ON_SQLITE.to_owned()));
    notes.extend((conditions.ended == Ending::Interrupted).then(|| interrupted.to_owned()));
    notes.extend(types.iter().flat_map(|of_type| notes_on(of_type, conditions.ended)));
    notes.extend(conditions.notes.iter().cloned());
    notes.extend((tasks > 1).then_some(concurrent));
    notes.extend(usage);
    notes.extend(cfg!(debug_assertions).then(|| debug_build.to_owned()));
    notes
}

fn notes_on(of_type: &TypeReport, ended: Ending) -> Vec<String> {
    let name = &of_type.name;
    let Some(measured) = &of_type.measured else {
        let why = match (of_type.keys, ended) {
            (Some(0), _) => "no rows in the database",
            (_, Ending::Interrupted) => "not measured before the interruption",
            _ => "no request",
        };
        return vec![format!("{name}: {why}")];
    };
    let mut notes = Vec::new();
    if of_type.advice.is_none() {
        notes.push(format!("{name}: too few hits or loads for advice; more --iterations give more"));
    }
    let Requests { requests, bypassed, .. } = measured.requests;
    if bypassed > 0 {
        notes.push(format!(
            "{name}: {bypassed} of {requests} requests went past Redis, which refused or did not answer within \
             redis.command_timeout_ms; the times of hits leave them out"
        ));
    }
    let ttl = Duration::from_secs(of_type.ttl_seconds);
    if Duration::from_secs_f64(measured.elapsed_seconds) > ttl {
        let seconds = of_type.ttl_seconds;
        notes.push(format!(
            "{name}: took longer than the {seconds} s a value is cached here, so some misses are expiries"
        ));
    }
    notes
}
