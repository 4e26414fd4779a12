//! Services see each other's writes whichever master holds the key, follow slots that go elsewhere, and get over the
//! death of a master.

use serde_json::json;
use system_tests::{BILLING_SERVICE, Backend, Client, Service, Site, Topology};
use test_support::{RedisCluster, RedisServer};

use crate::crashes::wait_until_relayed;
use crate::l1::{serve_with_l1, wait_for_tier};
use crate::{cents, new_invoice, on_both_databases};

on_both_databases![a_write_through_one_service_is_seen_by_the_other_whichever_master_holds_it];

fn cluster(site: &Site) -> &RedisCluster {
    site.cluster().expect("this site has a cluster")
}

fn a_write_through_one_service_is_seen_by_the_other_whichever_master_holds_it(backend: Backend) {
    let site = Site::seeded_on(backend, Topology::Masters);
    let (first, second) = (site.serve(), site.serve());
    for invoice in an_invoice_on_each_master(&site, &first) {
        let before = second.invoice(invoice).from_tier("loaded");
        assert_eq!(first.invoice(invoice).from_tier("l2"), before);
        let paid = first.pay(invoice, "4.00", &format!("cluster-{invoice}")).with_status(201);
        assert_eq!(paid.invalidation.as_deref(), Some("done"));
        let after = second.invoice(invoice).from_tier("loaded");
        assert_eq!(cents(&after["balance_due"]), 6_00);
        assert_eq!(first.invoice(invoice).from_tier("l2"), after);
    }
    first.terminate();
    second.terminate();
    let hits = site.stats().of_type("invoices", "hits");
    assert_eq!(hits, 2 * site.stores().len() as u64, "each service tells its numbers, wherever they stand");
}

/// Invoices of 10.00, one of which each master will hold.
fn an_invoice_on_each_master(site: &Site, client: &Client) -> Vec<i64> {
    let on = |master: &RedisServer| {
        let mut made = (0..1_000).map(|_| new_invoice(client, "10.00"));
        made.find(|invoice| site.store_of(&format!("invoice:{invoice}")).port() == master.port())
    };
    site.stores().into_iter().map(|master| on(master).expect("a thousand invoices are on all masters")).collect()
}

#[test]
fn what_changes_on_any_master_reaches_the_memory_of_each_process() {
    let site = Site::seeded_on(Backend::Sqlite, Topology::Masters);
    let services = [serve_with_l1(&site), serve_with_l1(&site)];
    for region in a_region_on_each_master(&site) {
        let rate =
            |rate: &str| json!({ "name": "VAT", "rate": rate, "country": "GB", "region": region, "is_default": true });
        let made = services[0].post("/tax-rates", &rate("1.00")).with_status(201).json();
        let path = format!("/tax-rates/applicable?country=GB&region={region}");
        let in_memory = || services.each_ref().map(|service| wait_for_tier(&site, service, &path, "l1"));
        let seen = |expected: &str| {
            services.iter().for_each(|service| {
                site.eventually(|| {
                    let answer = service.get(&path).with_status(200);
                    if answer.json()["rate"] == expected { Ok(()) } else { Err(answer.text) }
                });
            });
        };
        in_memory();
        services[0].try_put(&format!("/tax-rates/{}", made["id"]), &rate("2.00")).expect("an answer").with_status(200);
        assert_eq!(services[0].get(&path).with_status(200).json()["rate"], "2.00", "who wrote it reads it at once");
        seen("2.00");
        in_memory();
        site.execute(&[&format!("UPDATE tax_rates SET rate = 3 WHERE id = {}", made["id"])]);
        let key = format!("tax_rate:GB:{region}");
        site.store_of(&key).command::<()>(&["DEL", &key]).expect("another program may delete a key");
        seen("3.00");
    }
}

fn a_region_on_each_master(site: &Site) -> Vec<String> {
    let on = |master: &RedisServer| {
        let mut regions = (0..).map(|number| format!("region-{number}"));
        regions.find(|region| site.store_of(&format!("tax_rate:GB:{region}")).port() == master.port())
    };
    site.stores().into_iter().map(|master| on(master).expect("numbers do not end")).collect()
}

#[test]
fn services_follow_a_slot_to_another_master_and_are_right_while_it_is_half_way() {
    let site = Site::seeded_on(Backend::Sqlite, Topology::Masters);
    let (first, second) = (site.serve(), site.serve());
    let (invoice, cluster) = (new_invoice(&first, "10.00"), cluster(&site));
    let key = format!("invoice:{invoice}");
    second.invoice(invoice).from_tier("loaded");
    let from = site.store_of(&key);
    let to = cluster.masters().expect("there are masters").into_iter().find(|master| master.port() != from.port());
    let to = to.expect("there are three masters");
    let slot = cluster.slot_of(&key).expect("a key has a slot");

    let half_way = cluster.begin_move(slot, to).expect("a slot can be opened");
    for (number, due) in [(1, 9_00), (2, 8_00)] {
        first.pay(invoice, "1.00", &format!("half-way-{number}")).with_status(201);
        assert_eq!(cents(&first.invoice(invoice).with_status(200).json()["balance_due"]), due);
        site.eventually(|| shows(&second, invoice, due));
        half_way.move_keys(1).expect("a key can be moved");
    }
    half_way.finish().expect("a slot can be closed");
    first.pay(invoice, "1.00", "moved").with_status(201);
    for service in [&first, &second] {
        site.eventually(|| {
            shows(service, invoice, 7_00)?;
            comes_from(service, invoice, "l2")
        });
    }
    assert!(to.command::<bool>(&["EXISTS", &key]).expect("its owner can be asked"));
}

#[test]
fn when_a_master_dies_reads_go_on_and_what_is_written_meanwhile_is_seen_by_all() {
    let site = Site::seeded_on(Backend::Sqlite, Topology::Cluster);
    let service = || {
        let program = site.program(BILLING_SERVICE).with("BILLING__CACHE__INVALIDATION_DEADLINE_MS", "50");
        let service =
            program.with("BILLING__RELAY__GRACE_MS", "0").with("BILLING__RELAY__POLL_INTERVAL_MS", "100").serve();
        site.wait_until_redis_is_used(&service);
        service
    };
    let services = [service(), service()];
    let invoices = an_invoice_on_each_master(&site, &services[0]);
    // Without a grace a relay may apply a row after its writer did, and once more remove what was read meanwhile.
    wait_until_relayed(&site);
    for invoice in &invoices {
        services[0].invoice(*invoice).with_status(200);
        services[1].invoice(*invoice).from_tier("l2");
    }
    let [hit, others @ ..] = invoices.as_slice() else { panic!("there are masters") };
    let key = format!("invoice:{hit}");
    let old = site.store_of(&key);
    let new = cluster(&site).replica_of(old).expect("a master has a replica");

    old.kill().expect("a master can be killed");
    services[0].pay(*hit, "4.00", "while-it-was-dead").with_status(201);
    // Nobody has taken over for a second; all of these are answered, and those of the other masters by Redis.
    for _ in 0..20 {
        assert_eq!(cents(&services[0].invoice(*hit).with_status(200).json()["balance_due"]), 6_00);
        services[1].invoice(*hit).with_status(200);
        others.iter().for_each(|invoice| drop(services[1].invoice(*invoice).from_tier("l2")));
    }
    cluster(&site).wait_until_replaced(old, new).expect("a replica takes over");
    for service in &services {
        site.eventually(|| {
            shows(service, *hit, 6_00)?;
            comes_from(service, *hit, "l2")
        });
    }
    old.restart().expect("a master can be started again");
    cluster(&site).wait_until_whole().expect("it follows");
    services[1].pay(*hit, "6.00", "after-it-died").with_status(201);
    services.iter().for_each(|service| site.eventually(|| shows(service, *hit, 0)));
}

fn shows(service: &Service, invoice: i64, due: i64) -> Result<(), String> {
    let answer = service.invoice(invoice).with_status(200);
    if cents(&answer.json()["balance_due"]) == due { Ok(()) } else { Err(answer.text) }
}

fn comes_from(service: &Service, invoice: i64, tier: &str) -> Result<(), String> {
    let cache = service.invoice(invoice).with_status(200).cache;
    if cache.as_deref() == Some(tier) { Ok(()) } else { Err(format!("it comes from {cache:?}")) }
}
