//! L1, the memory of each process: on for what changes rarely, and corrected by whoever changes it; off for invoices.
//!
//! What another process changed reaches L1 by a push, so it is waited for here. Nothing is asserted of how long.

use serde_json::{Value, json};
use system_tests::{BILLING_SERVICE, Backend, Client, Service, Site};

use crate::on_both_databases;

on_both_databases![
    discounts_come_from_the_memory_of_the_process_and_follow_every_change,
    invoices_never_come_from_the_memory_of_the_process,
    without_redis_nothing_comes_from_the_memory_of_the_process_for_long,
];

const DISCOUNTS: &str = "/discounts/active";

/// A service as it is without settings of the test's own.
pub(crate) fn serve_with_l1(site: &Site) -> Service {
    let program = site.program(BILLING_SERVICE);
    let program = program.with("BILLING__CACHE__TYPES__TAX_RATES__L1", "true");
    let service = program.with("BILLING__CACHE__TYPES__ACTIVE_DISCOUNTS__L1", "true").serve();
    site.wait_until_redis_is_used(&service);
    service
}

/// Asks until the answer comes from this tier.
#[track_caller]
pub(crate) fn wait_for_tier(site: &Site, client: &Client, path: &str, tier: &str) -> Value {
    site.eventually(|| {
        let answer = client.get(path).with_status(200);
        if answer.cache.as_deref() == Some(tier) { Ok(answer.json()) } else { Err(format!("{:?}", answer.cache)) }
    })
}

/// Asks until the value holds this text; from then on it must.
#[track_caller]
fn wait_for_text(site: &Site, client: &Client, text: &str) {
    site.eventually(|| {
        let answer = client.get(DISCOUNTS).with_status(200);
        if answer.text.contains(text) { Ok(()) } else { Err(answer.text) }
    });
    for _ in 0..20 {
        let answer = client.get(DISCOUNTS).with_status(200);
        assert!(answer.text.contains(text), "{text} was there before: {answer:?}");
    }
}

fn discounts_come_from_the_memory_of_the_process_and_follow_every_change(backend: Backend) {
    let site = Site::seeded(backend);
    let services = [serve_with_l1(&site), serve_with_l1(&site)];
    let all_in_memory = || services.each_ref().map(|service| wait_for_tier(&site, service, DISCOUNTS, "l1"));
    let [first, second] = all_in_memory();
    assert_eq!(first, second);

    let discount = json!({
        "name": "of-a-service", "discount_type": "loyalty", "value": "5.00", "is_percentage": true,
        "valid_from": "2020-01-01T00:00:00",
    });
    services[0].post("/discounts", &discount).with_status(201);
    // Who wrote it reads it at once.
    assert!(services[0].get(DISCOUNTS).with_status(200).text.contains("of-a-service"));
    services.iter().for_each(|service| wait_for_text(&site, service, "of-a-service"));

    all_in_memory();
    site.execute(&["UPDATE discounts SET name = 'of-another-program' WHERE name = 'of-a-service'"]);
    site.python("delete.py").run("active_discounts").fine();
    services.iter().for_each(|service| wait_for_text(&site, service, "of-another-program"));

    all_in_memory();
    site.python("write_values.py").run("").fine();
    services.iter().for_each(|service| wait_for_text(&site, service, "Zo\u{eb}"));

    all_in_memory();
    site.admin("clear --type active_discounts").fine();
    services.iter().for_each(|service| wait_for_text(&site, service, "of-another-program"));
}

fn invoices_never_come_from_the_memory_of_the_process(backend: Backend) {
    let site = Site::seeded(backend);
    let service = serve_with_l1(&site);
    wait_for_tier(&site, &service, DISCOUNTS, "l1");
    let invoice = crate::open_invoice(&site);
    let user = site.number("SELECT min(user_id) FROM credit_notes");
    for path in [format!("/invoices/{invoice}/details"), format!("/users/{user}/credit-notes")] {
        service.get(&path).from_tier("loaded");
        for _ in 0..10 {
            service.get(&path).from_tier("l2");
        }
    }
}

fn without_redis_nothing_comes_from_the_memory_of_the_process_for_long(backend: Backend) {
    let site = Site::seeded(backend);
    let service = serve_with_l1(&site);
    let before = wait_for_tier(&site, &service, DISCOUNTS, "l1");
    site.redis.stop().expect("Redis can be stopped");
    assert_eq!(wait_for_tier(&site, &service, DISCOUNTS, "bypassed"), before);
    // Another program's change is seen from now on, because nothing is kept.
    let renamed = format!("UPDATE discounts SET name = 'during-the-outage' WHERE id = {}", before[0]["id"]);
    site.execute(&[&renamed]);
    assert!(service.get(DISCOUNTS).from_tier("bypassed").to_string().contains("during-the-outage"));
    site.redis.restart().expect("Redis can be started again");
    let after = wait_for_tier(&site, &service, DISCOUNTS, "l1");
    assert!(after.to_string().contains("during-the-outage"), "{after}");
}
