//! `/metrics`: what was driven over HTTP, as the reference parser of the format reads it.

use std::collections::BTreeSet;

use system_tests::{Backend, Client, Metrics, Sample, Service, Site};

use crate::{on_both_databases, open_invoice};

on_both_databases![
    reads_writes_and_loads_are_told_as_they_were_driven,
    without_the_database_the_outbox_is_unknown_and_all_else_is_told,
];

/// More different keys than anybody wants as series.
const KEYS: i32 = 10_000;

/// Of what a page may be about.
const LABELS: [&str; 7] = ["le", "outcome", "reason", "state", "tier", "type", "version"];

/// How much a series grew between two scrapes.
struct Growth {
    before: Metrics,
    after: Metrics,
}

impl Growth {
    #[track_caller]
    fn of(&self, name: &str, labels: &str) -> f64 {
        self.after.value(name, labels) - self.before.value(name, labels)
    }
}

fn growth(site: &Site, service: &Service, drive: impl FnOnce(&Client)) -> Growth {
    let before = Metrics::of(site, service);
    drive(service);
    Growth { before, after: Metrics::of(site, service) }
}

fn reads_writes_and_loads_are_told_as_they_were_driven(backend: Backend) {
    let site = Site::seeded(backend);
    let service = site.serve();
    let invoice = open_invoice(&site);
    let growth = growth(&site, &service, |client| {
        client.invoice(invoice).from_tier("loaded");
        for _ in 0..3 {
            client.invoice(invoice).from_tier("l2");
        }
        client.pay(invoice, "0.01", "t-1").with_status(201);
        client.invoice(invoice).from_tier("loaded");
        client.get("/discounts/active").from_tier("loaded");
    });
    assert_eq!(growth.of("billing_cache_requests_total", "type=invoices tier=loaded"), 2.0);
    assert_eq!(growth.of("billing_cache_requests_total", "type=invoices tier=l2"), 3.0);
    assert_eq!(growth.of("billing_cache_requests_total", "type=active_discounts tier=loaded"), 1.0);
    assert_eq!(growth.of("billing_cache_requests_total", "type=tax_rates tier=l2"), 0.0);
    assert_eq!(growth.of("billing_cache_loads_total", "type=invoices"), 2.0);
    assert_eq!(growth.of("billing_cache_fills_total", "type=invoices outcome=stored"), 2.0);
    assert!(growth.of("billing_cache_invalidations_total", "type=invoices outcome=done") >= 1.0);
    for never in ["load_failures_total", "overload_rejections_total", "redis_errors_total", "coalesced_requests_total"]
    {
        assert_eq!(growth.of(&format!("billing_cache_{never}"), "type=invoices"), 0.0, "{never}");
    }
    let now = |name: &str, labels: &str| growth.after.value(&format!("billing_cache_{name}"), labels);
    assert_eq!(
        ["closed", "open", "half-open"].map(|state| now("breaker_state", &format!("state={state}"))),
        [1.0, 0.0, 0.0]
    );
    assert_eq!((now("redis_in_use", ""), now("database_up", ""), now("suspect_keys", "")), (1.0, 1.0, 0.0));
    assert_eq!(now("build_info", &format!("version={}", env!("CARGO_PKG_VERSION"))), 1.0);
}

fn without_the_database_the_outbox_is_unknown_and_all_else_is_told(backend: Backend) {
    let site = Site::seeded(backend);
    let service = site.serve();
    service.invoice(open_invoice(&site)).from_tier("loaded");
    site.execute(&["ALTER TABLE cache_invalidations RENAME TO elsewhere"]);
    let metrics = Metrics::of(&site, &service);
    assert_eq!(metrics.value("billing_cache_database_up", ""), 0.0);
    assert_eq!(metrics.families["billing_cache_outbox_pending_rows"].samples, []);
    assert_eq!(metrics.value("billing_cache_requests_total", "type=invoices tier=loaded"), 1.0);
}

#[test]
fn a_row_that_nobody_applies_is_told_with_its_age() {
    let site = Site::seeded(Backend::Sqlite);
    let service = site.serve();
    assert_eq!(Metrics::of(&site, &service).value("billing_cache_outbox_oldest_pending_seconds", ""), 0.0);
    // The grace of the relay is long here, so the rows stay.
    site.execute(&["UPDATE invoices SET amount = amount + 1 WHERE id = 1"]);
    let metrics = Metrics::of(&site, &service);
    assert!(metrics.value("billing_cache_outbox_pending_rows", "") >= 1.0);
    assert!(metrics.value("billing_cache_outbox_oldest_pending_seconds", "") > 0.0);
}

#[test]
fn all_series_are_there_from_the_start_and_keys_make_no_more() {
    let site = Site::seeded(Backend::Sqlite);
    let service = site.serve();
    let at_first = Metrics::of(&site, &service);
    for (tier, name) in [("l1", "requests_total"), ("l1", "request_duration_seconds_count")] {
        assert_eq!(at_first.value(&format!("billing_cache_{name}"), &format!("type=invoices tier={tier}")), 0.0);
    }
    std::thread::scope(|scope| {
        for first in 0..4 {
            let client: &Client = &service;
            scope.spawn(move || {
                (first..KEYS)
                    .step_by(4)
                    .for_each(|number| drop(client.invoice(i64::from(1_000_000 + number)).with_status(404)));
            });
        }
    });
    let later = Metrics::of(&site, &service);
    assert!(later.value("billing_cache_requests_total", "type=invoices tier=loaded") >= f64::from(KEYS));
    let series = |metrics: &Metrics| -> BTreeSet<String> {
        metrics.samples().map(|Sample { name, labels, .. }| format!("{name}{labels:?}")).collect()
    };
    assert_eq!(series(&later), series(&at_first));
    assert_eq!(later.samples().count(), series(&later).len(), "no series twice");
    for sample in later.samples() {
        for (label, value) in &sample.labels {
            assert!(LABELS.contains(&label.as_str()), "{sample:?}");
            assert!(value.len() <= 20 && !value.contains("1000"), "{sample:?}");
        }
    }
}

#[test]
fn a_scrape_asks_redis_nothing_and_works_while_redis_is_away() {
    let site = Site::seeded(Backend::Sqlite);
    let service = site.serve();
    let calls =
        || site.redis.command_stats().expect("Redis tells its calls").values().map(|stats| stats.calls).sum::<u64>();
    let before = calls();
    for _ in 0..200 {
        service.page("/metrics").with_status(200);
    }
    // The process does a little by itself meanwhile.
    let asked = calls() - before;
    assert!(asked < 200, "{asked} commands in 200 scrapes");
    site.redis.stop().expect("Redis can be stopped");
    site.eventually(|| {
        let metrics = Metrics::of(&site, &service);
        if metrics.value("billing_cache_redis_in_use", "") == 0.0 { Ok(()) } else { Err(metrics.text) }
    });
    service.invoice(open_invoice(&site)).from_tier("bypassed");
    let metrics = Metrics::of(&site, &service);
    assert_eq!(metrics.value("billing_cache_requests_total", "type=invoices tier=bypassed"), 1.0);
    assert_eq!(metrics.value("billing_cache_misses_total", "type=invoices reason=bypassed"), 1.0);
}

#[test]
fn names_follow_the_conventions_and_say_what_they_mean() {
    let site = Site::seeded(Backend::Sqlite);
    let types = site.stats().all_keys();
    let metrics = Metrics::of(&site, &site.serve());
    for (name, family) in &metrics.families {
        assert!(name.starts_with("billing_cache_"), "{name}");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit()), "{name}");
        assert!(["", "seconds", "bytes"].contains(&family.unit.as_str()), "{name}: base units");
        assert!(family.unit.is_empty() || name.ends_with(&format!("_{}", family.unit)), "{name}: {}", family.unit);
        assert!(!name.ends_with("_total") && !name.ends_with("_count"), "{name}: the format adds these");
        assert!(family.help.ends_with('.') && family.help.len() > 20, "{name}: {}", family.help);
        assert!(["counter", "gauge", "histogram", "info"].contains(&family.kind.as_str()), "{name}: {}", family.kind);
    }
    let said: BTreeSet<&str> =
        metrics.samples().filter_map(|sample| sample.labels.get("type")).map(String::as_str).collect();
    let known: BTreeSet<&str> = types.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(said, known);
}
