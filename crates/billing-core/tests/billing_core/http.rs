//! Every endpoint of the example service: its answers, and where they came from.

use serde_json::{Value, json};

use crate::example_service::ExampleService;
use crate::world::{World, for_each_world};

const DISCOUNT: &str = r#"{"name": "Spring", "discount_type": "seasonal", "value": 2.5, "is_percentage": true,
    "valid_from": "2026-01-01T00:00:00", "applicable_plans": ["fibre"]}"#;
const RATE: &str = r#"{"name": "TVA", "rate": "20", "country": "FR", "is_default": true}"#;

/// What the other process answers is what the cache holds, byte for byte.
fn assert_cached(world: &World, service: &ExampleService, path: &str, key: &str) -> Value {
    let value = service.get(path).read(200, "loaded");
    let cached = service.get(path);
    assert_eq!(world.cached(key).as_ref(), Some(&cached.text), "{key}");
    assert_eq!(cached.read(200, "l2"), value);
    value
}

#[tokio::test]
async fn reads_answer_what_is_cached() {
    for_each_world(async |world| {
        let service = ExampleService::over(world);
        let details = assert_cached(world, &service, "/invoices/1/details", "invoice:1");
        assert_eq!((&details["balance_due"], &details["billing_country"]), (&json!("100.00"), &json!("GB")));
        let notes = assert_cached(world, &service, "/users/1/credit-notes", "user_credit_notes:1");
        assert_eq!(notes.as_array().unwrap().len(), 3);
        assert_cached(world, &service, "/users/99/credit-notes", "user_credit_notes:99");
        let discounts = assert_cached(world, &service, "/discounts/active", "active_discounts");
        assert_eq!(discounts[0]["name"], "Ten percent");
        let rate = assert_cached(world, &service, "/tax-rates/applicable?country=US&region=CA", "tax_rate:US:CA");
        assert_eq!(rate["rate"], "7.25");
        let fallen_back = service.get("/tax-rates/applicable?country=GB&region=Wales").read(200, "loaded");
        assert_eq!(fallen_back["rate"], "20.00");
        assert_eq!(service.get("/tax-rates/applicable?country=GB&region=").read(200, "l2"), fallen_back);
        let health = service.get("//healthz");
        assert_eq!(
            health.json(),
            json!({
                "status": "ok", "database": "ok", "redis": "ok", "last_write": "none", "past_cache": []
            })
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_known_to_be_absent_is_a_404_from_the_cache() {
    for_each_world(async |world| {
        let service = ExampleService::over(world);
        for path in ["/invoices/99/details", "/tax-rates/applicable?country=FR&region=Corse"] {
            for cache in ["loaded", "l2"] {
                let answer = service.get(path);
                assert_eq!(answer.error(), (404, "not_found".to_owned()), "{path}");
                assert_eq!(answer.cache, cache, "{path}");
            }
        }
        assert_eq!(world.cached("invoice:99").as_deref(), Some("null"));
    })
    .await;
}

#[tokio::test]
async fn an_invoice_is_made_discounted_taxed_credited_and_paid() {
    for_each_world(async |world| {
        let (service, other) = (ExampleService::over(world), ExampleService::over(world));
        let command = r#"{"user_id": 1, "amount": 100.10, "due_date": "2099-06-01T12:00:00", "billing_country": "GB"}"#;
        let made = service.post("/invoices", command).written(201);
        assert_eq!(
            (&made["id"], &made["amount"], &made["due_date"]),
            (&json!(5), &json!("100.10"), &json!("2099-06-01T12:00:00"))
        );
        assert_eq!(made.as_object().unwrap().len(), 8);
        let due = |expected: &str, status: &str| {
            let seen = other.get("/invoices/5/details").read(200, "loaded");
            assert_eq!((&seen["balance_due"], &seen["status"]), (&json!(expected), &json!(status)));
        };
        due("100.10", "unpaid");
        assert_eq!(service.post("/invoices/5/discounts/1", "").written(200)["total_discount"], "10.01");
        due("90.09", "unpaid");
        assert_eq!(service.post("/invoices/5/taxes", "").written(200)["total_tax"], "18.02");
        due("108.11", "unpaid");
        assert_eq!(service.post("/invoices/5/taxes", r#"{"region": "Wales"}"#).written(200)["total_tax"], "18.02");
        assert_eq!(
            service.post("/credit-notes/1/apply/5", r#"{"amount": "8.11"}"#).written(200)["total_credit"],
            "8.11"
        );
        due("100.00", "partial");
        assert_eq!(service.post("/credit-notes/1/apply/5", "").written(200)["total_credit"], "30.00");
        let pay = r#"{"invoice_id": 5, "amount": 78.11, "payment_method": "card", "transaction_id": "t"}"#;
        let paid = service.post("/payments", pay).written(201);
        assert_eq!((&paid["amount"], &paid["status"]), (&json!("78.11"), &json!("completed")));
        due("0.00", "paid");
        assert_eq!(other.post("/payments", pay).written(201), paid);
    })
    .await;
}

#[tokio::test]
async fn credit_notes_are_issued() {
    for_each_world(async |world| {
        let service = ExampleService::over(world);
        service.get("/users/3/credit-notes").read(200, "loaded");
        let note = service.post("/credit-notes", r#"{"user_id": 3, "amount": "1e1", "reason": "x"}"#);
        assert_eq!(note.error(), (422, "invalid".to_owned()));
        let note = service.post("/credit-notes", r#"{"user_id": 3, "amount": 1e1, "reason": "x"}"#).written(201);
        assert_eq!((&note["amount"], &note["reference_invoice_id"]), (&json!("10.00"), &Value::Null));
        assert_eq!(service.get("/users/3/credit-notes").read(200, "loaded"), json!([note]));
    })
    .await;
}

#[tokio::test]
async fn the_amount_of_a_credit_is_a_parameter_as_the_platform_sends_it_or_in_the_body() {
    for_each_world(async |world| {
        let service = ExampleService::over(world);
        for (query, body, total) in [
            ("?amount=5.0", "", "5.00"),
            ("", r#"{"amount": 1.1}"#, "6.10"),
            ("?amount=2", r#"{"amount": "2.00"}"#, "8.10"),
        ] {
            let details = service.post(&format!("/credit-notes/1/apply/1{query}"), body).written(200);
            assert_eq!(details["total_credit"], total, "{query} {body}");
        }
        let all = service.post("/credit-notes/1/apply/1?", "").written(200);
        assert_eq!(all["total_credit"], "30.00", "without an amount it is all that remains");
    })
    .await;
}

#[tokio::test]
async fn decimals_that_a_column_does_not_hold_are_refused_and_not_rounded() {
    for_each_world(async |world| {
        let service = ExampleService::over(world);
        let rate = RATE.replace("\"20\"", "9.975");
        let payment = r#"{"invoice_id": 1, "amount": 0.125, "payment_method": "card", "transaction_id": "t"}"#;
        let credit = ("/credit-notes/1/apply/1?amount=5.001", "");
        for ((path, body), words) in [
            (
                ("/tax-rates", rate.as_str()),
                "9.975 has more decimals than the two that the column of this percentage holds",
            ),
            (("/payments", payment), "0.125 has more decimals than the two that the column of this amount holds"),
            (credit, "amount: 5.001 has more decimals than the two"),
        ] {
            let answer = service.post(path, body);
            assert_eq!(answer.error(), (422, "invalid".to_owned()));
            assert!(answer.text.contains(words) && !answer.text.contains("round it"), "{}", answer.text);
        }
    })
    .await;
}

#[tokio::test]
async fn tax_rates_are_made_changed_and_deleted() {
    for_each_world(async |world| {
        let service = ExampleService::over(world);
        let france = "/tax-rates/applicable?country=FR";
        assert_eq!(service.get(france).status, 404);
        let made = service.post("/tax-rates", RATE).written(201);
        assert_eq!(service.get(france).read(200, "loaded"), made);
        assert_eq!(service.post("/tax-rates", RATE).error(), (409, "conflict".to_owned()));
        let changed = service.ask("PUT", "/tax-rates/4", &RATE.replace("\"20\"", "5.5")).written(200);
        assert_eq!((&changed["rate"], &changed["created_at"]), (&json!("5.50"), &made["created_at"]));
        assert_eq!(service.get(france).read(200, "loaded")["rate"], "5.50");
        let deleted = service.ask("DELETE", "/tax-rates/4", "");
        assert_eq!((deleted.status, deleted.invalidation.as_str(), deleted.text.as_str()), (204, "done", ""));
        assert_eq!(service.get(france).status, 404);
        service.post("/invoices/1/taxes", "{}").written(200);
        let raised = RATE.replace("FR", "GB").replace("\"20\"", "24");
        service.ask("PUT", "/tax-rates/1", &raised).written(200);
        let total_tax = |body: &str| service.post("/invoices/1/taxes", body).written(200)["total_tax"].clone();
        assert_eq!([total_tax("{}"), total_tax(r#"{"rates": "copied"}"#)], ["20.00", "20.00"]);
        assert_eq!(total_tax(r#"{"rates": "current"}"#), "24.00");
        assert_eq!(service.post("/invoices/1/taxes", r#"{"rates": "old"}"#).status, 422);
        assert_eq!(service.ask("DELETE", "/tax-rates/1", "").error(), (422, "refused".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn discounts_are_made_changed_and_switched_off() {
    for_each_world(async |world| {
        let service = ExampleService::over(world);
        let made = service.post("/discounts", DISCOUNT).written(201);
        assert_eq!((&made["id"], &made["value"], &made["is_active"]), (&json!(7), &json!("2.50"), &json!(true)));
        let last =
            |cache| service.get("/discounts/active").read(200, cache).as_array().unwrap().last().cloned().unwrap();
        assert_eq!(last("loaded"), made);
        let renamed = service.ask("PUT", "/discounts/7", &DISCOUNT.replace("Spring", "Summer")).written(200);
        assert_eq!(last("loaded"), renamed);
        let off = DISCOUNT.replacen('{', r#"{"is_active": false, "#, 1);
        assert_eq!(service.ask("PUT", "/discounts/7", &off).written(200)["is_active"], false);
        assert_eq!(last("loaded")["name"], "Huge");
        assert_eq!(last("l2")["name"], "Huge");
    })
    .await;
}

#[tokio::test]
async fn rates_and_discounts_come_from_memory_and_a_write_is_seen_by_its_process() {
    for_each_world(async |world| {
        let on =
            [("BILLING__CACHE__TYPES__TAX_RATES__L1", "true"), ("BILLING__CACHE__TYPES__ACTIVE_DISCOUNTS__L1", "true")];
        let service = ExampleService::with(world, &on);
        for (path, write) in [
            ("/tax-rates/applicable?country=GB", ("PUT", "/tax-rates/1")),
            ("/discounts/active", ("PUT", "/discounts/1")),
        ] {
            let from_memory = |answer: &crate::example_service::Answer| answer.cache == "l1";
            let before = crate::example_service::ask_until(|| service.get(path), from_memory).await.json();
            let body = if path.starts_with("/tax") { RATE.replace("FR", "GB") } else { DISCOUNT.to_owned() };
            let written = service.ask(write.0, write.1, &body).written(200);
            let after = service.get(path).json();
            assert_ne!(after, before, "{path}");
            assert_eq!(after.get(0).unwrap_or(&after)["name"], written["name"], "{path}");
        }
    })
    .await;
}
