//! The objects that the clients of a round read and write. They are new in every round, so that no round depends on an
//! earlier one. A few objects of the previous round, which no longer change, are read too.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::asking;
use crate::history::{Author, Effect, Key, Moment, PaymentRow, Recorder, Truth, Write, WriteResult, amount, cents};
use crate::{Client, Site};

/// Never paid off.
const LARGE_CENTS: i64 = 100_000_000;
/// Paid off within a round, so that payments compete and some are refused.
const SMALL_CENTS: i64 = 10_000;
/// The initial tax rate, in hundredths of a percent.
pub(super) const FIRST_RATE: i64 = 2_000;
const LARGE: usize = 3;
const SMALL: usize = 3;
const USERS: i64 = 2;

/// The objects of one round.
#[derive(Debug)]
pub struct Plan {
    /// Unique among the rounds of a site.
    pub round: u64,
    /// Invoices that stay open.
    pub large: Vec<i64>,
    /// Invoices that get paid.
    pub small: Vec<i64>,
    /// Users who get credit notes.
    pub users: Vec<i64>,
    /// A user who gets credit notes only from a fault, so that no later write hides a missed invalidation.
    pub quiet_user: i64,
    /// The id of the tax rate.
    pub rate_id: i64,
    /// Its region.
    pub region: String,
    /// The id of the discount, the same in all rounds.
    pub discount_id: i64,
    /// Its value when the round began.
    pub discount_version: i64,
    totals: BTreeMap<i64, i64>,
    before: Truth,
}

impl Plan {
    /// Creates the objects of a round through one service; `before` is the final state of the previous round.
    pub(super) fn make(site: &Site, client: &Client, round: u64, before: &Truth) -> Self {
        let first_user = site.number("SELECT coalesce(max(id), 0) + 1 FROM users");
        let quiet_user = first_user + USERS;
        let users: Vec<i64> = (first_user..quiet_user).collect();
        for user in users.iter().chain([&quiet_user]) {
            site.execute(&[&format!(
                "INSERT INTO users (id, username, email, hashed_password) \
                 VALUES ({user}, 'chaos-{user}', 'chaos-{user}@example.com', 'x')"
            )]);
        }
        let region = format!("chaos-{round}");
        let rate = made(client, "/tax-rates", &asking::tax_rate(&region, FIRST_RATE));
        let (discount_id, discount_version) = discount_of(site, "version %")
            .unwrap_or_else(|| (id_of(&made(client, "/discounts", &asking::discount(1))), 1));
        let applied = discount_of(site, "applied");
        let applied = applied.map_or_else(|| id_of(&made(client, "/discounts", &applied_discount())), |(id, _)| id);
        let mut totals = BTreeMap::new();
        let mut invoice = |cents| {
            let (id, total) = new_invoice(client, users[0], cents, applied, &region);
            totals.insert(id, total);
            id
        };
        let large = (0..LARGE).map(|_| invoice(LARGE_CENTS)).collect();
        let small = (0..SMALL).map(|_| invoice(SMALL_CENTS)).collect();
        let before = some_of(before);
        Self {
            round,
            large,
            small,
            users,
            quiet_user,
            rate_id: id_of(&rate),
            region,
            discount_id,
            discount_version,
            totals,
            before,
        }
    }

    /// All keys to read.
    #[must_use]
    pub fn keys(&self) -> Vec<Key> {
        let invoices = self.large.iter().chain(&self.small).chain(self.before.totals.keys());
        let users = self.users.iter().chain([&self.quiet_user]).chain(self.before.credit_notes.keys());
        let mut keys: Vec<Key> = invoices.map(|id| Key::Invoice(*id)).collect();
        keys.extend(users.map(|id| Key::CreditNotes(*id)));
        keys.extend([Key::TaxRate(self.region.clone()), Key::Discount(self.discount_id)]);
        keys
    }

    /// Records the writes that were acknowledged before the round.
    pub(super) fn recall(&self, recorder: &Recorder) {
        let payments = self.before.payments.iter().map(|row| (Key::Invoice(row.invoice), Effect::Row(row.id)));
        let notes = self.before.credit_notes.iter();
        let notes = notes.flat_map(|(user, rows)| rows.iter().map(|id| (Key::CreditNotes(*user), Effect::Row(*id))));
        let versions = [
            (Key::TaxRate(self.region.clone()), Effect::Version(FIRST_RATE)),
            (Key::Discount(self.discount_id), Effect::Version(self.discount_version)),
        ];
        for (key, effect) in payments.chain(notes).chain(versions) {
            let result = WriteResult::Acknowledged { effect, pending: false };
            let (started, ended) = (Moment::default(), Moment::default());
            recorder.write(Write { key, author: Author::Before, started, ended, transaction: None, cents: 0, result });
        }
    }

    /// The database content for the objects of this plan.
    pub(super) fn truth(&self, site: &Site) -> Truth {
        let mut truth = self.before.clone();
        truth.totals.extend(&self.totals);
        truth.payments.extend(payments(site, self.totals.keys().copied()));
        for user in self.users.iter().chain([&self.quiet_user]) {
            let rows = site.rows(&format!("SELECT CAST(id AS TEXT) FROM credit_notes WHERE user_id = {user}"));
            truth.credit_notes.insert(*user, rows.iter().filter_map(|row| row[0].as_ref()?.parse().ok()).collect());
        }
        let hundredths = |query: String| site.number(&format!("SELECT CAST(round(({query}) * 100) AS BIGINT)"));
        let rate = hundredths(format!("SELECT rate FROM tax_rates WHERE id = {}", self.rate_id));
        let discount = hundredths(format!("SELECT value FROM discounts WHERE id = {}", self.discount_id));
        truth.versions.insert(Key::TaxRate(self.region.clone()), rate);
        truth.versions.insert(Key::Discount(self.discount_id), discount);
        truth
    }
}

/// Two invoices and a user, enough to notice old data that comes back.
fn some_of(before: &Truth) -> Truth {
    let totals: BTreeMap<i64, i64> =
        before.totals.iter().rev().step_by(3).take(2).map(|(id, total)| (*id, *total)).collect();
    let payments = before.payments.iter().filter(|row| totals.contains_key(&row.invoice)).cloned().collect();
    let credit_notes = before.credit_notes.iter().next_back().map(|(user, rows)| (*user, rows.clone()));
    Truth { totals, payments, credit_notes: credit_notes.into_iter().collect(), versions: BTreeMap::new() }
}

fn payments(site: &Site, invoices: impl Iterator<Item = i64>) -> Vec<PaymentRow> {
    let invoices: Vec<String> = invoices.map(|id| id.to_string()).collect();
    let query = format!(
        "SELECT CAST(id AS TEXT), CAST(invoice_id AS TEXT), CAST(CAST(round(amount * 100) AS BIGINT) AS TEXT), \
         transaction_id FROM payments \
         WHERE status = 'completed' AND invoice_id IN ({})",
        invoices.join(", ")
    );
    let row = |row: &Vec<Option<String>>| {
        let number = |column: usize| row[column].as_ref()?.parse().ok();
        Some(PaymentRow { id: number(0)?, invoice: number(1)?, cents: number(2)?, transaction: row[3].clone()? })
    };
    site.rows(&query).iter().map(|found| row(found).unwrap_or_else(|| panic!("no payment: {found:?}"))).collect()
}

/// The discount applied to invoices. It never changes, unlike the other one.
fn applied_discount() -> Value {
    let mut discount = asking::discount(5_00);
    discount["name"] = "applied".into();
    discount
}

fn discount_of(site: &Site, name: &str) -> Option<(i64, i64)> {
    let rows = site.rows(&format!(
        "SELECT CAST(id AS TEXT), CAST(CAST(round(value * 100) AS BIGINT) AS TEXT) FROM discounts \
         WHERE name LIKE '{name}' LIMIT 1"
    ));
    let row = rows.first()?;
    Some((row[0].as_ref()?.parse().ok()?, row[1].as_ref()?.parse().ok()?))
}

/// Creates an invoice with a discount and a tax; returns its id and the amount due.
fn new_invoice(client: &Client, user: i64, cents_before: i64, discount: i64, region: &str) -> (i64, i64) {
    let body = json!({ "user_id": user, "amount": amount(cents_before), "due_date": "2099-12-31T00:00:00" });
    let id = id_of(&made(client, "/invoices", &body));
    client.post(&format!("/invoices/{id}/discounts/{discount}"), &json!({})).with_status(200);
    let taxed = client.post(&format!("/invoices/{id}/taxes"), &json!({ "region": region })).with_status(200).json();
    (id, cents(&taxed["total"]).unwrap_or_else(|| panic!("no total: {taxed}")))
}

fn made(client: &Client, path: &str, body: &Value) -> Value {
    client.post(path, body).with_status(201).json()
}

fn id_of(row: &Value) -> i64 {
    row["id"].as_i64().unwrap_or_else(|| panic!("no number: {row}"))
}
