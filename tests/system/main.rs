//! The whole system, as a user has it: built programs, real servers, several processes.
//!
//! `cargo xtask test --only system-tests` builds the programs and starts what is needed. Each file is one promise;
//! tests that need a database run on both.

mod bad_rows;
mod browser;
mod cluster;
mod crashes;
mod dashboard;
mod foreign_keys;
mod foreign_writer;
mod fuzz;
mod history;
mod html_report;
mod l1;
mod logging;
mod metrics;
mod monitoring;
mod outage;
mod processes;
mod python_adoption;
mod python_reads;
mod python_writes;
mod refusals;
mod user_day;

use serde_json::{Value, json};
use system_tests::{Client, Site};

/// Makes two tests of a function that takes a `Backend`.
macro_rules! on_both_databases {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[test]
            fn on_sqlite() {
                super::$name(system_tests::Backend::Sqlite);
            }

            #[test]
            fn on_postgres() {
                super::$name(system_tests::Backend::Postgres);
            }
        }
    )+};
}
use on_both_databases;

/// An invoice of the first user without discounts or taxes, made through a service.
fn new_invoice(client: &Client, amount: &str) -> i64 {
    let invoice = json!({ "user_id": 1, "amount": amount, "due_date": "2099-12-31T00:00:00" });
    let made = client.post("/invoices", &invoice).with_status(201).json();
    made["id"].as_i64().expect("an invoice has a number")
}

/// The number of an invoice of the seed on which something is due.
fn open_invoice(site: &Site) -> i64 {
    site.number("SELECT min(id) FROM invoices WHERE status NOT IN ('paid', 'cancelled')")
}

/// An amount of the contract, a string with two decimals, in hundredths.
fn cents(amount: &Value) -> i64 {
    let text = amount.as_str().unwrap_or_else(|| panic!("an amount is a string: {amount}"));
    let (whole, fraction) = text.split_once('.').unwrap_or_else(|| panic!("an amount has two decimals: {text}"));
    assert_eq!(fraction.len(), 2, "{text}");
    format!("{whole}{fraction}").parse().expect("an amount is a number")
}

/// So many hundredths as an amount.
fn amount(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
