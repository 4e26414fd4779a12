//! The common parts of amounts and percentages: two decimals, a range, a plain notation.
//!
//! Invariant: a value that would have to be rounded is refused.
//!
//! Used by the types of this folder only; the trait is public because request types name it through [`super::input`].

use rust_decimal::Decimal;
use thiserror::Error;

/// Both columns of the contract have two decimals.
pub(super) const SCALE: u32 = 2;

/// A limit far above any sum of columns, and far below what would overflow a `Decimal` in a sum: 10^20.
const MAX_SUM: Decimal = Decimal::from_parts(1_661_992_960, 1_808_227_885, 5, false, 0);

/// Why a value is not an amount or percentage.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum MoneyError {
    /// Not a plain decimal number.
    #[error("`{text}` is not a decimal number; write it like 12.50")]
    NotANumber {
        /// The beginning of the given text.
        text: String,
    },
    /// It would have to be rounded.
    #[error("{value} has more decimals than the two that the column of this {what} holds; it is not rounded here")]
    TooPrecise {
        /// `amount` or `percentage`.
        what: &'static str,
        /// The given value.
        value: Decimal,
    },
    /// The column cannot hold it.
    #[error("{value} is out of range for this {what}; the limit is {max}")]
    OutOfRange {
        /// `amount` or `percentage`.
        what: &'static str,
        /// The given value.
        value: Decimal,
        /// The largest absolute value.
        max: Decimal,
    },
}

/// A decimal of fixed scale with the range of its column: [`super::Money`] or [`super::Percent`].
pub trait FixedDecimal: Copy {
    /// The name in error messages.
    const NAME: &'static str;
    /// Precision and scale of the column.
    const COLUMN: (u32, u32);
    /// The largest absolute value the column holds.
    const MAX: Decimal;

    /// Wraps a value that is known to have two decimals.
    #[doc(hidden)]
    fn wrap(value: Decimal) -> Self;

    /// The exact value.
    fn value(self) -> Decimal;

    /// The value, if it has at most two significant decimals and fits the column.
    fn new(value: Decimal) -> Result<Self, MoneyError> {
        within::<Self>(value, Self::MAX)
    }

    /// A value that was stored or computed before. It has two decimals, but a sum may exceed the column.
    fn computed(value: Decimal) -> Result<Self, MoneyError> {
        within::<Self>(value, MAX_SUM)
    }
}

fn within<T: FixedDecimal>(value: Decimal, max: Decimal) -> Result<T, MoneyError> {
    if value.normalize().scale() > SCALE {
        return Err(MoneyError::TooPrecise { what: T::NAME, value });
    }
    if value.abs() > max {
        return Err(MoneyError::OutOfRange { what: T::NAME, value, max });
    }
    Ok(fixed(value))
}

/// Brings a value of at most two significant decimals to exactly two, and -0 to 0.
pub(super) fn fixed<T: FixedDecimal>(mut value: Decimal) -> T {
    value.rescale(SCALE);
    if value.is_zero() {
        value.set_sign_positive(true);
    }
    T::wrap(value)
}

/// Reads plain notation: digits, an optional minus and decimal point. No exponent, no separators, no rounding.
pub(super) fn parse(text: &str) -> Result<Decimal, MoneyError> {
    if !is_plain(text) {
        return Err(not_a_number(text));
    }
    Decimal::from_str_exact(text).map_err(|_| not_a_number(text))
}

pub(super) fn not_a_number(text: &str) -> MoneyError {
    MoneyError::NotANumber { text: text.chars().take(40).collect() }
}

fn is_plain(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    is_digits(whole) && is_digits(fraction)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_of_sums_is_ten_to_the_twentieth() {
        assert_eq!(MAX_SUM.to_string(), format!("1{}", "0".repeat(20)));
    }
}
