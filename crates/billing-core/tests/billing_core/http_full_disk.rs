//! The example service on SQLite while its disk fails: what is not stored is an error, what is acknowledged stays.

use std::collections::BTreeSet;

use serde_json::json;
use test_support::TestDatabase;

use crate::backends::{connect, execute, texts};
use crate::example_service::{Answer, ExampleService};
use crate::world::{ROWS, World};

/// One cent, on an invoice that takes many.
fn pay(service: &ExampleService, id: &str) -> Answer {
    let body = json!({"invoice_id": 1, "amount": "0.01", "payment_method": "card", "transaction_id": id});
    service.post("/payments", &body.to_string())
}

#[tokio::test]
async fn while_the_disk_fails_payments_are_errors_and_afterwards_all_that_were_acknowledged_are_there() {
    let owned = TestDatabase::sqlite().unwrap();
    let world = World::over(&owned).await;
    execute(&world.database, ROWS).await;
    let mut service = ExampleService::that_survives_its_limits(&world);
    let mut acknowledged = BTreeSet::new();
    for round in 0..5 {
        for number in 0..3 {
            let id = format!("stored-{round}-{number}");
            pay(&service, &id).written(201);
            acknowledged.insert(id);
        }
        assert_eq!(service.get("//healthz").json()["last_write"], "stored");

        service.let_files_grow_to(Some(0));
        for number in 0..6 {
            let (status, code) = pay(&service, &format!("lost-{round}-{number}")).error();
            let expected = [(503, "unavailable"), (500, "outcome_unknown")];
            assert!(expected.contains(&(status, code.as_str())), "{status} {code}");
        }
        let health = service.get("//healthz");
        assert_eq!((health.status, &health.json()["status"]), (200, &json!("degraded")));
        assert_eq!(health.json()["last_write"], "failed");
        assert_eq!(service.get("/invoices/1/details").status, 200, "reads go on");
        service.let_files_grow_to(None);
        // Only this much is rolled back, and nothing that comes later.
        let too_much = json!({"invoice_id": 1, "amount": "99999", "payment_method": "card", "transaction_id": "x"});
        assert_eq!(service.post("/payments", &too_much.to_string()).error().0, 422);
    }
    for number in 0..10 {
        let id = format!("after-{number}");
        pay(&service, &id).written(201);
        acknowledged.insert(id);
    }
    assert_eq!(service.get("//healthz").json()["status"], "ok");

    // Another program gets the write lock while the service is idle.
    execute(&world.database, "UPDATE users SET email = 'other@x' WHERE id = 2").await;
    service.kill();
    world.database.close().await.unwrap();
    let after = connect(&owned).await;
    let stored = texts(&after, "SELECT transaction_id FROM payments", 1).await;
    let stored: BTreeSet<String> = stored.into_iter().flatten().flatten().collect();
    assert_eq!(acknowledged.difference(&stored).collect::<Vec<_>>(), [""; 0], "gone after a restart");
    // A service over what is left knows them too.
    let service = ExampleService::over(&world);
    for id in &acknowledged {
        pay(&service, id).written(201);
    }
    after.close().await.unwrap();
}
