//! Tables that lose their triggers under running services, as when a schema tool rebuilds them.

use billing_cache::Tier;
use billing_core::cached::{TaxRateKey, TaxRates, declarations};
use billing_core::migration::migrate;
use billing_core::service::BillingService;
use billing_outbox::outbox;

use crate::backends::execute;
use crate::commands::{done, payment};
use crate::relaying::{due, until, until_due_in_redis};
use crate::world::{World, for_each_world};

/// Takes the triggers of `payments` away, as the rebuilding of a table does on SQLite, and switching them off on
/// PostgreSQL.
async fn blind_payments(world: &World) {
    if world.database.backend() == sea_orm::DbBackend::Sqlite {
        for event in ["insert", "update", "delete"] {
            execute(&world.database, &format!("DROP TRIGGER billing_cache_payments_{event}")).await;
        }
    } else {
        execute(&world.database, "ALTER TABLE payments DISABLE TRIGGER billing_cache_payments_insert").await;
    }
}

/// What a relay does, every minute on PostgreSQL.
async fn looked(service: &BillingService) {
    outbox::look_at_triggers(service.cache()).await.unwrap();
}

const INSERT_ONE: &str = "INSERT INTO payments (invoice_id, amount, payment_method, transaction_id, status)
    VALUES (2, 1, 'card', 'by-sql', 'completed')";

#[tokio::test]
async fn a_payment_to_a_table_without_triggers_is_read_by_who_took_it() {
    let owned = test_support::TestDatabase::sqlite().unwrap();
    let world = World::over(&owned).await;
    execute(&world.database, crate::world::ROWS).await;
    let service = world.process().await;
    done(service.process_payment(payment(2, "1", "one")).await);
    until_due_in_redis(&service, 2, 49).await;
    blind_payments(&world).await;
    done(service.process_payment(payment(2, "1", "two")).await);
    assert_eq!(due(&service, 2).await, ("48.00".to_owned(), Tier::Bypassed));
    service.close().await;
    world.database.close().await.unwrap();
}

#[tokio::test]
async fn types_of_a_blind_table_are_read_past_the_cache_until_it_sees_again_and_were_cleared_then() {
    for_each_world(async |world| {
        let service = world.relaying().await;
        until_due_in_redis(&service, 2, 50).await;
        service.applicable_tax_rate("GB", None).await.unwrap();
        blind_payments(world).await;
        looked(&service).await;
        assert_eq!(service.cache().types_past_cache(), ["invoices"]);
        execute(&world.database, INSERT_ONE).await;
        assert_eq!(due(&service, 2).await, ("49.00".to_owned(), Tier::Bypassed));
        let key = TaxRateKey { country: "GB".parse().unwrap(), region: None };
        assert_eq!(
            service.cache().get::<TaxRates>(&key).await.unwrap().tier,
            Tier::L2,
            "other types are not concerned"
        );
        assert!(world.cached("invoice:2").is_some_and(|old| old.contains("50.00")), "it still stands there");
        migrate(&world.database, &declarations()).await.unwrap();
        // By the relay.
        until(async || service.cache().types_past_cache().is_empty()).await;
        until_due_in_redis(&service, 2, 49).await;
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_service_that_starts_over_a_blind_table_reads_nothing_of_it_from_the_cache() {
    for_each_world(async |world| {
        let before = world.process().await;
        until_due_in_redis(&before, 2, 50).await;
        blind_payments(world).await;
        execute(&world.database, INSERT_ONE).await;
        let service = world.relaying().await;
        assert_eq!(due(&service, 2).await, ("49.00".to_owned(), Tier::Bypassed));
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_types_of_a_table_from_which_another_inherits_are_read_past_the_cache() {
    crate::relay_postgres::on_postgres(async |world| {
        let service = world.relaying().await;
        execute(&world.database, "CREATE TABLE payments_of_2025 () INHERITS (payments)").await;
        looked(&service).await;
        assert_eq!(service.cache().types_past_cache(), ["invoices"]);
        execute(&world.database, "DROP TABLE payments_of_2025").await;
        until(async || service.cache().types_past_cache().is_empty()).await;
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_trigger_that_merely_differs_is_no_reason() {
    for_each_world(async |world| {
        let service = world.relaying().await;
        if world.database.backend() == sea_orm::DbBackend::Sqlite {
            let other = "DROP TRIGGER billing_cache_payments_delete;
                CREATE TRIGGER billing_cache_payments_delete AFTER DELETE ON payments BEGIN SELECT 1; END";
            execute(&world.database, other).await;
        } else {
            execute(&world.database, "ALTER TABLE payments ENABLE ALWAYS TRIGGER billing_cache_payments_delete").await;
        }
        looked(&service).await;
        assert!(service.cache().types_past_cache().is_empty());
        until_due_in_redis(&service, 2, 50).await;
        service.close().await;
    })
    .await;
}
