//! What the tools and services write is what the contract says, checked with Python's eyes: redis-py and `json.loads`.

use system_tests::{Backend, Site};

use crate::on_both_databases;

on_both_databases![python_reads_every_key_in_the_shapes_of_the_contract];

fn python_reads_every_key_in_the_shapes_of_the_contract(backend: Backend) {
    let site = Site::seeded(backend);
    special_rows(&site);
    let service = site.serve();
    site.admin("warmup").fine();
    let nobody = site.number("SELECT id FROM users WHERE username = 'without-notes'");
    assert_eq!(service.get(&format!("/users/{nobody}/credit-notes")).from_tier("loaded"), serde_json::json!([]));
    service.get("/invoices/999999/details").with_status(404);
    service.get("/tax-rates/applicable?country=GB&region=Nowhere").with_status(200);
    service.get("/tax-rates/applicable?country=BV&region=%C3%8Ele%20Bouvet").with_status(200);
    service.get("/tax-rates/applicable?country=AQ").with_status(404);
    site.monitor("--iterations 20").fine();

    let found = site.python("check_shapes.py").run("").json();
    let stats = site.stats();
    for (name, keys) in stats.all_keys() {
        assert!(keys > 0, "{name}");
        assert_eq!(found["keys"][&name], keys, "{name}: {found}");
    }
    // A missing invoice, a region without a rate of its own, a country with one in a region only, and one without any.
    assert_eq!(found["absent"], serde_json::json!({ "invoices": 1, "tax_rates": 3 }), "{found}");
    assert_eq!(found["empty_lists"], 1, "{found}");
    assert_eq!(found["foreign"], 0, "{found}");
}

/// What made-up data may lack: names beyond ASCII, a region, times with and without microseconds, lines of every kind.
fn special_rows(site: &Site) {
    site.execute(&[
        "INSERT INTO users (username, email, hashed_password) VALUES ('without-notes', 'n@example.org', 'x')",
        "INSERT INTO tax_rates (name, rate, country, region, is_default, created_at, updated_at) VALUES \
         ('TVA \u{2764}\u{1f427}', 8.5, 'BV', '\u{ce}le Bouvet', TRUE, '2026-01-01 00:00:00', '2026-01-01 00:00:00.000001')",
        "INSERT INTO discounts (name, description, discount_type, value, is_percentage, valid_from, applicable_plans) VALUES \
         ('Zo\u{eb}s \"10 %\"', 'line\nbreak', 'promotional', 10, TRUE, '2020-01-01 00:00:00', '{\"plans\": [\"fibre \u{2192} 1G\", null, 3]}')",
    ]);
    let service = site.serve();
    let invoice = crate::new_invoice(&service, "250.00");
    let discount = site.number("SELECT max(id) FROM discounts");
    service.post(&format!("/invoices/{invoice}/discounts/{discount}"), &serde_json::json!({})).with_status(200);
    service.post(&format!("/invoices/{invoice}/taxes"), &serde_json::json!({})).with_status(200);
    let note = serde_json::json!({ "user_id": 1, "amount": "12.30", "reason": "Entsch\u{e4}digung", "reference_invoice_id": invoice });
    let note = service.post("/credit-notes", &note).with_status(201).json();
    let _ =
        service.post(&format!("/credit-notes/{}/apply/{invoice}", note["id"]), &serde_json::json!({})).with_status(200);
    service.pay(invoice, "100.05", "shapes-1").with_status(201);
    service.terminate();
}
