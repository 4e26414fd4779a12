//! What is live: the numbers are the true ones, charts move, and the page goes with Redis and comes back with it.

use serde_json::{Value, json};
use system_tests::{Backend, Service, Site};

use super::traffic::Traffic;
use super::viewer::Viewer;
use super::{hot_keys, serve};
use crate::on_both_databases;

on_both_databases![the_page_says_what_the_services_answered_and_goes_with_redis];

const CHARTS: [&str; 3] = ["chart-requests", "chart-hit-rate", "chart-latency"];
/// Regions are what users of a service ask for.
const HOSTILE_REGIONS: [&str; 2] = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>"];
/// What another program may write into Redis, and how it is shown.
const TURNED_AROUND: (&str, &str) = ("tax_rate:GB:\u{202e}selaW\u{2069}", r"tax_rate:GB:\u202eselaW\u2069");

fn the_page_says_what_the_services_answered_and_goes_with_redis(backend: Backend) {
    let site = Site::seeded(backend);
    let mut traffic = Traffic::of(&site);
    let hot = traffic.waves_until_a_key_is_hot(&site);
    let mut viewer = Viewer::of(&site);
    viewer.wait_for_numbers_of(&site, &traffic);
    viewer.wait_for(&site, "document.querySelector('[data-testid=no-data]').hidden", true);
    both_services_are_alive(&site, &mut viewer, &traffic.services);
    viewer.wait_for_text(&site, "hot-keys", &hot);
    viewer.wait_for_text(&site, "audit", "No wrong value found");

    let before = drawings(&mut viewer);
    traffic.wave(&site);
    viewer.wait_for_numbers_of(&site, &traffic);
    site.eventually(|| {
        let now = drawings(&mut viewer);
        let still = CHARTS.iter().enumerate().find(|(place, _)| now[*place] == before[*place]);
        still.map_or(Ok(()), |(_, chart)| Err(format!("{chart} does not move")))
    });

    a_wrong_value_is_told(&site, &mut viewer);
    the_page_goes_with_redis(&site, &mut viewer, &mut traffic);
    viewer.assert_calm();
}

fn both_services_are_alive(site: &Site, viewer: &mut Viewer, services: &[Service]) {
    for service in services {
        viewer.wait_for_text(site, "processes", &format!("pid {}", service.id()));
    }
    let closed = viewer.browser.text("processes").unwrap_or_default().matches("closed").count();
    assert!(closed >= services.len(), "a breaker is not closed");
}

/// Each chart as its picture and as the table behind it, which says what the picture shows.
fn drawings(viewer: &mut Viewer) -> Vec<Value> {
    let draw = |chart: &str| {
        let script = "(chart => {
            const details = chart.querySelector('details');
            details.open = true;
            const row = chart.querySelector('tbody tr');
            return [chart.querySelector('canvas').toDataURL(), row?.innerText];
        })";
        viewer.browser.evaluate(&format!("{script}(document.querySelector('[data-testid={chart}]'))"))
    };
    CHARTS.map(draw).to_vec()
}

fn a_wrong_value_is_told(site: &Site, viewer: &mut Viewer) {
    let key = "invoice:2";
    let value = site.redis_value(key).expect("the invoice is cached");
    let mut value: Value = serde_json::from_slice(&value).expect("a cached value is JSON");
    value["amount"] = json!("1234567.00");
    let planted = value.to_string();
    site.redis.command::<()>(&["SET", key, &planted, "KEEPTTL"]).expect("Redis takes a value");
    viewer.wait_for_text(site, "audit", "1 wrong value found");
}

fn the_page_goes_with_redis(site: &Site, viewer: &mut Viewer, traffic: &mut Traffic) {
    let state = "document.querySelector('[data-testid=status-redis]').dataset.state";
    viewer.wait_for(site, state, "ok");
    site.redis.stop().expect("Redis can be stopped");
    viewer.wait_for(site, state, "away");
    viewer.wait_for_text(site, "status-redis", "away");
    let banner = viewer.browser.evaluate("document.querySelector('.banner').innerText");
    assert!(banner.as_str().is_some_and(|text| text.contains("Redis is away")), "{banner}");
    assert_eq!(viewer.browser.evaluate("document.body.dataset.live"), "on");

    site.redis.restart().expect("Redis can be started again");
    viewer.wait_for(site, state, "ok");
    viewer.wait_for(site, "document.querySelector('.banner')", Value::Null);
    traffic.forget();
    traffic.wave(site);
    both_services_are_alive(site, viewer, &traffic.services);
    site.eventually(|| match viewer.browser.text("processes") {
        Some(text) if text.contains("in use") && !text.contains("not in use") => Ok(()),
        text => Err(format!("a service does not use Redis again: {text:?}")),
    });
    viewer.wait_for_numbers_of(site, traffic);
}

#[test]
fn a_dashboard_without_numbers_says_so_until_there_are_some() {
    let site = Site::seeded(Backend::Sqlite);
    let mut viewer = Viewer::of(&site);
    let hidden = "document.querySelector('[data-testid=no-data]').hidden";
    viewer.wait_for(&site, hidden, false);
    let service = serve(&site);
    service.get("/discounts/active").with_status(200);
    viewer.wait_for(&site, hidden, true);
    viewer.assert_calm();
}

#[test]
fn a_dashboard_that_hangs_is_told_and_its_page_goes_on_with_it() {
    let site = Site::empty(Backend::Sqlite);
    let mut viewer = Viewer::of(&site);
    viewer.dashboard.pause();
    viewer.wait_for(&site, "document.body.dataset.live", "off");
    let banner = viewer.browser.evaluate("document.querySelector('.banner').innerText");
    assert!(banner.as_str().is_some_and(|text| text.contains("No connection to the dashboard")), "{banner}");
    viewer.dashboard.resume();
    viewer.wait_for(&site, "document.body.dataset.live", "on");
    viewer.assert_calm();
}

#[test]
fn keys_that_look_like_markup_or_turn_text_around_are_shown_as_text_and_nothing_runs() {
    let site = Site::seeded(Backend::Sqlite);
    let service = serve(&site);
    site.wait_until_redis_is_used(&service);
    let hostile = HOSTILE_REGIONS.map(|region| format!("tax_rate:GB:{region}"));
    // The rate of a region is looked for together with that of its country; one read in many is noted.
    site.eventually(|| {
        for region in HOSTILE_REGIONS {
            let encoded: String = region.bytes().map(|byte| format!("%{byte:02X}")).collect();
            service.get(&format!("/tax-rates/applicable?country=GB&region={encoded}")).with_status(200);
        }
        let known = hot_keys(&site);
        if hostile.iter().all(|key| known.contains(key)) { Ok(()) } else { Err(format!("hot are only {known:?}")) }
    });
    for set in site.redis_keys("billing_cache:{numbers}:reads:*:tax_rates") {
        let added = site.redis.command::<()>(&["ZADD", &set, "1000000", TURNED_AROUND.0]);
        added.expect("a foreign hand can write");
    }
    let mut viewer = Viewer::of(&site);
    for shown in hostile.iter().map(String::as_str).chain([TURNED_AROUND.1]) {
        viewer.wait_for_text(&site, "hot-keys", shown);
    }
    let foreign = viewer.browser.evaluate("document.querySelectorAll('script:not([src]), img').length");
    assert_eq!(foreign, 0, "a key became markup");
    viewer.assert_calm();
}
