//! Amounts and percentages in request bodies: a JSON string or an exact JSON number.
//!
//! Invariant: the digits that the caller wrote count. A number is read from its text, never through a float, and a
//! value that does not fit is refused, not rounded.
//!
//! Used by request types: `#[serde(deserialize_with = "billing_core::money::input::exact")] amount: Money`.
//!
//! The number's text is available only if `serde_json` reads the body directly. Inside `#[serde(flatten)]`, `untagged`
//! or internally tagged types serde has already converted it to a float, and reading fails.

use rust_decimal::Decimal;
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::value::RawValue;

use super::decimal::{self, FixedDecimal, MoneyError};

/// Reads a required field.
pub fn exact<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FixedDecimal,
{
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    from_json(raw.get()).map_err(D::Error::custom)
}

/// Reads an optional field; add `#[serde(default)]` so that it may be missing.
pub fn exact_option<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FixedDecimal,
{
    let raw = Option::<Box<RawValue>>::deserialize(deserializer)?;
    raw.map(|raw| from_json(raw.get())).transpose().map_err(D::Error::custom)
}

fn from_json<T: FixedDecimal>(json: &str) -> Result<T, MoneyError> {
    if json.starts_with('"') {
        let text: String = serde_json::from_str(json).map_err(|_| decimal::not_a_number(json))?;
        return T::new(decimal::parse(&text)?);
    }
    T::new(number(json)?)
}

/// JSON numbers may have an exponent; the mantissa is read exactly before it is applied.
fn number(json: &str) -> Result<Decimal, MoneyError> {
    let Some((mantissa, _)) = json.split_once(['e', 'E']) else {
        return decimal::parse(json);
    };
    decimal::parse(mantissa)?;
    Decimal::from_scientific(json).map_err(|_| decimal::not_a_number(json))
}

#[cfg(test)]
mod tests {
    use super::super::{Money, Percent};
    use super::*;

    #[derive(serde::Deserialize)]
    struct Body {
        #[serde(deserialize_with = "exact")]
        amount: Money,
        #[serde(default, deserialize_with = "exact_option")]
        rate: Option<Percent>,
    }

    fn amount(json: &str) -> Result<Money, serde_json::Error> {
        let body = format!("{{\"amount\": {json}}}");
        serde_json::from_slice::<Body>(body.as_bytes()).map(|body| body.amount)
    }

    #[test]
    fn strings_and_numbers_are_read_exactly() {
        for (json, shown) in [
            ("\"12.5\"", "12.50"),
            ("12.50", "12.50"),
            ("0.1", "0.10"),
            ("99999999.99", "99999999.99"),
            ("-3", "-3.00"),
            ("1e2", "100.00"),
            ("125E-1", "12.50"),
        ] {
            assert_eq!(amount(json).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_a_float_would_have_rounded_is_refused() {
        for json in [
            "0.1000000000000000055",
            "99999999.990000001",
            "1e-3",
            "1e400",
            "100000000",
            "null",
            "true",
            "[1]",
            "{}",
            "\"ten\"",
        ] {
            assert!(amount(json).is_err(), "{json} was accepted");
        }
    }

    #[test]
    fn an_optional_rate_may_be_absent_null_or_exact() {
        for (json, rate) in [
            (r#"{"amount": 1}"#, None),
            (r#"{"amount": 1, "rate": null}"#, None),
            (r#"{"amount": 1, "rate": 7.5}"#, Some("7.50")),
        ] {
            let body: Body = serde_json::from_str(json).unwrap();
            assert_eq!(body.rate.map(|rate| rate.to_string()).as_deref(), rate);
        }
    }
}
