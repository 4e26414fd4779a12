//! A percentage as a `numeric(5,2)` column holds it.
//!
//! Invariant: it has two decimals and is within the column's range. Whether it makes sense as a rate is checked
//! separately.
//!
//! Used by tax rates and percentage discounts.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

use super::decimal::{self, FixedDecimal, MoneyError};

/// A percentage with two decimals; `7.50` means 7.5 percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(Decimal);

impl Percent {
    /// 0 percent.
    pub const ZERO: Self = Self(Decimal::from_parts(0, 0, 0, false, 2));
    /// 100 percent.
    pub const HUNDRED: Self = Self(Decimal::from_parts(10_000, 0, 0, false, 2));
    /// The largest percentage the column holds: 999.99.
    pub const MAX: Self = Self(Decimal::from_parts(99_999, 0, 0, false, 2));

    /// The percentage, if it has at most two significant decimals and fits its column; never rounded.
    pub fn new(value: Decimal) -> Result<Self, MoneyError> {
        <Self as FixedDecimal>::new(value)
    }

    /// The exact value, with two decimals.
    #[must_use]
    pub const fn to_decimal(self) -> Decimal {
        self.0
    }

    /// Whether it can be a rate or a discount: from 0 to 100, both included.
    #[must_use]
    pub fn is_within_0_to_100(self) -> bool {
        (Self::ZERO..=Self::HUNDRED).contains(&self)
    }
}

impl FixedDecimal for Percent {
    const NAME: &'static str = "percentage";
    const COLUMN: (u32, u32) = (5, 2);
    const MAX: Decimal = Self::MAX.0;

    fn wrap(value: Decimal) -> Self {
        Self(value)
    }

    fn value(self) -> Decimal {
        self.0
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Percent {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        Self::new(decimal::parse(text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_that_of_the_column_and_the_sensible_part_is_asked_for() {
        for (text, sensible) in [("0", true), ("7.5", true), ("100", true), ("100.01", false), ("-0.01", false)] {
            assert_eq!(text.parse::<Percent>().unwrap().is_within_0_to_100(), sensible, "{text}");
        }
        assert!("1000".parse::<Percent>().is_err());
        assert!("0.005".parse::<Percent>().is_err());
        assert_eq!("7.5".parse::<Percent>().unwrap().to_string(), "7.50");
    }
}
