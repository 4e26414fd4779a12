//! What the example service answers to requests that are wrong, and to those that rules forbid.

use crate::backends::execute;
use crate::example_service::ExampleService;
use crate::world::for_each_world;

/// Method, path, body, status and code.
type Case = (&'static str, &'static str, &'static str, u16, &'static str);

const PAYMENT: &str = r#"{"invoice_id": 1, "amount": 1, "payment_method": "card", "transaction_id": "used"}"#;

const CASES: &[Case] = &[
    ("GET", "/invoices/99/details", "", 404, "not_found"),
    ("GET", "/invoices/abc/details", "", 404, "not_found"),
    ("GET", "/invoices/99999999999/details", "", 404, "not_found"),
    ("GET", "/invoices/1%2F2/details", "", 404, "not_found"),
    ("GET", "/invoices/1", "", 404, "not_found"),
    ("GET", "/nothing", "", 404, "not_found"),
    ("GET", "//", "", 404, "not_found"),
    ("GET", "//favicon.ico", "", 404, "not_found"),
    ("DELETE", "/invoices/1/details", "", 405, "method_not_allowed"),
    ("GET", "/payments", "", 405, "method_not_allowed"),
    ("POST", "//healthz", "", 405, "method_not_allowed"),
    ("POST", "//settings", "", 405, "method_not_allowed"),
    ("GET", "/tax-rates/applicable", "", 422, "invalid"),
    ("GET", "/tax-rates/applicable?region=CA", "", 422, "invalid"),
    ("GET", "/tax-rates/applicable?country=GB&county=Kent", "", 422, "invalid"),
    ("GET", "/tax-rates/applicable?country=GB&country=US", "", 422, "invalid"),
    ("GET", "/invoices/1/details?amount=1", "", 422, "invalid"),
    ("GET", "/users/1/credit-notes?limit=1", "", 422, "invalid"),
    ("GET", "/discounts/active?at=now", "", 422, "invalid"),
    ("GET", "//healthz?x", "", 422, "invalid"),
    ("GET", "//metrics?x", "", 422, "invalid"),
    ("POST", "/payments?amount=1", PAYMENT, 422, "invalid"),
    ("POST", "/invoices/1/taxes?region=CA", "", 422, "invalid"),
    ("POST", "/invoices/1/discounts/1?amount=1", "", 422, "invalid"),
    ("DELETE", "/tax-rates/1?force=true", "", 422, "invalid"),
    ("POST", "/credit-notes/1/apply/1?sum=5.0", "", 422, "invalid"),
    ("POST", "/credit-notes/1/apply/1?amount=5.0&amount=6.0", "", 422, "invalid"),
    ("POST", "/credit-notes/1/apply/1?amount=", "", 422, "invalid"),
    ("POST", "/credit-notes/1/apply/1?amount=5.001", "", 422, "invalid"),
    ("POST", "/credit-notes/1/apply/1?amount=5e0", "", 422, "invalid"),
    ("POST", "/credit-notes/1/apply/1?amount=NaN", "", 422, "invalid"),
    ("POST", "/credit-notes/1/apply/1?amount=-1", "", 422, "invalid"),
    ("POST", "/credit-notes/1/apply/1?amount=5.0", r#"{"amount": 6}"#, 422, "invalid"),
    ("POST", "/credit-notes/1/apply/1?amount=30.01", "", 422, "refused"),
    ("GET", "/tax-rates/applicable?country=gb", "", 422, "invalid"),
    ("GET", "/tax-rates/applicable?country=GB&region=a%3Ab", "", 422, "invalid"),
    ("GET", "/tax-rates/applicable?country=GB&region=a%00", "", 422, "invalid"),
    ("GET", "/tax-rates/applicable?country=GB&region=default", "", 422, "invalid"),
    ("POST", "/payments", "{", 400, "malformed"),
    ("POST", "/payments", "not json", 400, "malformed"),
    ("POST", "/payments", "{\"invoice_id\" 1}", 400, "malformed"),
    ("POST", "/payments", "", 422, "invalid"),
    ("POST", "/payments", "[]", 422, "invalid"),
    ("POST", "/payments", "null", 422, "invalid"),
    (
        "POST",
        "/payments",
        r#"{"invoice_id": 1, "amount": 100.105, "payment_method": "card", "transaction_id": "t"}"#,
        422,
        "invalid",
    ),
    (
        "POST",
        "/payments",
        r#"{"invoice_id": 1, "amount": 0, "payment_method": "card", "transaction_id": "t"}"#,
        422,
        "invalid",
    ),
    (
        "POST",
        "/payments",
        r#"{"invoice_id": 1, "amount": 1, "payment_method": "card", "transaction_id": "a\u0000"}"#,
        422,
        "invalid",
    ),
    (
        "POST",
        "/payments",
        r#"{"invoice_id": 1, "amount": 1, "payment_method": "card", "transaction_id": "t", "tip": 1}"#,
        422,
        "invalid",
    ),
    (
        "POST",
        "/payments",
        r#"{"invoice_id": 99, "amount": 1, "payment_method": "card", "transaction_id": "t"}"#,
        404,
        "not_found",
    ),
    (
        "POST",
        "/payments",
        r#"{"invoice_id": 1, "amount": 100.01, "payment_method": "card", "transaction_id": "t"}"#,
        422,
        "refused",
    ),
    (
        "POST",
        "/payments",
        r#"{"invoice_id": 3, "amount": 1, "payment_method": "card", "transaction_id": "t"}"#,
        422,
        "refused",
    ),
    (
        "POST",
        "/payments",
        r#"{"invoice_id": 1, "amount": 2, "payment_method": "card", "transaction_id": "used"}"#,
        409,
        "conflict",
    ),
    ("POST", "/invoices", r#"{"user_id": 99, "amount": 1, "due_date": "2099-01-01T00:00:00"}"#, 404, "not_found"),
    ("POST", "/invoices", r#"{"user_id": 1, "amount": 1, "due_date": "2099-01-01T00:00:00Z"}"#, 422, "invalid"),
    ("POST", "/invoices/1/discounts/3", "", 422, "refused"),
    ("POST", "/invoices/1/discounts/99", "", 404, "not_found"),
    ("POST", "/invoices/1/discounts/x", "", 404, "not_found"),
    ("POST", "/invoices/1/taxes", r#"{"region": "a:b"}"#, 422, "invalid"),
    ("POST", "/invoices/1/taxes", r#"{"county": "x"}"#, 422, "invalid"),
    ("POST", "/credit-notes/1/apply/1", r#"{"amount": 30.01}"#, 422, "refused"),
    ("POST", "/credit-notes/2/apply/1", "", 422, "refused"),
    ("POST", "/credit-notes/99/apply/1", "", 404, "not_found"),
    ("POST", "/credit-notes/1/apply/1", r#"{"amount": -1}"#, 422, "invalid"),
    ("POST", "/credit-notes", r#"{"user_id": 99, "amount": 1, "reason": "x"}"#, 404, "not_found"),
    ("DELETE", "/tax-rates/99", "", 404, "not_found"),
    ("PUT", "/tax-rates/99", r#"{"name": "x", "rate": 1, "country": "GB", "is_default": true}"#, 404, "not_found"),
    ("POST", "/tax-rates", r#"{"name": "x", "rate": 1, "country": "GB", "is_default": true}"#, 409, "conflict"),
    (
        "PUT",
        "/discounts/99",
        r#"{"name": "x", "discount_type": "x", "value": 1, "is_percentage": false, "valid_from": "2026-01-01T00:00:00"}"#,
        404,
        "not_found",
    ),
];

#[tokio::test]
async fn whatever_is_wrong_has_a_status_a_code_and_a_sentence() {
    for_each_world(async |world| {
        let service = ExampleService::over(world);
        service.post("/payments", PAYMENT).written(201);
        let rows = world.count("cache_invalidations").await;
        for (method, path, body, status, code) in CASES {
            let answer = service.ask(method, path, body);
            assert_eq!(answer.error(), (*status, (*code).to_owned()), "{method} {path} {body}: {answer:?}");
            assert_eq!(answer.retry_after, "");
        }
        assert_eq!(world.count("cache_invalidations").await, rows, "something was written");
    })
    .await;
}

#[tokio::test]
async fn a_database_that_fails_is_told_to_the_client_without_its_words() {
    for_each_world(async |world| {
        let service = ExampleService::over(world);
        service.get("/users/1/credit-notes").read(200, "loaded");
        execute(&world.database, "ALTER TABLE invoices RENAME TO invoices_gone").await;
        let payment = PAYMENT.replace("used", "t");
        assert_eq!(service.get("//healthz").error(), (503, "unavailable".to_owned()));
        for answer in [service.get("/invoices/1/details"), service.post("/payments", &payment)] {
            assert_eq!(answer.error(), (503, "unavailable".to_owned()));
            assert_eq!(answer.retry_after, "1");
            let words = answer.text.to_lowercase();
            assert!(!words.contains("sql") && !words.contains("relation") && !words.contains("_gone"), "{words}");
        }
        // What is cached is still served.
        service.get("/users/1/credit-notes").read(200, "l2");
        execute(&world.database, "ALTER TABLE invoices_gone RENAME TO invoices").await;
        // From wherever: a table without triggers is read past the cache, until it is seen that it has them again.
        assert_eq!(service.get("/invoices/1/details").status, 200);
        assert_eq!(service.get("//healthz").status, 200);
    })
    .await;
}

/// Path, body, and what the sentence says: the field, what was sent, and the form that is wanted.
const BODIES: &[(&str, &str, &[&str])] = &[
    (
        "/invoices",
        r#"{"user_id": 1, "amount": 1, "due_date": "2099-01-01T00:00:00Z"}"#,
        &["due_date: ", "2099-01-01T00:00:00Z", "2026-11-22T19:04:00"],
    ),
    ("/invoices", r#"{"user_id": 1, "amount": 1, "due_date": "2099-01-01"}"#, &["due_date: ", "2026-11-22T19:04:00"]),
    ("/invoices", r#"{"user_id": 1, "amount": 1, "due_date": 5}"#, &["due_date: ", "5", "2026-11-22T19:04:00"]),
    ("/invoices", r#"{"user_id": 1, "amount": 1, "due_date": "0000-01-01T00:00:00"}"#, &["due_date: ", "years"]),
    ("/invoices", r#"{"user_id": 1, "amount": 1, "due_date": "-0001-01-01T00:00:00"}"#, &["due_date: "]),
    ("/invoices", r#"{"user_id": 1, "amount": 1, "due_date": "+10000-01-01T00:00:00"}"#, &["due_date: "]),
    ("/invoices", r#"{"user_id": 1, "amount": 1, "due_date": "2099-01-01T00:00:60"}"#, &["due_date: ", "seconds"]),
    ("/invoices", r#"{"user_id": 1, "amount": "12,50", "due_date": "2099-01-01T00:00:00"}"#, &["amount: ", "12,50"]),
    ("/invoices", r#"{"user_id": "x", "amount": 1, "due_date": "2099-01-01T00:00:00"}"#, &["user_id: ", "\"x\""]),
    ("/invoices", r#"{"user_id": 1, "amount": 1}"#, &["due_date"]),
    (
        "/discounts",
        r#"{"name": "x", "discount_type": "x", "value": 1, "is_percentage": false, "valid_from": "10000-01-01T00:00:00"}"#,
        &["valid_from: "],
    ),
    (
        "/discounts",
        r#"{"name": "x", "discount_type": "x", "value": 1, "is_percentage": false, "valid_from": "2026-01-01T00:00:00",
            "valid_to": "2026-01-01T00:00:60"}"#,
        &["valid_to: "],
    ),
];

#[tokio::test]
async fn a_wrong_body_is_answered_with_the_field_what_was_sent_and_what_is_wanted() {
    for_each_world(async |world| {
        let service = ExampleService::over(world);
        for (path, body, said) in BODIES {
            let answer = service.post(path, body);
            assert_eq!(answer.error(), (422, "invalid".to_owned()), "{body}: {answer:?}");
            let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
            assert!(said.iter().all(|word| message.contains(word)), "{body}: {message}");
            assert!(!message.contains("line 1"), "{message}");
        }
        assert_eq!(world.count("invoices").await, 4);
    })
    .await;
}
