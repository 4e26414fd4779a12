//! `RUST_LOG=billing_cache=debug`: a line for each operation, with type, key, tier, outcome and time, and no value.

use std::cell::RefCell;

use system_tests::{BILLING_SERVICE, Backend, CACHE_ADMIN, Service, Site};

use crate::open_invoice;

const LEVEL: (&str, &str) = ("RUST_LOG", "billing_cache=debug,billing_outbox=debug");

fn serve_talking(site: &Site, level: &str) -> Service {
    let program = site.program(BILLING_SERVICE).with("RUST_LOG", level);
    let service = program.with("BILLING__CACHE__TYPES__ACTIVE_DISCOUNTS__L1", "true").serve();
    site.wait_until_redis_is_used(&service);
    drop(service.said());
    service
}

/// The first line that has all these parts, of those said so far and to come.
#[track_caller]
fn line(site: &Site, service: &Service, heard: &RefCell<Vec<String>>, parts: &[&str]) -> String {
    site.eventually(|| {
        heard.borrow_mut().extend(service.said());
        let found = heard.borrow().iter().find(|line| parts.iter().all(|part| line.contains(part))).cloned();
        found.ok_or_else(|| format!("no line with {parts:?} in {:#?}", heard.borrow()))
    })
}

#[test]
fn each_operation_of_a_service_says_what_it_did() {
    let site = Site::seeded(Backend::Sqlite);
    let service = serve_talking(&site, LEVEL.1);
    let invoice = open_invoice(&site);
    service.invoice(invoice).from_tier("loaded");
    service.invoice(invoice).from_tier("l2");
    service.pay(invoice, "0.01", "t-1").with_status(201);
    let set = site.redis.command::<()>(&["SET", &format!("invoice:{invoice}"), r#"{"no\nvalue": "of ours"}"#]);
    set.expect("a foreign hand can write");
    service.invoice(invoice).from_tier("loaded");
    let (heard, key) = (RefCell::default(), format!("key=\"invoice:{invoice}\""));
    let told = |parts: &[&str]| line(&site, &service, &heard, parts);
    let of_invoice = ["cache_type=\"invoices\"", key.as_str(), "elapsed_us="];
    for parts in [
        ["DEBUG billing_cache::read::one: get ", "tier=\"loaded\""],
        ["DEBUG billing_cache::read::one: get ", "tier=\"l2\""],
        ["DEBUG billing_cache::read::operation_log: fill ", "outcome=\"fill_stored\""],
        ["DEBUG billing_cache::read::invalidate: invalidate ", "outcome=\"invalidated\""],
    ] {
        told(&[&of_invoice[..], &parts[..]].concat());
    }
    told(&["operation_log: load ", "cache_type=\"invoices\"", "keys=1", "outcome=\"loaded\"", "elapsed_us="]);
    told(&["a cached value does not decode", &key, "reason=Data"]);
    told(&["DEBUG billing_outbox::outbox::write_txn: write transaction", "outcome=\"committed\""]);
    for line in heard.borrow().iter() {
        assert!(line.contains(" DEBUG ") || line.contains(" INFO "), "each line is one of the log: {line}");
        for value in ["balance_due", "of ours", "password", "\u{1b}"] {
            assert!(!line.contains(value), "{value} in {line}");
        }
    }
}

#[test]
fn hits_in_memory_are_told_without_a_time() {
    let site = Site::seeded(Backend::Sqlite);
    let service = serve_talking(&site, LEVEL.1);
    let hit = || match service.get("/discounts/active").cache.as_deref() {
        Some("l1") => Ok(()),
        tier => Err(format!("{tier:?}")),
    };
    site.eventually(hit);
    let parts = [
        "DEBUG billing_cache::read::in_memory: get ",
        "cache_type=\"active_discounts\"",
        "key=\"active_discounts\"",
        "tier=\"l1\"",
    ];
    let told = line(&site, &service, &RefCell::default(), &parts);
    assert!(!told.contains("elapsed_us"), "{told}");
}

#[test]
fn a_hostile_key_stays_within_its_line() {
    let site = Site::seeded(Backend::Sqlite);
    let service = serve_talking(&site, LEVEL.1);
    service.get("/tax-rates/applicable?country=GB&region=%0AINJECTED%20line%1B%5B31m%22");
    service.get("/tax-rates/applicable?country=GB&region=last");
    let heard = RefCell::default();
    line(&site, &service, &heard, &[": get ", "last"]);
    for line in heard.borrow().iter().filter(|line| line.contains("INJECTED")) {
        assert!(line.contains(" DEBUG ") && !line.contains('\u{1b}'), "{line:?}");
    }
}

#[test]
fn the_tools_tell_theirs_on_stderr() {
    let site = Site::seeded(Backend::Sqlite);
    let service = site.serve();
    service.invoice(open_invoice(&site)).from_tier("loaded");
    let quiet = site.admin("clear --type invoices --dry-run --format json");
    let talking = site.program(CACHE_ADMIN).with(LEVEL.0, LEVEL.1).run("clear --type invoices --dry-run --format json");
    assert_eq!(quiet.stderr, "");
    assert!(talking.stderr.contains("clear cache_type=\"invoices\" keys=1 leases=0 mode=DryRun"), "{talking:#?}");
    assert_eq!(quiet.json(), talking.json());
}
