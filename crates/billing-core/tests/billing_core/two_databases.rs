//! Two databases on one Redis, by a mistake of the settings: neither answers with the other's invoices.

use billing_cache::Tier;
use billing_core::service::BillingService;
use billing_core::settings::Settings;
use billing_outbox::database::Database;
use test_support::{TestDatabase, eventually};

use crate::backends::{connect, execute};
use crate::commands::money;
use crate::example_service::{ExampleService, ask_until};
use crate::world::{DEADLINE, ROWS, World, for_each_world};

/// A service of this database on the Redis of the world.
async fn service_of(world: &World, url: &str) -> BillingService {
    let mut settings = world.settings();
    settings.database = Settings::database_at(url);
    let database = Database::connect(&settings.database).await.unwrap();
    BillingService::open(database, &settings).await.unwrap()
}

#[tokio::test]
async fn a_database_has_an_identity_of_its_own_by_whatever_connection() {
    for_each_world(async |world| {
        let again = Database::connect(&world.settings().database).await.unwrap();
        let identity = world.database.identity().await.unwrap();
        assert_eq!(again.identity().await.unwrap(), identity);
        let other = TestDatabase::sqlite().unwrap();
        assert_ne!(connect(&other).await.identity().await.unwrap(), identity);
    })
    .await;
}

#[tokio::test]
async fn services_of_another_database_bypass_a_redis_that_is_in_use_and_say_so() {
    for_each_world(async |world| {
        let first = service_of(world, &world.url).await;
        eventually(DEADLINE, || async { first.cache().uses_redis() }).await.unwrap();
        first.invoice_details(1).await.unwrap();
        assert_eq!(first.invoice_details(1).await.unwrap().tier, Tier::L2);
        let owned = TestDatabase::sqlite().unwrap();
        let other = World::over(&owned).await;
        execute(&other.database, ROWS).await;
        execute(&other.database, "UPDATE invoices SET amount = 7 WHERE id = 1").await;
        let second = service_of(world, &other.url).await;
        assert_eq!(second.cache().other_source(), Some(world.database.identity().await.unwrap()));
        let read = second.invoice_details(1).await.unwrap();
        assert_eq!((read.tier, read.value.unwrap().amount), (Tier::Bypassed, money("7.00")));
        // The other one's relay has invalidated the key, which is always right.
        assert_eq!(first.invoice_details(1).await.unwrap().value.unwrap().amount, money("100.00"));
        second.close().await;
        first.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_example_service_of_another_database_answers_with_its_own_rows_and_says_so_in_healthz() {
    for_each_world(async |world| {
        let owned = TestDatabase::sqlite().unwrap();
        let other = World::over(&owned).await;
        execute(&other.database, ROWS).await;
        execute(&other.database, "UPDATE invoices SET amount = 7 WHERE id = 1").await;
        let first = ExampleService::over(world);
        let details = "/invoices/1/details";
        ask_until(|| first.get(details), |answer| answer.cache == "l2").await;
        let port = world.redis.port().to_string();
        let second = ExampleService::with(&other, &[("REDIS_PORT", &port)]);
        let said = ask_until(|| second.get("//healthz"), |answer| answer.json()["redis"] == "used_by_another_database");
        assert_eq!(said.await.status, 200);
        assert_eq!(second.get(details).read(200, "bypassed")["amount"], "7.00");
        assert_eq!(first.get("//healthz").json()["redis"], "ok");
        assert_eq!(ask_until(|| first.get(details), |answer| answer.cache == "l2").await.json()["amount"], "100.00");
    })
    .await;
}
