//! What Python processes write into the cache, and delete there, is honoured; what has an older shape hurts nobody.

use system_tests::{Backend, Site};

use crate::on_both_databases;

on_both_databases![
    values_of_python_are_served,
    values_of_an_older_shape_are_loaded_and_replaced,
    a_key_that_python_deleted_is_loaded,
    a_value_that_python_set_over_ours_is_served,
];

fn values_of_python_are_served(backend: Backend) {
    let site = Site::seeded(backend);
    let written = site.python("write_values.py").run("").json();
    let service = site.serve();
    let cases = written.as_array().expect("a list of values");
    assert_eq!(cases.len(), 6);
    for case in cases {
        let path = case[0].as_str().expect("a path");
        assert_eq!(service.get(path).from_tier("l2"), case[1], "{path}");
    }
    // Python cached that there is no such invoice, and the database is believed no more than that.
    service.invoice(900_004).with_status(404);
    service.terminate();
    let counters = site.counters();
    assert_eq!(counters.get("invoices:hit_l2"), Some(&2), "{counters:?}");
    assert!(counters.keys().all(|name| name == "user_credit_notes:load" || !name.ends_with(":load")), "{counters:?}");
}

/// A value of each type: its key, and where the service answers it.
fn one_of_each_type(site: &Site) -> [(String, String); 4] {
    let invoice = crate::open_invoice(site);
    let user = site.number("SELECT min(user_id) FROM credit_notes");
    [
        ("tax_rate:GB:default".to_owned(), "/tax-rates/applicable?country=GB".to_owned()),
        ("active_discounts".to_owned(), "/discounts/active".to_owned()),
        (format!("invoice:{invoice}"), format!("/invoices/{invoice}/details")),
        (format!("user_credit_notes:{user}"), format!("/users/{user}/credit-notes")),
    ]
}

fn values_of_an_older_shape_are_loaded_and_replaced(backend: Backend) {
    let site = Site::seeded(backend);
    let service = site.serve();
    let cases = one_of_each_type(&site);
    let keys = cases.each_ref().map(|(key, _)| key.as_str()).join(" ");
    let truth = cases.each_ref().map(|(_, path)| service.get(path).from_tier("loaded"));
    let good = cases.each_ref().map(|(key, _)| site.redis_value(key));
    let damages = site.python("damage.py").run("--list").fine();
    assert!(damages.lines().count() > 10, "{damages}");
    for damage in damages.lines() {
        site.python("damage.py").run(&format!("{damage} {keys}")).fine();
        for (((key, path), truth), good) in cases.iter().zip(&truth).zip(&good) {
            assert_ne!(&site.redis_value(key), good, "{damage} did nothing to {key}");
            assert_eq!(&service.get(path).from_tier("loaded"), truth, "{damage}");
            assert_eq!(&site.redis_value(key), good, "{damage} of {key} was not replaced");
            assert_eq!(&service.get(path).from_tier("l2"), truth, "{damage}");
        }
    }
    let times = u64::try_from(damages.lines().count()).expect("a dozen");
    service.terminate();
    let counters = site.counters();
    for name in site.stats().all_keys().iter().map(|(name, _)| name) {
        assert!(counters[&format!("{name}:undecodable")] >= times, "{name}: {counters:?}");
    }
}

fn a_key_that_python_deleted_is_loaded(backend: Backend) {
    let site = Site::seeded(backend);
    let service = site.serve();
    let cases = one_of_each_type(&site);
    let keys = cases.each_ref().map(|(key, _)| key.as_str()).join(" ");
    let before = cases.each_ref().map(|(_, path)| service.get(path).from_tier("loaded"));
    site.python("delete.py").run(&keys).fine();
    for ((key, path), value) in cases.iter().zip(&before) {
        assert_eq!(site.redis_value(key), None);
        assert_eq!(&service.get(path).from_tier("loaded"), value);
        assert_eq!(&service.get(path).from_tier("l2"), value);
    }
    // As the platform does it: it changes rows, and then deletes keys.
    site.execute(&[
        "UPDATE tax_rates SET name = 'changed' WHERE country = 'GB'",
        "UPDATE discounts SET name = 'changed'",
        "UPDATE invoices SET status = 'changed'",
        "UPDATE credit_notes SET reason = 'changed'",
    ]);
    site.python("delete.py").run(&keys).fine();
    for (_, path) in &cases {
        let read = service.get(path).with_status(200);
        assert!(read.text.contains("\"changed\""), "{read:?}");
    }
}

fn a_value_that_python_set_over_ours_is_served(backend: Backend) {
    let site = Site::seeded(backend);
    let service = site.serve();
    let ours = service.get("/discounts/active").from_tier("loaded");
    let written = site.python("write_values.py").run("").json();
    let mut cases = written.as_array().expect("a list of values").iter();
    let theirs = cases.find(|case| case[0] == "/discounts/active").map(|case| &case[1]).expect("it is among them");
    assert_ne!(theirs, &ours);
    assert_eq!(theirs, &service.get("/discounts/active").from_tier("l2"));
}
