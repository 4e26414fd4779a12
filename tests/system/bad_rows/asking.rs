//! Everything that a client can ask of a family of rows, and which answers are allowed.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use system_tests::{Answer, Client};

use super::sentinels::KINDS;

/// What bad rows may be answered with.
pub(super) struct Allowed {
    /// The tables that an error may name.
    pub(super) tables: BTreeSet<String>,
}

impl Allowed {
    /// A value, "there is none", a rule, or the error that names the row. Never "try again", never nothing.
    pub(super) fn check(&self, answer: &Result<Answer, String>) -> Result<(), String> {
        let answer = answer.as_ref().map_err(Clone::clone)?;
        match answer.status {
            200..=299 | 404 | 409 | 422 => Ok(()),
            500 if self.names_a_row(answer) => Ok(()),
            500 => Err(format!("an error that names no table and id: {}", answer.text)),
            status => Err(format!("{status}: {}", answer.text)),
        }
    }

    fn names_a_row(&self, answer: &Answer) -> bool {
        let body: Value = serde_json::from_str(&answer.text).unwrap_or_default();
        let message = body["error"]["message"].as_str().unwrap_or_default();
        let words: Vec<&str> = message.split(|letter: char| !letter.is_alphanumeric() && letter != '_').collect();
        let is_number = |word: &&str| !word.is_empty() && word.chars().all(|letter| letter.is_ascii_digit());
        words.iter().any(|word| self.tables.contains(*word)) && words.iter().any(is_number)
    }
}

/// The questions and their answers.
pub(super) type Answers = Vec<(String, Result<Answer, String>)>;

/// Reads every cached type of this family.
pub(super) fn read(client: &Client, id: i64) -> Answers {
    let paths = KINDS.iter().map(|kind| (kind.path)(id));
    paths.map(|path| (format!("GET {path}"), client.try_get(&path))).collect()
}

/// Writes all that a service writes, on the rows of this family.
pub(super) fn write(client: &Client, id: i64) -> Answers {
    let amount = json!({ "amount": "1" });
    let note = json!({ "user_id": id, "amount": "1", "reason": "outage" });
    let payment =
        json!({ "invoice_id": id, "amount": "1", "payment_method": "card", "transaction_id": format!("ours-{id}") });
    let invoice = json!({ "user_id": id, "amount": "1", "due_date": "2098-01-01T00:00:00", "billing_country": "DE" });
    let discount = json!({ "name": "New", "discount_type": "loyalty", "value": "1", "is_percentage": true,
        "valid_from": "2025-01-01T00:00:00", "is_active": false });
    let rate = json!({ "name": "New", "rate": "1", "country": "DE", "region": format!("R{id}"), "is_default": true });
    let posts = [
        (format!("/invoices/{id}/discounts/{id}"), json!({})),
        (format!("/invoices/{id}/taxes"), json!({})),
        (format!("/credit-notes/{id}/apply/{id}"), amount),
        ("/payments".to_owned(), payment.clone()),
        // Twice is once.
        ("/payments".to_owned(), payment),
        ("/credit-notes".to_owned(), note),
        ("/invoices".to_owned(), invoice),
    ];
    let puts = [(format!("/tax-rates/{id}"), rate), (format!("/discounts/{id}"), discount)];
    let posts = posts.into_iter().map(|(path, body)| (format!("POST {path} {body}"), client.try_post(&path, &body)));
    let puts = puts.into_iter().map(|(path, body)| (format!("PUT {path} {body}"), client.try_put(&path, &body)));
    posts.chain(puts).collect()
}
