//! The JSON form of amounts and percentages in the cache: a string with two decimals.
//!
//! Invariant: a JSON number is refused, because its writer may have passed the amount through a float. A cached value
//! with one counts as undecodable and is replaced.
//!
//! Used by serde for the shapes of `dict`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use super::amount::Money;
use super::decimal::{self, FixedDecimal};
use super::percent::Percent;

struct StringOnly<T>(PhantomData<T>);

impl<T: FixedDecimal> Visitor<'_> for StringOnly<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a string with the {}, like \"12.50\"", T::NAME)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        decimal::parse(text).and_then(T::computed).map_err(E::custom)
    }
}

macro_rules! json_string {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(StringOnly(PhantomData))
            }
        }
    };
}

json_string!(Money);
json_string!(Percent);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_strings_with_two_decimals() {
        let money: Money = serde_json::from_str("\"100\"").unwrap();
        assert_eq!(serde_json::to_string(&money).unwrap(), "\"100.00\"");
        let rate: Percent = serde_json::from_str("\"7.5\"").unwrap();
        assert_eq!(serde_json::to_string(&rate).unwrap(), "\"7.50\"");
    }

    #[test]
    fn a_total_above_the_column_survives_the_cache() {
        let total = Money::MAX + Money::MAX;
        let json = serde_json::to_string(&total).unwrap();
        assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), total);
    }

    #[test]
    fn numbers_and_rubbish_do_not_decode() {
        for json in ["100", "100.5", "null", "\"1e2\"", "\"0.001\"", "\"\"", "true"] {
            assert!(serde_json::from_str::<Money>(json).is_err(), "{json} was accepted");
        }
    }
}
