//! Which tax rate applies, and under which keys that is cached.

use billing_cache::{Event, Tier};
use billing_core::cached::TaxRates;
use billing_core::service::BillingService;

use crate::backends::execute;
use crate::commands::{done, invalid_field, rate};
use crate::world::for_each_world;

/// The rate that applies, as text, and where the answer came from.
async fn applicable(process: &BillingService, country: &str, region: Option<&str>) -> (Option<String>, Tier) {
    let read = process.applicable_tax_rate(country, region).await.unwrap();
    (read.value.and_then(|rate| rate.rate).map(|rate| rate.to_string()), read.tier)
}

fn found(rate: &str, tier: Tier) -> (Option<String>, Tier) {
    (Some(rate.to_owned()), tier)
}

#[tokio::test]
async fn a_region_has_its_own_rate_or_that_of_its_country_and_both_are_cached() {
    for_each_world(async |world| {
        let process = world.process().await;
        assert_eq!(applicable(&process, "US", Some("CA")).await, found("7.25", Tier::Loaded));
        assert_eq!(applicable(&process, "GB", Some("Wales")).await, found("20.00", Tier::Loaded));
        assert_eq!(world.cached("tax_rate:GB:Wales").as_deref(), Some("null"));
        assert!(world.cached("tax_rate:GB:default").unwrap().contains(r#""rate":"20.00""#));
        let loads = process.cache().count::<TaxRates>(Event::Load);
        for (country, region, expected) in [
            ("US", Some("CA"), "7.25"),
            ("GB", Some("Wales"), "20.00"),
            ("GB", None, "20.00"),
            ("GB", Some(""), "20.00"),
        ] {
            assert_eq!(applicable(&process, country, region).await, found(expected, Tier::L2), "{country} {region:?}");
        }
        assert_eq!(process.cache().count::<TaxRates>(Event::Load), loads);
        let keys = ["tax_rate:GB:Wales", "tax_rate:GB:default", "tax_rate:US:CA", "tax_rate:US:default"];
        assert_eq!(world.keys(), keys.map(str::to_owned).into());
    })
    .await;
}

#[tokio::test]
async fn where_no_rate_applies_that_is_cached_too() {
    for_each_world(async |world| {
        let process = world.process().await;
        for tier in [Tier::Loaded, Tier::L2] {
            assert_eq!(applicable(&process, "FR", Some("Corse")).await, (None, tier));
            assert_eq!(applicable(&process, "US", Some("NV")).await, (None, tier));
        }
        for key in ["tax_rate:FR:Corse", "tax_rate:FR:default", "tax_rate:US:NV", "tax_rate:US:default"] {
            assert_eq!(world.cached(key).as_deref(), Some("null"), "{key}");
        }
    })
    .await;
}

#[tokio::test]
async fn changing_a_countrys_rate_removes_one_key_and_every_region_sees_it() {
    for_each_world(async |world| {
        let (writer, reader) = (world.process().await, world.process().await);
        for region in [Some("Wales"), Some("Kent"), None] {
            applicable(&reader, "GB", region).await;
        }
        let before = world.keys();
        done(writer.update_tax_rate(1, rate("GB", None, "17.5")).await);
        let gone: Vec<String> = before.difference(&world.keys()).cloned().collect();
        assert_eq!(gone, ["tax_rate:GB:default"]);
        assert_eq!(applicable(&reader, "GB", Some("Wales")).await, found("17.50", Tier::Loaded));
        assert_eq!(applicable(&reader, "GB", Some("Kent")).await, found("17.50", Tier::L2));
    })
    .await;
}

#[tokio::test]
async fn a_region_that_gets_a_rate_of_its_own_no_longer_falls_back() {
    for_each_world(async |world| {
        let (writer, reader) = (world.process().await, world.process().await);
        assert_eq!(applicable(&reader, "GB", Some("Wales")).await, found("20.00", Tier::Loaded));
        let own = done(writer.create_tax_rate(rate("GB", Some("Wales"), "3")).await);
        assert_eq!(applicable(&reader, "GB", Some("Wales")).await.0.as_deref(), Some("3.00"));
        done(writer.delete_tax_rate(own.id).await);
        assert_eq!(applicable(&reader, "GB", Some("Wales")).await.0.as_deref(), Some("20.00"));
    })
    .await;
}

#[tokio::test]
async fn places_that_are_none_are_refused_and_leave_no_key() {
    for_each_world(async |world| {
        let process = world.process().await;
        let too_long = "x".repeat(129);
        for (country, region, field) in [
            ("gb", None, "country"),
            ("ZZ", None, "country"),
            ("UK", None, "country"),
            ("", None, "country"),
            ("GBR", None, "country"),
            ("*", None, "country"),
            ("G\0", None, "country"),
            ("GB:x", None, "country"),
            ("GB", Some("a:b"), "region"),
            ("GB", Some("*"), "region"),
            ("GB", Some("a?"), "region"),
            ("GB", Some("[a-z]"), "region"),
            ("GB", Some("{invoice:1}"), "region"),
            ("GB", Some("a\0b"), "region"),
            ("GB", Some("a\r\nSET x y"), "region"),
            ("GB", Some("default"), "region"),
            ("GB", Some(too_long.as_str()), "region"),
        ] {
            assert_eq!(
                invalid_field(process.applicable_tax_rate(country, region).await),
                field,
                "{country} {region:?}"
            );
        }
        assert!(world.keys().is_empty(), "{:?}", world.keys());
        let longest = "ä".repeat(128);
        assert_eq!(applicable(&process, "GB", Some(&longest)).await, found("20.00", Tier::Loaded));
    })
    .await;
}

#[tokio::test]
async fn of_several_defaults_for_one_place_the_oldest_counts_and_empty_is_no_region() {
    for_each_world(async |world| {
        let rows = "INSERT INTO tax_rates (name, rate, country, region, is_default) VALUES
            ('b', 3, 'FR', '', TRUE), ('c', 4, 'FR', NULL, TRUE), ('d', 5, 'fr', NULL, TRUE), ('e', 6, 'FR', 'a:b', TRUE)";
        execute(&world.database, rows).await;
        let process = world.process().await;
        assert_eq!(applicable(&process, "FR", None).await, found("3.00", Tier::Loaded));
        assert_eq!(applicable(&process, "FR", Some("Corse")).await.0.as_deref(), Some("3.00"));
    })
    .await;
}
