//! An amount of money.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};

use super::decimal::{self, FixedDecimal, MoneyError};
use super::percent::Percent;

/// An amount in the currency's major unit with two digits, as a `numeric(10,2)` column holds it.
///
/// [`Money::new`] checks what may be stored. Sums and differences are exact and may exceed the column's range, since
/// the total of a large invoice is not stored in a column. [`Money::checked_add`] is for results that will be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(Decimal);

impl Money {
    /// Zero.
    pub const ZERO: Self = Self(Decimal::from_parts(0, 0, 0, false, 2));
    /// The largest amount the column holds: 99 999 999.99.
    pub const MAX: Self = Self(Decimal::from_parts(1_410_065_407, 2, 0, false, 2));

    /// The amount, if it has at most two significant decimals and fits its column; never rounded.
    pub fn new(value: Decimal) -> Result<Self, MoneyError> {
        <Self as FixedDecimal>::new(value)
    }

    /// The amount of this number of minor units (cents, pence); any `i32` fits the column.
    #[must_use]
    pub fn from_minor(units: i32) -> Self {
        Self(Decimal::new(units.into(), 2))
    }

    /// The exact value, with two decimals.
    #[must_use]
    pub const fn to_decimal(self) -> Decimal {
        self.0
    }

    /// `percent` of the amount, rounded half away from zero to two decimals. The only place that rounds money.
    #[must_use]
    pub fn portion(self, percent: Percent) -> Self {
        let exact = self.0 * percent.to_decimal() * Decimal::new(1, 2);
        decimal::fixed(exact.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero))
    }

    /// The sum, if it fits the column.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        Self::new(self.0 + other.0)
    }

    /// The difference, if it fits the column.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        Self::new(self.0 - other.0)
    }

    /// Whether it is exactly zero.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// Whether it is less than zero.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self < Self::ZERO
    }

    /// Whether it is more than zero.
    #[must_use]
    pub fn is_positive(self) -> bool {
        self > Self::ZERO
    }

    /// The smaller of two amounts.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Ord::min(self, other)
    }

    /// The larger of two amounts.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Ord::max(self, other)
    }
}

impl FixedDecimal for Money {
    const NAME: &'static str = "amount";
    const COLUMN: (u32, u32) = (10, 2);
    const MAX: Decimal = Self::MAX.0;

    fn wrap(value: Decimal) -> Self {
        Self(value)
    }

    fn value(self) -> Decimal {
        self.0
    }
}

impl Default for Money {
    fn default() -> Self {
        Self::ZERO
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        Self::new(decimal::parse(text)?)
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        decimal::fixed(self.0 + other.0)
    }
}

impl Sub for Money {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        decimal::fixed(self.0 - other.0)
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Money {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Neg for Money {
    type Output = Self;

    fn neg(self) -> Self {
        decimal::fixed(-self.0)
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl<'a> Sum<&'a Self> for Money {
    fn sum<I: Iterator<Item = &'a Self>>(amounts: I) -> Self {
        amounts.copied().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Money {
        text.parse().unwrap()
    }

    fn percent(text: &str) -> Percent {
        text.parse().unwrap()
    }

    #[test]
    fn an_amount_always_shows_two_decimals() {
        for (text, shown) in [
            ("100", "100.00"),
            ("0.1", "0.10"),
            ("-7.5", "-7.50"),
            ("1.5000", "1.50"),
            ("-0", "0.00"),
            ("-0.00", "0.00"),
            ("99999999.99", "99999999.99"),
        ] {
            assert_eq!(money(text).to_string(), shown);
        }
        assert_eq!(Money::MAX.to_string(), "99999999.99");
        assert_eq!((-Money::ZERO).to_string(), "0.00");
        assert_eq!(Money::from_minor(-1).to_string(), "-0.01");
    }

    #[test]
    fn what_is_no_exact_amount_is_refused_and_never_rounded() {
        for text in [
            "0.001",
            "100000000",
            "-100000000.00",
            "1e2",
            "1_000",
            "+1",
            " 1",
            "1.",
            ".5",
            "",
            "-",
            "NaN",
            "0.0000000000000000000000000000000000001",
            "9999999999999999999999999999999999999999",
        ] {
            assert!(text.parse::<Money>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn a_portion_is_rounded_half_away_from_zero() {
        for (amount, rate, portion) in [
            ("100.00", "20", "20.00"),
            ("0.05", "10", "0.01"),
            ("-0.05", "10", "-0.01"),
            ("0.04", "10", "0.00"),
            ("33.33", "7.5", "2.50"),
            ("1.10", "2.5", "0.03"),
            ("99999999.99", "999.99", "999989999.90"),
        ] {
            assert_eq!(money(amount).portion(percent(rate)).to_string(), portion);
        }
    }

    #[test]
    fn sums_are_exact_and_may_leave_the_range_of_the_column() {
        let tenths: Money = std::iter::repeat_n(money("0.10"), 3).sum();
        assert_eq!(tenths, money("0.30"));
        assert_eq!((Money::MAX + money("0.01")).to_string(), "100000000.00");
        assert!(Money::MAX.checked_add(money("0.01")).is_err());
        assert!((-Money::MAX).checked_sub(money("0.01")).is_err());
    }
}
