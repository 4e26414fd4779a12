//! The percentages that may have produced one amount from another. This finds a rate that was not stored.
//!
//! Invariant: a percentage is among them exactly if [`Money::portion`] gives the amount. It is computed in whole cents
//! and hundredths of a percent.
//!
//! Used for tax lines without a copied rate.

use std::ops::RangeInclusive;

use rust_decimal::Decimal;

use super::amount::Money;
use super::percent::Percent;

/// 100.00 percent in hundredths.
const HUNDRED: i128 = 10_000;

/// The percentages of two decimals, from 0.00 to 100.00, that give one amount as their portion of another: those
/// between two inclusive bounds, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PossibleRates {
    hundredths: RangeInclusive<i128>,
}

impl PossibleRates {
    /// The percentages whose portion of `whole` is `portion`, to the cent.
    #[must_use]
    pub fn that_give(portion: Money, whole: Money) -> Self {
        // Rounding half away from zero is the same on both sides of zero.
        let sign = if whole.is_negative() { -1 } else { 1 };
        let (portion, whole) = (sign * cents(portion), sign * cents(whole));
        let hundredths = match whole {
            0 if portion == 0 => 0..=HUNDRED,
            0 => none(),
            _ => at_least(2 * portion - 1, whole).max(0)..=(at_least(2 * portion + 1, whole) - 1).min(HUNDRED),
        };
        Self { hundredths }
    }

    /// Whether the percentage is one of them.
    #[must_use]
    pub fn contains(&self, rate: Percent) -> bool {
        self.hundredths.contains(&rate.to_decimal().mantissa())
    }

    /// The percentage, if there is exactly one.
    #[must_use]
    pub fn only(&self) -> Option<Percent> {
        let (low, high) = (*self.hundredths.start(), *self.hundredths.end());
        (low == high).then(|| Percent::new(Decimal::from_i128_with_scale(low, 2)).ok()).flatten()
    }

    /// The offered percentage, if it is one of them; otherwise the only one.
    #[must_use]
    pub fn choose(&self, offered: Option<Percent>) -> Option<Percent> {
        offered.filter(|rate| self.contains(*rate)).or_else(|| self.only())
    }
}

#[expect(clippy::reversed_empty_ranges, reason = "a range that contains nothing")]
fn none() -> RangeInclusive<i128> {
    1..=0
}

/// The smallest rate, in hundredths of a percent, whose exact portion of `whole` cents is at least `half_cents` half
/// cents.
fn at_least(half_cents: i128, whole: i128) -> i128 {
    let exact = half_cents * (HUNDRED / 2);
    exact.div_euclid(whole) + i128::from(exact.rem_euclid(whole) != 0)
}

/// An amount always has two decimals.
fn cents(amount: Money) -> i128 {
    amount.to_decimal().mantissa()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rates(portion: &str, whole: &str) -> PossibleRates {
        PossibleRates::that_give(portion.parse().unwrap(), whole.parse().unwrap())
    }

    fn percent(hundredths: i64) -> Percent {
        Percent::new(Decimal::new(hundredths, 2)).unwrap()
    }

    fn money(cents: i64) -> Money {
        Money::new(Decimal::new(cents, 2)).unwrap()
    }

    #[test]
    fn a_portion_of_a_large_amount_tells_its_rate() {
        for (portion, whole, rate) in [
            ("20.00", "100.00", "20.00"),
            ("7.25", "100.00", "7.25"),
            ("0.00", "100.00", "0.00"),
            ("17.99", "89.95", "20.00"),
            ("-20.00", "-100.00", "20.00"),
            ("100.00", "100.00", "100.00"),
        ] {
            assert_eq!(rates(portion, whole).only(), Some(rate.parse().unwrap()), "{portion} of {whole}");
        }
    }

    #[test]
    fn a_portion_of_a_small_amount_tells_some() {
        let of_one = rates("0.20", "1.00");
        assert_eq!(of_one.only(), None);
        assert!(of_one.contains(percent(1950)) && of_one.contains(percent(2049)));
        assert!(!of_one.contains(percent(1949)) && !of_one.contains(percent(2050)));
        assert_eq!(of_one.choose(Some(percent(2000))), Some(percent(2000)));
        assert_eq!(of_one.choose(Some(percent(2500))), None);
        assert_eq!(rates("20.00", "100.00").choose(Some(percent(2500))), Some(percent(2000)));
    }

    #[test]
    fn what_no_rate_can_have_made_has_none() {
        for (portion, whole) in [("1.00", "0.00"), ("-1.00", "100.00"), ("100.01", "100.00"), ("1.00", "-100.00")] {
            assert_eq!(rates(portion, whole).only(), None, "{portion} of {whole}");
            assert!((0..=10_000).all(|rate| !rates(portion, whole).contains(percent(rate))), "{portion} of {whole}");
        }
        assert!(rates("0.00", "0.00").contains(percent(0)) && rates("0.00", "0.00").contains(Percent::HUNDRED));
    }

    proptest! {
        /// Every rate from 0 to 100 is judged as `portion` judges it, also at the edges of rounding.
        #[test]
        fn a_rate_is_possible_exactly_if_it_gives_the_portion(
            whole in prop_oneof![-2_000_i64..=2_000, -9_999_999_999_i64..=9_999_999_999],
            hundredths in 0_i64..=10_000,
            off in -2_i64..=2,
        ) {
            let (whole, portion) = (money(whole), money(whole).portion(percent(hundredths)) + money(off));
            let possible = PossibleRates::that_give(portion, whole);
            let near = (hundredths - 300).max(0)..=(hundredths + 300).min(10_000);
            for rate in near.chain([0, 1, 9_999, 10_000]) {
                let gives = whole.portion(percent(rate)) == portion;
                prop_assert_eq!(possible.contains(percent(rate)), gives, "{} % of {}", percent(rate), whole);
            }
        }

        /// A rate is the only one exactly if no other rate gives the portion; it is 0 only if the portion is zero.
        #[test]
        fn the_only_rate_is_no_other(whole in -20_000_i64..=20_000, hundredths in 0_i64..=10_000) {
            let (whole, portion) = (money(whole), money(whole).portion(percent(hundredths)));
            let all: Vec<i64> = (0..=10_000).filter(|rate| whole.portion(percent(*rate)) == portion).collect();
            let only = PossibleRates::that_give(portion, whole).only();
            prop_assert_eq!(only, (all.len() == 1).then(|| percent(all[0])));
            prop_assert!(only != Some(Percent::ZERO) || portion.is_zero());
        }
    }
}
