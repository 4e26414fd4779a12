//! Settings that cannot work are refused, with their names and without secrets.

use std::collections::HashMap;

use billing_cache::{CacheBuilder, TypeSettings};

use crate::ledger::{CreditNotes, Invoices, Ledger};
use crate::world::{Options, World};

/// Why a cache with these settings does not open.
async fn refusal(change: impl FnOnce(&mut Options)) -> String {
    let world = World::new();
    let mut options = world.options();
    change(&mut options);
    let builder = CacheBuilder::new(Ledger::new(), options.cache).with::<Invoices>().with::<CreditNotes>();
    builder.open(&options.redis).await.expect_err("settings that cannot work").to_string()
}

fn types(name: &str, ttl_seconds: u64) -> HashMap<String, TypeSettings> {
    HashMap::from([(name.to_owned(), TypeSettings { ttl_seconds: Some(ttl_seconds), ..TypeSettings::default() })])
}

#[tokio::test]
async fn a_setting_out_of_its_range_is_named_with_its_value() {
    let refused = refusal(|options| options.cache.lease_ttl_ms = 60_000).await;
    assert_eq!(refused, "cache.lease_ttl_ms is 60000: must be more than cache.load_deadline_ms");
    let refused = refusal(|options| options.cache.batch_size = 0).await;
    assert_eq!(refused, "cache.batch_size is 0: must be from 1 to 5000");
    let refused = refusal(|options| options.redis.connect_timeout_ms = 0).await;
    assert_eq!(refused, "redis.connect_timeout_ms is 0: must be from 1 to 3600000");
    let refused = refusal(|options| options.cache.key_space = "{m}:".into()).await;
    assert_eq!(refused, r#"cache.key_space is "{m}:": must not contain braces"#);
    for ttl in [0, u64::MAX] {
        let refused = refusal(|options| options.cache.types = types("invoices", ttl)).await;
        let expected = format!("cache.types.invoices.ttl_seconds is {ttl}: must be from 1 to 31536000");
        assert_eq!(refused, expected);
    }
}

#[tokio::test]
async fn a_type_that_does_not_exist_is_answered_with_those_that_do() {
    let refused = refusal(|options| options.cache.types = types("invoice", 60)).await;
    assert_eq!(refused, "cache.types.invoice names no cached type; there are invoices, user_credit_notes");
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_without_printing_the_password_in_it() {
    for url in ["localhost:6379", "http://:sesame@localhost", "redis://:sesame@localhost:port", "redis://:sesame@h/x"] {
        let refused = refusal(|options| options.redis.url = url.into()).await;
        assert!(refused.contains("REDIS_URL") && !refused.contains("sesame"), "{refused}");
    }
}
