//! A service dies at each of the four points at which a death could leave something old in Redis; the relay of whoever
//! lives makes up for it.
//!
//! The dead process had no time for anything: the failpoint aborts it, as `kill -9` would. Every other test of a crash
//! is one of chance (`history`); these name the point.

use serde_json::json;
use system_tests::{BILLING_SERVICE, Backend, Client, Program, Service, Site};

use crate::{cents, new_invoice, on_both_databases};

on_both_databases![
    a_death_before_the_commit_leaves_everything_as_it_was,
    a_death_between_the_commit_and_the_invalidation_leaves_nothing_old,
    a_death_between_the_invalidation_and_its_mark_leaves_nothing_old,
    a_death_of_the_relay_before_its_mark_leaves_nothing_old,
];

/// A relay that does not wait for the writer: here he is dead.
fn with_eager_relay(site: &Site) -> Program {
    site.program(BILLING_SERVICE).with("BILLING__RELAY__GRACE_MS", "50").with("BILLING__RELAY__POLL_INTERVAL_MS", "100")
}

/// A service that lives, and whose relay has nothing left to do.
fn survivor(site: &Site) -> Service {
    let service = with_eager_relay(site).serve();
    site.wait_until_redis_is_used(&service);
    wait_until_relayed(site);
    service
}

/// Starts a service that dies at this point, lets it try to take a payment of 4.00, and sees it die.
#[track_caller]
fn pay_and_die(site: &Site, point: &str, invoice: i64) {
    let mut service = site.program(BILLING_SERVICE).with("BILLING_FAILPOINT", point).serve();
    let payment = json!({
        "invoice_id": invoice, "amount": "4.00", "payment_method": "card", "transaction_id": "of-the-dead",
    });
    let answer = service.try_post("/payments", &payment);
    assert!(answer.is_err(), "it lives on after {point}: build with billing-core/failpoints; {answer:?}");
    site.eventually(|| if service.has_ended() { Ok(()) } else { Err(format!("it is on its way to {point}")) });
}

/// An invoice over 10.00 that stands in Redis, unpaid.
#[track_caller]
fn cached_invoice(client: &Client) -> i64 {
    let invoice = new_invoice(client, "10.00");
    assert_eq!(due(client, invoice), 10_00);
    assert_eq!(client.invoice(invoice).from_tier("l2")["balance_due"], "10.00");
    invoice
}

fn pending(site: &Site) -> i64 {
    site.number("SELECT count(*) FROM cache_invalidations WHERE relayed_at IS NULL")
}

pub(crate) fn wait_until_relayed(site: &Site) {
    site.eventually(|| match pending(site) {
        0 => Ok(()),
        rows => Err(format!("{rows} invalidations are pending")),
    });
}

fn due(client: &Client, invoice: i64) -> i64 {
    cents(&client.invoice(invoice).with_status(200).json()["balance_due"])
}

/// Once the relay is done, nobody reads anything but this, and Redis holds nothing else.
#[track_caller]
fn nothing_old_is_left(site: &Site, service: &Service, invoice: i64, expected: i64) {
    wait_until_relayed(site);
    let another = with_eager_relay(site).serve();
    for _ in 0..20 {
        assert_eq!(due(service, invoice), expected);
        assert_eq!(due(&another, invoice), expected);
    }
    let cached = site.redis_value(&format!("invoice:{invoice}")).expect("it was read just now");
    let cached: serde_json::Value = serde_json::from_slice(&cached).expect("a value is JSON");
    assert_eq!(cents(&cached["balance_due"]), expected);
}

fn a_death_before_the_commit_leaves_everything_as_it_was(backend: Backend) {
    let site = Site::seeded(backend);
    let service = survivor(&site);
    let invoice = cached_invoice(&service);
    pay_and_die(&site, "before_commit", invoice);
    nothing_old_is_left(&site, &service, invoice, 10_00);
    service.pay(invoice, "4.00", "of-the-dead").with_status(201);
    nothing_old_is_left(&site, &service, invoice, 6_00);
}

fn a_death_between_the_commit_and_the_invalidation_leaves_nothing_old(backend: Backend) {
    let site = Site::seeded(backend);
    let service = survivor(&site);
    let invoice = cached_invoice(&service);
    pay_and_die(&site, "after_commit", invoice);
    nothing_old_is_left(&site, &service, invoice, 6_00);
    // The client, who had no answer, asks once more and is not charged twice.
    service.pay(invoice, "4.00", "of-the-dead");
    nothing_old_is_left(&site, &service, invoice, 6_00);
}

fn a_death_between_the_invalidation_and_its_mark_leaves_nothing_old(backend: Backend) {
    let site = Site::seeded(backend);
    let service = survivor(&site);
    let invoice = cached_invoice(&service);
    pay_and_die(&site, "after_invalidation", invoice);
    assert_eq!(due(&service, invoice), 6_00, "Redis was told");
    nothing_old_is_left(&site, &service, invoice, 6_00);
}

fn a_death_of_the_relay_before_its_mark_leaves_nothing_old(backend: Backend) {
    let site = Site::seeded(backend);
    let invoice = {
        let service = survivor(&site);
        let invoice = cached_invoice(&service);
        wait_until_relayed(&site);
        service.terminate();
        invoice
    };
    site.execute(&[&format!("UPDATE invoices SET amount = 7 WHERE id = {invoice}")]);
    assert_eq!(pending(&site), 1);
    // It may meet the point before it listens.
    if let Ok(mut service) = with_eager_relay(&site).with("BILLING_FAILPOINT", "relay_before_mark").try_serve() {
        site.eventually(|| if service.has_ended() { Ok(()) } else { Err("its relay is on its way".to_owned()) });
    }
    assert_eq!(pending(&site), 1, "it died before it had marked the row");
    let service = survivor(&site);
    nothing_old_is_left(&site, &service, invoice, 7_00);
}
