//! The commands of the operations, and the checks that need no database.
//!
//! Money is read from a JSON string or an exact JSON number, never through a float.

use serde::Deserialize;

use super::BillingError;
use crate::country::{Country, Region};
use crate::money::{Money, Percent, input};
use crate::time::UtcTime;

/// An invoice to create.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewInvoice {
    /// Whose invoice.
    pub user_id: i32,
    /// The subtotal, before discounts and taxes.
    #[serde(deserialize_with = "input::exact")]
    pub amount: Money,
    /// When it is due, UTC.
    pub due_date: UtcTime,
    /// The country whose tax rates apply: ISO 3166-1 alpha-2.
    #[serde(default = "great_britain")]
    pub billing_country: String,
}

/// A payment to take.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPayment {
    /// The invoice it pays.
    pub invoice_id: i32,
    /// How much.
    #[serde(deserialize_with = "input::exact")]
    pub amount: Money,
    /// The method: `card`, `bank_transfer`.
    pub payment_method: String,
    /// The id of the payment at the provider; the same id twice is the same payment.
    pub transaction_id: String,
}

/// A credit note to create.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCreditNote {
    /// Whose credit note.
    pub user_id: i32,
    /// How much.
    #[serde(deserialize_with = "input::exact")]
    pub amount: Money,
    /// The reason, for people.
    pub reason: String,
    /// The invoice it is about, of the same user.
    #[serde(default)]
    pub reference_invoice_id: Option<i32>,
}

/// A discount to create, or the new content of one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscountInput {
    /// Its name, for people.
    pub name: String,
    /// A longer description.
    #[serde(default)]
    pub description: Option<String>,
    /// A word of the platform: `promotional`, `loyalty`.
    pub discount_type: String,
    /// A percentage or an amount of money.
    #[serde(deserialize_with = "input::exact")]
    pub value: Money,
    /// Whether `value` is a percentage.
    pub is_percentage: bool,
    /// Whether it may be applied.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// Start of validity, UTC.
    pub valid_from: UtcTime,
    /// End of validity, UTC, exclusive; absent means no end.
    #[serde(default)]
    pub valid_to: Option<UtcTime>,
    /// The plans it is for, in the platform's format.
    #[serde(default)]
    pub applicable_plans: Option<serde_json::Value>,
}

/// A tax rate to create, or the new content of one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxRateInput {
    /// The name on the invoice: `VAT`.
    pub name: String,
    /// A longer description.
    #[serde(default)]
    pub description: Option<String>,
    /// In percent.
    #[serde(deserialize_with = "input::exact")]
    pub rate: Percent,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Absent or empty for the whole country.
    #[serde(default)]
    pub region: Option<String>,
    /// Whether it is the rate that applies there.
    pub is_default: bool,
}

/// Which rates an invoice is taxed by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaxingRates {
    /// The rates that were copied onto the invoice, and today's where it has none for its place.
    #[default]
    Copied,
    /// Today's rates.
    Current,
}

fn great_britain() -> String {
    "GB".to_owned()
}

fn yes() -> bool {
    true
}

impl NewInvoice {
    pub(super) fn check(&self) -> Result<Country, BillingError> {
        positive("amount", self.amount)?;
        self.billing_country.parse().map_err(|error| BillingError::invalid("billing_country", error))
    }
}

impl NewPayment {
    pub(super) fn check(&self) -> Result<(), BillingError> {
        positive("amount", self.amount)?;
        text("payment_method", &self.payment_method, 32)?;
        text("transaction_id", &self.transaction_id, 128)
    }
}

impl NewCreditNote {
    pub(super) fn check(&self) -> Result<(), BillingError> {
        positive("amount", self.amount)?;
        text("reason", &self.reason, 255)
    }
}

impl DiscountInput {
    pub(super) fn check(&self) -> Result<(), BillingError> {
        text("name", &self.name, 128)?;
        without_nul("description", self.description.as_deref())?;
        text("discount_type", &self.discount_type, 32)?;
        self.applicable_plans.as_ref().map_or(Ok(()), storable_plans)?;
        positive("value", self.value)?;
        if self.is_percentage && self.value.to_decimal() > Percent::HUNDRED.to_decimal() {
            return Err(BillingError::invalid("value", "a percentage must be from 0 to 100"));
        }
        match self.valid_to {
            Some(end) if end <= self.valid_from => Err(BillingError::invalid("valid_to", "must be after valid_from")),
            _ => Ok(()),
        }
    }
}

impl TaxRateInput {
    /// The place it is for.
    pub(super) fn check(&self) -> Result<(Country, Option<Region>), BillingError> {
        text("name", &self.name, 128)?;
        without_nul("description", self.description.as_deref())?;
        if !self.rate.is_within_0_to_100() {
            return Err(BillingError::invalid("rate", "a percentage must be from 0 to 100"));
        }
        place(&self.country, self.region.as_deref())
    }
}

/// A country and region as a caller names them.
pub(super) fn place(country: &str, region: Option<&str>) -> Result<(Country, Option<Region>), BillingError> {
    let country = country.parse().map_err(|error| BillingError::place(&error))?;
    let region = Region::parse(region.unwrap_or_default()).map_err(|error| BillingError::place(&error))?;
    Ok((country, region))
}

pub(super) fn positive(field: &'static str, amount: Money) -> Result<(), BillingError> {
    if amount.is_positive() { Ok(()) } else { Err(BillingError::invalid(field, "must be more than 0")) }
}

fn text(field: &'static str, text: &str, max_chars: usize) -> Result<(), BillingError> {
    let length = text.chars().count();
    if text.trim().is_empty() {
        return Err(BillingError::invalid(field, "must not be empty"));
    }
    if length > max_chars {
        return Err(BillingError::invalid(
            field,
            format_args!("has {length} characters, at most {max_chars} are allowed"),
        ));
    }
    // PostgreSQL cannot store NUL, and other control characters do not belong in a name either.
    if text.chars().any(char::is_control) {
        return Err(BillingError::invalid(field, "must not contain control characters"));
    }
    Ok(())
}

/// PostgreSQL cannot store NUL, neither as text nor in JSON.
const NUL_REFUSED: &str = "must not contain the character NUL";

/// A text of any length, which may have several lines.
fn without_nul(field: &'static str, text: Option<&str>) -> Result<(), BillingError> {
    if text.is_some_and(|text| text.contains('\0')) { Err(BillingError::invalid(field, NUL_REFUSED)) } else { Ok(()) }
}

/// SQLite would keep a bare number as a number, which is then no JSON text.
fn storable_plans(plans: &serde_json::Value) -> Result<(), BillingError> {
    match plans {
        serde_json::Value::Number(_) => Err(BillingError::invalid("applicable_plans", "must not be a bare number")),
        plans if holds_nul(plans) => Err(BillingError::invalid("applicable_plans", NUL_REFUSED)),
        _ => Ok(()),
    }
}

fn holds_nul(json: &serde_json::Value) -> bool {
    match json {
        serde_json::Value::String(text) => text.contains('\0'),
        serde_json::Value::Array(values) => values.iter().any(holds_nul),
        serde_json::Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)),
        _ => false,
    }
}
