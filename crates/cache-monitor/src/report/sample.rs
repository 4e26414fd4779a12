//! A report that is equal on every machine, for the tests of the renderings.

use std::path::Path;
use std::time::{Duration, Instant};

use billing_cache::{Numbers, Tier};
use billing_core::cached;
use cli_support::Ending;

use super::advice::Used;
use super::model::{Advice, Costs};
use super::{Conditions, MonitorReport, TypeOutcome, WorkloadReport, build, judge};
use crate::measurement::{Measurement, Pair};

/// A type with L1 and L2 hits, misses and advice.
pub(super) const INVOICES: &str = "invoices";
/// A type without rows.
pub(super) const EMPTY: &str = "tax_rates";

/// The sample report. Differences between debug and release builds are removed.
pub(super) fn report() -> MonitorReport {
    let outcomes = [outcome(EMPTY, Some(0), Measurement::new()), outcome(INVOICES, Some(60), measurement())];
    let mut report = build(conditions(), &outcomes);
    report.debug_build = false;
    report.notes.retain(|note| !note.contains("debug build"));
    for of_type in &mut report.types {
        let Some(measured) = &mut of_type.measured else { continue };
        measured.elapsed_seconds = 1.5;
        let used = Used { hits_l1: 500, hits_l2: 8_500, misses: 1_000, bypassed: 0, invalidated: 250 };
        let costs = Costs::of(measured, Some(&used)).unwrap();
        of_type.advice = Some(Advice::of(costs, Some(used), 300));
    }
    report
}

/// The same report, with a gate.
pub(super) fn gated_report() -> MonitorReport {
    let mut report = report();
    report.gate = Some(judge(&report, None, 99.0));
    report
}

/// Fails if the file under `tests/golden` differs.
pub(super) fn assert_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    test_support::assert_golden(&path, &format!("{text}\n"));
}

fn outcome(name: &str, keys: Option<u64>, measurement: Measurement) -> TypeOutcome {
    let info = cached::find(name).unwrap().info();
    TypeOutcome { info, ttl: info.ttl, keys, measurement }
}

/// Times with a realistic spread, but without randomness.
fn measurement() -> Measurement {
    let mut measurement = Measurement::new();
    for number in 0..1_200_u32 {
        let spread =
            |micros: f64| Duration::from_secs_f64(micros * (1.0 + f64::from(number * 7919 % 101) / 60.0) / 1e6);
        let (tier, request) = match number % 12 {
            0 => (Tier::Loaded, spread(1_300.0)),
            1 | 2 => (Tier::L1, spread(0.4)),
            _ => (Tier::L2, spread(180.0 + f64::from(number % 7) * 9.0)),
        };
        measurement.record(Pair {
            tier,
            request,
            load: spread(1_000.0 + f64::from(number % 13) * 11.0),
            began: Instant::now(),
        });
    }
    measurement
}

fn conditions() -> Conditions {
    Conditions {
        is_embedded: false,
        measured_at: "2026-11-22T19:04:00Z".to_owned(),
        database: "PostgreSQL localhost:5432/billing".to_owned(),
        redis: "localhost:6379, database 0".to_owned(),
        workload: WorkloadReport::Zipf { iterations: 1_200, keys_limit: 1_000, zipf_exponent: 1.0, seed: 42 },
        concurrency: 4,
        warmup: 50,
        ended: Ending::Complete,
        usage: Ok(Numbers::default()),
        notes: Vec::new(),
    }
}
