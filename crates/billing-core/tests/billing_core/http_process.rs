//! The example service while Redis is away, while its database is away, and when it is asked to end.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::Signal;
use serde_json::json;
use test_support::{TestDatabase, eventually};

use crate::backends::execute;
use crate::example_service::{ExampleService, ask_until};
use crate::world::{DEADLINE, ROWS, World, for_each_world};

fn payment(transaction_id: &str) -> String {
    json!({"invoice_id": 1, "amount": "10", "payment_method": "card", "transaction_id": transaction_id}).to_string()
}

#[tokio::test]
async fn without_redis_reads_are_bypassed_and_writes_are_pending() {
    for_each_world(async |world| {
        let service = ExampleService::over(world);
        service.get("/invoices/1/details").read(200, "loaded");
        world.redis.stop().unwrap();
        let paid = service.post("/payments", &payment("a"));
        assert_eq!((paid.status, paid.invalidation.as_str()), (201, "pending"));
        assert_eq!(service.get("/invoices/1/details").read(200, "bypassed")["balance_due"], "90.00");
        assert_eq!(service.get("/discounts/active").status, 200);
        assert_eq!(service.get("/tax-rates/applicable?country=GB&region=Wales").read(200, "bypassed")["rate"], "20.00");
        assert_eq!(service.get("/invoices/99/details").error().0, 404);
        let deleted = service.ask("DELETE", "/tax-rates/2", "");
        assert_eq!((deleted.status, deleted.invalidation.as_str()), (204, "pending"));
        let health = service.get("//healthz");
        assert_eq!((health.status, &health.json()["redis"]), (200, &json!("away")));

        world.redis.restart().unwrap();
        let cached = ask_until(|| service.get("/invoices/1/details"), |answer| answer.cache == "l2").await;
        assert_eq!(cached.json()["balance_due"], "90.00");
        ask_until(|| service.post("/payments", &payment("a")), |answer| answer.invalidation == "done").await;
        // The relay of the process has told the new server what the old one could not be told.
        world.wait_until_relayed_but_for_history().await;
        assert_eq!(service.get("//healthz").json()["redis"], "ok");
    })
    .await;
}

#[tokio::test]
async fn a_service_that_starts_without_redis_serves() {
    for_each_world(async |world| {
        world.redis.stop().unwrap();
        let service = ExampleService::over(world);
        service.get("/invoices/1/details").read(200, "bypassed");
        assert_eq!(service.post("/payments", &payment("a")).invalidation, "pending");
        world.redis.restart().unwrap();
        ask_until(|| service.get("/invoices/1/details"), |answer| answer.cache == "l2").await;
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_gone_is_a_503_and_what_is_cached_is_served() {
    let owned = TestDatabase::postgres().await.unwrap();
    let world = World::over(&owned).await;
    execute(&world.database, ROWS).await;
    let service = ExampleService::over(&world);
    service.get("/invoices/1/details").read(200, "loaded");
    owned.drop_database().await.unwrap();
    for answer in
        [service.get("/invoices/2/details"), service.post("/payments", &payment("a")), service.get("//healthz")]
    {
        assert_eq!(answer.error(), (503, "unavailable".to_owned()));
        assert_eq!(answer.retry_after, "1");
        assert!(!answer.text.contains("postgres:"), "{answer:?}");
    }
    service.get("/invoices/1/details").read(200, "l2");
}

#[tokio::test]
async fn sigterm_and_ctrl_c_end_it_in_order() {
    for_each_world(async |world| {
        for signal in [Signal::TERM, Signal::INT] {
            let mut service = ExampleService::over(world);
            service.get("/invoices/1/details");
            service.signal(signal);
            assert_eq!(service.ended().await.code(), Some(0), "{signal:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn it_shows_its_settings_and_where_each_is_written() {
    for_each_world(async |world| {
        let variables =
            [("BILLING__CACHE__PATIENCE_MS", "700"), ("REDIS_SENTINEL_PASSWORD", "hunter2"), ("BILLING_X", "1")];
        let service = ExampleService::with(world, &variables);
        let shown = service.get("//settings").json();
        let settings = shown["settings"].as_array().unwrap();
        for expected in [
            json!({"key": "cache.patience_ms", "value": "700", "source": "BILLING__CACHE__PATIENCE_MS"}),
            json!({"key": "redis.sentinel_password", "value": "(hidden)", "source": "REDIS_SENTINEL_PASSWORD"}),
            json!({"key": "database.url", "value": "(hidden)", "source": "DATABASE_URL"}),
            json!({"key": "cache.batch_size", "value": "500", "source": "default"}),
        ] {
            assert!(settings.contains(&expected), "{expected} is not in {shown:#}");
        }
        assert!(shown["remarks"][0].as_str().unwrap().contains("BILLING_X is no variable"), "{shown:#}");
        let line = "setting: cache.patience_ms = 700 (BILLING__CACHE__PATIENCE_MS)";
        let is_said = || async { if service.said().contains(line) { Ok(()) } else { Err(service.said()) } };
        eventually(DEADLINE, is_said).await.unwrap();
        assert!(!format!("{shown}{}", service.said()).contains("hunter2"), "{shown}");
    })
    .await;
}

#[tokio::test]
async fn its_log_has_that_redis_went_and_that_it_came_back_without_being_asked_for() {
    for_each_world(async |world| {
        let service = ExampleService::over(world);
        let says = async |line: &str| {
            let is_said = || async { if service.said().contains(line) { Ok(()) } else { Err(service.said()) } };
            eventually(DEADLINE, is_said).await.unwrap();
        };
        world.redis.stop().unwrap();
        assert_eq!(service.get("/discounts/active").status, 200);
        says("redis connection lost, reads go to the database").await;
        world.redis.restart().unwrap();
        says("redis is back").await;
        assert!(!service.said().contains("DEBUG"), "{}", service.said());
    })
    .await;
}

#[tokio::test]
async fn it_serves_also_where_stderr_cannot_be_written() {
    for_each_world(async |world| {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut service =
            ExampleService::silent(world, full.into(), &[("RUST_LOG", "trace"), ("BILLING_X", "1")]).await;
        service.get("/invoices/1/details").read(200, "loaded");
        service.signal(Signal::TERM);
        assert_eq!(service.ended().await.code(), Some(0));
    })
    .await;
}

#[tokio::test]
async fn it_ends_at_once_when_asked_while_it_starts_to_listen() {
    for_each_world(async |world| {
        let mut service = ExampleService::over(world);
        service.signal(Signal::TERM);
        assert_eq!(service.ended().await.code(), Some(0));
    })
    .await;
}

#[tokio::test]
async fn clients_that_say_nothing_cannot_keep_it_from_ending() {
    for_each_world(async |world| {
        let mut service = ExampleService::over(world);
        let address = service.address.strip_prefix("http://").unwrap();
        let silent = TcpStream::connect(address).unwrap();
        let mut half = TcpStream::connect(address).unwrap();
        half.write_all(b"POST /api/billing/payments HTTP/1.1\r\ncontent-length: 10\r\n\r\n{").unwrap();
        assert_eq!(service.get("//healthz").status, 200);
        service.signal(Signal::TERM);
        assert_eq!(service.ended().await.code(), Some(0));
        drop((silent, half));
    })
    .await;
}

#[tokio::test]
async fn half_sent_requests_are_ended_and_whole_ones_answered_meanwhile() {
    let owned = TestDatabase::sqlite().unwrap();
    let world = World::over(&owned).await;
    let service = ExampleService::over(&world);
    let address = service.address.strip_prefix("http://").unwrap();
    let begin = |text: &str| {
        let mut client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        // One that is closed for being too many may be closed before it has asked.
        let _ = client.write_all(text.as_bytes());
        client
    };
    let head = "POST /api/billing/payments HTTP/1.1\r\nhost: x\r\n";
    let mut body = begin(&format!("{head}content-length: 10\r\n\r\n{{"));
    let heads: Vec<TcpStream> = (0..200).map(|_| begin(head)).collect();
    assert_eq!(service.get("//healthz").status, 200);
    let mut answer = String::new();
    body.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("too_slow"), "{answer}");
    for mut half in heads {
        // The answer is an end: nothing, or that the connection was reset.
        assert_eq!(half.read(&mut [0; 1]).unwrap_or_default(), 0);
    }
    assert_eq!(world.count("payments").await, 0);
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_no_half_written_payment() {
    for_each_world(async |world| {
        let (service, other) = (ExampleService::over(world), ExampleService::over(world));
        other.get("/invoices/1/details").read(200, "loaded");
        let address = service.address.strip_prefix("http://").unwrap();
        for number in 0..8 {
            let body = payment(&format!("gone-{number}"));
            let request = format!(
                "POST /api/billing/payments HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            let mut client = TcpStream::connect(address).unwrap();
            client.write_all(request.as_bytes()).unwrap();
            if number % 2 == 0 {
                let _ = client.read(&mut [0; 1]);
            }
        }
        // The last word: whoever asks for the same payments learns what became of them.
        for number in 0..8 {
            service.post("/payments", &payment(&format!("gone-{number}"))).written(201);
        }
        assert_eq!(other.get("/invoices/1/details").json()["balance_due"], "20.00");
        assert_eq!(world.count("payments").await, 8);
    })
    .await;
}
