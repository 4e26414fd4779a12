//! A large Redis: values of each cached type as they stand there in production, and keys of other programs.

use anyhow::Result;
use redis::Pipeline;
use test_support::RedisServer;

use crate::run::client;

const BATCH: u64 = 1_000;
/// Beyond the ids of the database, so that a warm-up finds none of its keys here, and an audit no row.
const FIRST_ID: u64 = 1_000_000;

/// What the values of ours are.
#[derive(Clone, Copy)]
pub(crate) enum Values {
    /// As large as in production.
    Realistic,
    /// What the database says of all these keys: that there is no such row.
    Right,
}

/// Empties the server, and fills it with so many keys of ours and of others.
pub(crate) fn fill(redis: &RedisServer, values: Values, ours: u64, foreign: u64) -> Result<()> {
    let mut connection = client(redis)?;
    redis::cmd("FLUSHALL").exec(&mut connection)?;
    let mut add = |keys: u64, add: &dyn Fn(&mut Pipeline, u64)| -> Result<()> {
        for first in (0..keys).step_by(usize::try_from(BATCH)?) {
            let mut pipeline = redis::pipe();
            (first..keys.min(first + BATCH)).for_each(|number| add(&mut pipeline, number));
            pipeline.exec(&mut connection)?;
        }
        Ok(())
    };
    add(ours, &|pipeline, number| add_ours(pipeline, values, number))?;
    add(foreign, &add_foreign)
}

/// Of a hundred keys 97 are invoices, two are lists of credit notes, and one is a tax rate.
fn add_ours(pipeline: &mut Pipeline, values: Values, number: u64) {
    let id = FIRST_ID + number;
    let (key, realistic, right, ttl) = match number % 100 {
        0 => (format!("tax_rate:US:County {number}"), "null".to_owned(), "null", 24 * 3600),
        1 | 2 => (format!("user_credit_notes:{id}"), list(number % 4, CREDIT_NOTE), "[]", 600),
        _ => (format!("invoice:{id}"), invoice(number), "null", 300),
    };
    let value = match values {
        Values::Realistic => realistic,
        Values::Right => right.to_owned(),
    };
    // A life of its own for each key, and long enough for the whole benchmark.
    let seconds = 3 * 3600 + ttl + number % 1_000;
    pipeline.cmd("SET").arg(key).arg(value).arg("EX").arg(seconds).ignore();
}

fn add_foreign(pipeline: &mut Pipeline, number: u64) {
    match number % 10 {
        0 => pipeline
            .cmd("HSET")
            .arg(format!("profile:{number}"))
            .arg("name")
            .arg("x")
            .arg("visits")
            .arg(number)
            .ignore(),
        _ => pipeline.cmd("SET").arg(format!("session:{number:032x}")).arg("x".repeat(200)).ignore(),
    };
}

const CREDIT_NOTE: &str = r#"{"id":7,"user_id":41,"amount":"25.00","remaining_amount":"25.00","reason":"outage of 3 May","status":"active","created_at":"2026-05-04T09:12:45"}"#;
const TAX: &str = r#"{"id":3,"name":"VAT","rate":"20.00","amount":"9.98"}"#;
const PAYMENT: &str = r#"{"id":12,"amount":"29.94","payment_method":"credit_card","status":"completed","created_at":"2026-05-14T18:30:02"}"#;

/// From one to four taxes, and up to three payments: from 500 to 1,100 bytes.
fn invoice(number: u64) -> String {
    let (taxes, payments) = (list(1 + number % 4, TAX), list(number / 4 % 4, PAYMENT));
    format!(
        r#"{{"id":{id},"user_id":{user},"amount":"49.90","status":"pending","subtotal":"49.90","discounts":[],"total_discount":"0.00","taxes":{taxes},"total_tax":"9.98","credit_notes":[],"total_credit":"0.00","payments":{payments},"total_paid":"29.94","total":"59.88","balance_due":"29.94","due_date":"2026-06-01T00:00:00","created_at":"2026-05-01T00:00:00","paid_at":null,"billing_country":"GB"}}"#,
        id = FIRST_ID + number,
        user = number % 10_000,
    )
}

fn list(length: u64, entry: &str) -> String {
    let entries: Vec<&str> = (0..length).map(|_| entry).collect();
    format!("[{}]", entries.join(","))
}
