//! Clean rows beside the bad ones: changed by plain SQL they are read anew, whatever stands around them.

use serde_json::{Value, json};
use system_tests::{Answer, Session, Site};

/// The id of every clean row.
pub(super) const CLEAN: i64 = 1;

/// Rows as SQLAlchemy writes them. Bad rows are of other users, invoices and places.
pub(super) const ROWS: &str = "
INSERT INTO users (id, username, email, hashed_password, role, is_active, created_at, updated_at)
    VALUES (1, 'ann', 'a@x', 'h', 'customer', TRUE, '2025-01-02 03:04:05.000000', '2025-01-02 03:04:05.000000');
INSERT INTO invoices (id, user_id, amount, status, due_date, created_at, paid_at, billing_country)
    VALUES (1, 1, 50, 'unpaid', '2098-01-01 00:00:00.000000', '2025-01-02 03:04:05.000000', NULL, 'FR');
INSERT INTO payments (id, invoice_id, amount, payment_method, transaction_id, status, created_at)
    VALUES (1, 1, 1.25, 'card', 'clean', 'completed', '2025-01-02 03:04:05.000000');
INSERT INTO discounts (id, name, description, discount_type, value, is_percentage, is_active, valid_from, valid_to,
    applicable_plans, created_at, updated_at) VALUES (1, 'Clean', NULL, 'loyalty', 3, FALSE, TRUE,
    '2025-01-01 00:00:00.000000', NULL, NULL, '2025-01-01 00:00:00.000000', '2025-01-01 00:00:00.000000');
INSERT INTO invoice_discounts (id, invoice_id, discount_id, amount, created_at)
    VALUES (1, 1, 1, 3, '2025-01-02 03:04:05.000000');
INSERT INTO credit_notes (id, user_id, amount, remaining_amount, reason, reference_invoice_id, status, created_at,
    applied_at) VALUES (1, 1, 9000000, 5, 'outage', NULL, 'issued', '2025-01-02 03:04:05.000000', NULL);
INSERT INTO credit_note_applications (id, credit_note_id, invoice_id, amount, applied_at)
    VALUES (1, 1, 1, 0.50, '2025-01-02 03:04:05.000000');
INSERT INTO tax_rates (id, name, description, rate, country, region, is_default, created_at, updated_at)
    VALUES (1, 'TVA', NULL, 20, 'FR', NULL, TRUE, '2025-01-01 00:00:00.000000', '2025-01-01 00:00:00.000000');
INSERT INTO invoice_taxes (id, invoice_id, tax_rate_id, taxable_amount, tax_amount, created_at)
    VALUES (1, 1, 1, 10, 2, '2025-01-02 03:04:05.000000');
";

/// A cached type, as a client sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// As `stats` names it.
    pub(super) name: &'static str,
    /// Where the service answers it, for the family of rows with this id.
    pub(super) path: fn(i64) -> String,
    /// The key in Redis.
    pub(super) key: fn(i64) -> String,
    /// What of the clean value shows the number that was written last.
    seen: fn(&Value) -> &Value,
    expected: fn(i64) -> Value,
}

/// Each cached type that there is; [`assert_complete`] compares.
pub(super) const KINDS: [Kind; 4] = [
    Kind {
        name: "tax_rates",
        path: |id| match id {
            CLEAN => "/tax-rates/applicable?country=FR".to_owned(),
            id => format!("/tax-rates/applicable?country=DE&region=R{id}"),
        },
        key: |id| if id == CLEAN { "tax_rate:FR:default".to_owned() } else { format!("tax_rate:DE:R{id}") },
        seen: |rate| &rate["rate"],
        expected: |round| json!(format!("{}.25", round % 90)),
    },
    Kind {
        name: "active_discounts",
        path: |_| "/discounts/active".to_owned(),
        key: |_| "active_discounts".to_owned(),
        seen: |list| {
            list.as_array()
                .and_then(|list| list.iter().find(|entry| entry["id"] == CLEAN))
                .map_or(&Value::Null, |entry| &entry["value"])
        },
        expected: |round| json!(format!("{}.25", 10 + round)),
    },
    Kind {
        name: "invoices",
        path: |id| format!("/invoices/{id}/details"),
        key: |id| format!("invoice:{id}"),
        // 3 of discount, 2 of tax, 0.50 of credit, 1.25 of payments.
        seen: |details| &details["balance_due"],
        expected: |round| json!(format!("{}.25", 997 + round)),
    },
    Kind {
        name: "user_credit_notes",
        path: |id| format!("/users/{id}/credit-notes"),
        key: |id| format!("user_credit_notes:{id}"),
        seen: |notes| &notes[0]["remaining_amount"],
        expected: |round| json!(format!("{}.25", 20 + round)),
    },
];

/// Fails for a cached type that has no place in [`KINDS`].
pub(super) fn assert_complete(site: &Site) {
    let report = site.admin("stats --format json").json();
    let names: Vec<&Value> =
        report["types"].as_array().expect("a list").iter().map(|of_type| &of_type["name"]).collect();
    assert_eq!(names, KINDS.map(|kind| kind.name), "each cached type has a place in this test");
}

/// Another program changes what each type shows.
pub(super) fn change(session: &Session, round: i64) {
    session.must(&format!("UPDATE invoices SET amount = {} WHERE id = 1", 1_000 + round));
    session.must(&format!("UPDATE tax_rates SET rate = {}.25 WHERE id = 1", round % 90));
    session.must(&format!("UPDATE discounts SET value = {}.25 WHERE id = 1", 10 + round));
    session.must(&format!("UPDATE credit_notes SET remaining_amount = {}.25 WHERE id = 1", 20 + round));
}

impl Kind {
    /// What is wrong with the answer to a question for the clean row.
    pub(super) fn check_clean(&self, answer: &Answer, round: i64) -> Result<(), String> {
        if answer.status != 200 {
            return Err(format!("a clean row of {} is not served: {answer:?}", self.name));
        }
        let value = answer.json();
        let (seen, expected) = ((self.seen)(&value), (self.expected)(round));
        if *seen == expected {
            Ok(())
        } else {
            Err(format!("{}: {seen} is not {expected}: {}", self.name, answer.text))
        }
    }
}
