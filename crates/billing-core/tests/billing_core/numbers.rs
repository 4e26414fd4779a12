//! What writers and relays add to the numbers of the cache.

use billing_cache::{Distribution, PROCESS_WIDE};
use billing_core::service::BillingService;

use crate::commands::{done, payment};
use crate::relaying::{due, until, until_due, until_due_in_redis};
use crate::world::{World, for_each_world};

fn delays(service: &BillingService, cache_type: &str) -> u64 {
    service.cache().own_numbers().histogram(cache_type, Distribution::InvalidationDelay).len()
}

/// Rows that a program without a cache leaves behind.
async fn pending(world: &World) -> u64 {
    world.count("cache_invalidations WHERE relayed_at IS NULL").await
}

#[tokio::test]
async fn a_write_is_measured_once_for_each_type_whose_keys_it_invalidates() {
    for_each_world(async |world| {
        let service = world.process().await;
        done(service.process_payment(payment(1, "1", "t")).await);
        assert_eq!(["invoices", "tax_rates", PROCESS_WIDE].map(|name| delays(&service, name)), [1, 0, 0]);
        done(service.process_payment(payment(1, "1", "u")).await);
        assert_eq!(delays(&service, "invoices"), 2);
    })
    .await;
}

#[tokio::test]
async fn a_row_that_a_relay_applies_is_measured_by_its_age_and_a_replay_is_not() {
    for_each_world(async |world| {
        let mut settings = world.relay_settings();
        settings.relay.grace_ms = 300;
        let service = world.relaying_with(&settings).await;
        due(&service, 2).await;
        world.set_amount(2, 60).await;
        until_due(&service, 2, 60).await;
        world.wait_until_relayed().await;
        let ages = service.cache().own_numbers().histogram("invoices", Distribution::InvalidationDelay);
        assert_eq!(ages.len(), 1);
        assert!(ages.max() >= 290_000_000, "a younger row is left to its writer: {} ns", ages.max());
        world.redis.restart().unwrap();
        until_due_in_redis(&service, 2, 60).await;
        world.wait_until_relayed().await;
        assert_eq!(delays(&service, "invoices"), 1);
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_service_records_what_waits_in_the_outbox() {
    for_each_world(async |world| {
        let mut settings = world.relay_settings();
        settings.cache.counters_flush_ms = 20;
        settings.relay.grace_ms = 3_600_000;
        let service = world.relaying_with(&settings).await;
        world.add_rows("invoices", Some("[1]"), 5).await;
        assert_eq!(pending(world).await, 5);
        let recorded = |distribution| service.cache().own_numbers().histogram(PROCESS_WIDE, distribution);
        until(async || recorded(Distribution::BacklogRows).max() == 5).await;
        let ages = recorded(Distribution::BacklogAge);
        until(async || recorded(Distribution::BacklogAge).max() > ages.max()).await;
        let shown = service.cache().processes();
        assert_eq!(shown.await.unwrap().len(), 1, "and it shows itself");
        service.close().await;
    })
    .await;
}
