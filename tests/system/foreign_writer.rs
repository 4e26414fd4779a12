//! A writer that knows nothing of this project, such as a Python process or a person with psql, leaves in the outbox
//! what its transaction made wrong.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use system_tests::{BILLING_SERVICE, Backend, Site};

use crate::on_both_databases;

on_both_databases![
    what_another_program_wrote_is_in_the_outbox,
    what_another_program_rolled_back_is_not,
    what_another_program_wrote_is_read_as_it_wrote_it,
    what_another_program_wrote_reaches_every_service_by_itself,
];

/// A statement, and the outbox rows (type, key parts, table) it must leave.
type Case = (&'static str, &'static [(&'static str, &'static str, &'static str)]);

const CASES: [Case; 11] = [
    (
        "INSERT INTO payments (invoice_id, amount, payment_method, transaction_id, status, created_at) \
         VALUES (2, 1.10, 'card', 'python-1', 'completed', '2026-11-22 19:04:00.000000')",
        &[("invoices", "[2]", "payments")],
    ),
    (
        "UPDATE invoices SET status = 'overdue' WHERE id IN (3, 4)",
        &[("invoices", "[3]", "invoices"), ("invoices", "[4]", "invoices")],
    ),
    // A row that moves makes both keys wrong.
    (
        "UPDATE payments SET invoice_id = 5 WHERE transaction_id = 'python-1'",
        &[("invoices", "[2]", "payments"), ("invoices", "[5]", "payments")],
    ),
    ("DELETE FROM payments WHERE transaction_id = 'python-1'", &[("invoices", "[5]", "payments")]),
    (
        "INSERT INTO discounts (id, name, discount_type, value, is_percentage, is_active, valid_from, created_at, updated_at) VALUES \
         (9001, 'theirs', 'loyalty', 5, TRUE, TRUE, '2026-01-01 00:00:00', '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
        &[("active_discounts", "[]", "discounts")],
    ),
    (
        "INSERT INTO invoice_discounts (invoice_id, discount_id, amount, created_at) VALUES (6, 9001, 0.50, '2026-01-01 00:00:00')",
        &[("invoices", "[6]", "invoice_discounts"), ("active_discounts", "[]", "invoice_discounts")],
    ),
    (
        "INSERT INTO credit_notes (id, user_id, amount, remaining_amount, reason, status, created_at) \
         VALUES (9001, 7, 10, 10, 'theirs', 'issued', '2026-01-01 00:00:00')",
        &[("user_credit_notes", "[7]", "credit_notes")],
    ),
    (
        "INSERT INTO credit_note_applications (credit_note_id, invoice_id, amount, applied_at) VALUES (9001, 8, 1, '2026-01-01 00:00:00')",
        &[("invoices", "[8]", "credit_note_applications")],
    ),
    (
        "INSERT INTO tax_rates (id, name, rate, country, region, is_default, created_at, updated_at) \
         VALUES (9001, 'VAT', 7.5, 'BV', '\u{ce}le \"B\"', TRUE, '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
        &[("tax_rates", "[\"BV\",\"\u{ce}le \\\"B\\\"\"]", "tax_rates")],
    ),
    (
        "UPDATE tax_rates SET region = NULL WHERE id = 9001",
        &[("tax_rates", "[\"BV\",\"\u{ce}le \\\"B\\\"\"]", "tax_rates"), ("tax_rates", "[\"BV\",null]", "tax_rates")],
    ),
    (
        "INSERT INTO invoice_taxes (invoice_id, tax_rate_id, taxable_amount, tax_amount, created_at) VALUES (9, 9001, 10, 0.75, '2026-01-01 00:00:00')",
        &[("invoices", "[9]", "invoice_taxes")],
    ),
];

fn what_another_program_wrote_is_in_the_outbox(backend: Backend) {
    let site = Site::seeded(backend);
    let last = last_row(&site);
    let statements: Vec<Value> = CASES.iter().map(|(statement, _)| json!(statement)).collect();
    write(&site, &statements);
    let expected: BTreeSet<[&str; 3]> =
        CASES.iter().flat_map(|(_, rows)| rows.iter()).map(|(name, parts, table)| [*name, *parts, *table]).collect();
    // A key may be named twice: a trigger that completes a row is an update of it, too.
    let written = pending_rows(&site, last);
    let written: BTreeSet<[&str; 3]> = written.iter().map(|row| [row[0].as_str(), &row[1], &row[2]]).collect();
    assert_eq!(written, expected);
}

fn what_another_program_rolled_back_is_not(backend: Backend) {
    let site = Site::seeded(backend);
    let last = last_row(&site);
    write(&site, &[json!("UPDATE invoices SET status = 'cancelled'"), json!("ROLLBACK"), json!("BEGIN")]);
    assert_eq!(pending_rows(&site, last), Vec::<Vec<String>>::new());
}

/// SQLAlchemy binds decimals as floats on SQLite, and writes times with six digits.
fn what_another_program_wrote_is_read_as_it_wrote_it(backend: Backend) {
    let site = Site::seeded(backend);
    write(
        &site,
        &[
            json!([
                "INSERT INTO invoices (id, user_id, amount, status, due_date, created_at) VALUES (9001, 1, 19.99, 'unpaid', '2026-12-01 00:00:00.000000', '2026-11-22 19:04:00.000120')",
                []
            ]),
            json!([
                "INSERT INTO payments (invoice_id, amount, payment_method, transaction_id, status, created_at) VALUES (9001, 0.07, 'card', 'python-2', 'completed', '2026-11-22 19:04:00.500000')",
                []
            ]),
        ],
    );
    if backend == Backend::Sqlite {
        write(&site, &[json!(["UPDATE invoices SET amount = ? WHERE id = 9001", [19.99]])]);
    }
    let details = site.serve().invoice(9001).from_tier("loaded");
    for (name, value) in [
        ("amount", "19.99"),
        ("total_paid", "0.07"),
        ("balance_due", "19.92"),
        ("due_date", "2026-12-01T00:00:00"),
        ("created_at", "2026-11-22T19:04:00.000120"),
        ("billing_country", "GB"),
    ] {
        assert_eq!(details[name], value, "{details}");
    }
    assert_eq!(details["payments"][0]["created_at"], "2026-11-22T19:04:00.500000");
}

/// Nobody but the relay of the services tells Redis of it.
fn what_another_program_wrote_reaches_every_service_by_itself(backend: Backend) {
    let site = Site::seeded(backend);
    let relaying = site.program(BILLING_SERVICE).with("BILLING__RELAY__GRACE_MS", "10");
    let services = [relaying.serve(), relaying.serve()];
    services.iter().for_each(|service| site.wait_until_redis_is_used(service));
    let invoice = crate::open_invoice(&site);
    let before = services[0].invoice(invoice).from_tier("loaded");
    assert_eq!(services[1].invoice(invoice).from_tier("l2"), before);
    write(&site, &[json!(format!("UPDATE invoices SET status = 'cancelled' WHERE id = {invoice}"))]);
    for service in &services {
        site.eventually(|| match service.invoice(invoice).with_status(200).json() {
            details if details["status"] == "cancelled" => Ok(()),
            details => Err(details.to_string()),
        });
    }
    site.eventually(|| match site.number("SELECT count(*) FROM cache_invalidations WHERE relayed_at IS NULL") {
        0 => Ok(()),
        rows => Err(format!("{rows} rows are still pending")),
    });
}

/// On SQLite it is Python that writes. For PostgreSQL its standard library has no driver.
fn write(site: &Site, statements: &[Value]) {
    match site.backend() {
        Backend::Sqlite => {
            let file =
                site.database_url().trim_start_matches("sqlite://").split('?').next().unwrap_or_default().to_owned();
            site.python("transaction.py").run_with_input(&file, &json!(statements).to_string()).fine();
        }
        Backend::Postgres => {
            let text = |statement: &Value| statement.as_str().or(statement[0].as_str()).unwrap_or_default().to_owned();
            let statements: Vec<String> = statements.iter().map(text).collect();
            site.execute(&statements.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
}

fn last_row(site: &Site) -> i64 {
    site.number("SELECT coalesce(max(id), 0) FROM cache_invalidations")
}

/// Type, key parts and table of the outbox rows after `last` that wait for a relay.
fn pending_rows(site: &Site, last: i64) -> Vec<Vec<String>> {
    let rows = site.rows(&format!(
        "SELECT cache_type, key_parts, table_name FROM cache_invalidations \
         WHERE id > {last} AND relayed_at IS NULL AND redis_history IS NULL ORDER BY id"
    ));
    rows.into_iter().map(|row| row.into_iter().map(Option::unwrap_or_default).collect()).collect()
}
