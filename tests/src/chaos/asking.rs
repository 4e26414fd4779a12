//! A single request to a service: how a key is read or written, and what the answer shows.

use serde_json::{Value, json};

use super::Fleet;
use crate::history::{
    Author, Effect, FailedRead, Invoice, Key, Process, Read, Recorder, Seen, Write, WriteResult, amount, cents,
};
use crate::{Answer, Client};

/// A write by a client.
pub(crate) struct Question {
    pub(crate) key: Key,
    pub(crate) cents: i64,
    pub(crate) transaction: Option<String>,
    pub(crate) request: Request,
}

/// The HTTP request.
pub(crate) enum Request {
    Post(&'static str, Value),
    Put(String, Value),
}

/// Reads a key from the service of a place, and records and returns the answer.
pub(crate) fn read(fleet: &Fleet, recorder: &Recorder, place: usize, key: &Key) -> Option<Read> {
    let (process, client) = fleet.ask(place);
    let started = recorder.now();
    let answer = client.try_get(&path(key));
    let ended = recorder.now();
    let answer = match answer {
        Ok(answer) if answer.status == 200 => answer,
        other => {
            let why = other.map_or_else(|error| error, |answer| format!("{}: {}", answer.status, answer.text));
            recorder.failed_read(FailedRead { key: key.clone(), started, ended, why: format!("{process}: {why}") });
            return None;
        }
    };
    let seen = seen(key, &answer.json()).unwrap_or_else(|error| panic!("{process} on {key}: {error}"));
    let tier = answer.cache.unwrap_or_default();
    let read = Read { key: key.clone(), process, started, ended, tier, seen };
    recorder.read(read.clone());
    Some(read)
}

/// Sends a write to the service of a place, and records and returns the result.
pub(crate) fn write(fleet: &Fleet, recorder: &Recorder, place: usize, question: &Question) -> WriteResult {
    let (process, client) = fleet.ask(place);
    let started = recorder.now();
    let answer = question.request.send(&client);
    let ended = recorder.now();
    let result = match answer {
        Ok(answer) => result(question, process, &answer),
        Err(error) => WriteResult::Unknown(error),
    };
    recorder.write(Write {
        key: question.key.clone(),
        author: Author::Process(process),
        started,
        ended,
        transaction: question.transaction.clone(),
        cents: question.cents,
        result: result.clone(),
    });
    result
}

impl Request {
    fn send(&self, client: &Client) -> Result<Answer, String> {
        match self {
            Self::Post(path, body) => client.try_post(path, body),
            Self::Put(path, body) => client.try_put(path, body),
        }
    }
}

impl Question {
    pub(crate) fn payment(invoice: i64, cents: i64, transaction: String) -> Self {
        let body = json!({
            "invoice_id": invoice,
            "amount": amount(cents),
            "payment_method": "card",
            "transaction_id": transaction,
        });
        let request = Request::Post("/payments", body);
        Self { key: Key::Invoice(invoice), cents, transaction: Some(transaction), request }
    }

    pub(crate) fn credit_note(user: i64, cents: i64) -> Self {
        let body = json!({ "user_id": user, "amount": amount(cents), "reason": "chaos" });
        Self { key: Key::CreditNotes(user), cents, transaction: None, request: Request::Post("/credit-notes", body) }
    }

    pub(crate) fn tax_rate(id: i64, region: &str, version: i64) -> Self {
        let request = Request::Put(format!("/tax-rates/{id}"), tax_rate(region, version));
        Self { key: Key::TaxRate(region.to_owned()), cents: version, transaction: None, request }
    }

    pub(crate) fn discount(id: i64, version: i64) -> Self {
        let request = Request::Put(format!("/discounts/{id}"), discount(version));
        Self { key: Key::Discount(id), cents: version, transaction: None, request }
    }
}

/// The request body for a tax rate.
pub(crate) fn tax_rate(region: &str, version: i64) -> Value {
    json!({ "name": "VAT", "rate": amount(version), "country": "GB", "region": region, "is_default": true })
}

/// The request body for a discount that is active for a long time.
pub(crate) fn discount(version: i64) -> Value {
    json!({
        "name": format!("version {version}"),
        "discount_type": "promotional",
        "value": amount(version),
        "is_percentage": false,
        "valid_from": "2020-01-01T00:00:00",
    })
}

fn path(key: &Key) -> String {
    match key {
        Key::Invoice(id) => format!("/invoices/{id}/details"),
        Key::CreditNotes(user) => format!("/users/{user}/credit-notes"),
        Key::TaxRate(region) => format!("/tax-rates/applicable?country=GB&region={region}"),
        Key::Discount(_) => "/discounts/active".to_owned(),
    }
}

fn seen(key: &Key, answer: &Value) -> Result<Seen, String> {
    let rows = || answer.as_array().ok_or_else(|| format!("no list: {answer}"));
    let version = |amount: &Value| cents(amount).map(Seen::Version).ok_or_else(|| format!("no number: {amount}"));
    match key {
        Key::Invoice(_) => Invoice::parse(answer).map(Seen::Invoice),
        Key::CreditNotes(_) => Ok(Seen::Rows(rows()?.iter().filter_map(|row| row["id"].as_i64()).collect())),
        Key::TaxRate(_) => version(&answer["rate"]),
        Key::Discount(id) => match rows()?.iter().find(|row| row["id"] == *id) {
            Some(row) => version(&row["value"]),
            None => Ok(Seen::Version(0)),
        },
    }
}

fn result(question: &Question, process: Process, answer: &Answer) -> WriteResult {
    let pending = answer.invalidation.as_deref() == Some("pending");
    match answer.status {
        200 | 201 => {
            let effect = match question.request {
                Request::Post(..) => Effect::Row(answer.json()["id"].as_i64().unwrap_or_default()),
                Request::Put(..) => Effect::Version(question.cents),
            };
            WriteResult::Acknowledged { effect, pending }
        }
        422 => WriteResult::Refused,
        409 => WriteResult::Conflict,
        503 => WriteResult::Unknown(answer.text.clone()),
        500 if answer.json()["error"]["code"] == "outcome_unknown" => WriteResult::Unknown(answer.text.clone()),
        _ => panic!("{process} on {}: {answer:?}", question.key),
    }
}
