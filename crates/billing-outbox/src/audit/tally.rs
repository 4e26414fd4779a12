//! Counts the verdicts of an audit, and computes how many nines the share of right values has.
//!
//! Used by `cache-admin verify` and by the dashboard.

use serde::Serialize;

use super::verdict::Outcome;

/// Number of values with each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Values that were checked and found: the sum of the five below.
    pub checked: u64,
    /// They equal the database.
    pub right: u64,
    /// They differ from it.
    pub stale: u64,
    /// They differ for now: an invalidation is pending.
    pub pending: u64,
    /// They are no values of their type.
    pub undecodable: u64,
    /// The database has a row for them that cannot be read, so they cannot be judged.
    pub unreadable: u64,
    /// They were gone when they were looked up; not counted in `checked`.
    pub gone: u64,
}

/// How certain the share of right values is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confidence {
    /// All values were checked: the share is exact.
    Complete,
    /// A random sample was checked: the share is at least a bound, with 95 % confidence.
    Sampled,
}

impl Tally {
    /// Counts one more verdict.
    pub fn add(&mut self, outcome: &Outcome) {
        let place = match outcome {
            Outcome::Right => &mut self.right,
            Outcome::Stale { .. } => &mut self.stale,
            Outcome::Pending { .. } => &mut self.pending,
            Outcome::Undecodable { .. } => &mut self.undecodable,
            Outcome::Unreadable { .. } => &mut self.unreadable,
            Outcome::Gone => {
                self.gone += 1;
                return;
            }
        };
        *place += 1;
        self.checked += 1;
    }

    /// Values that must be repaired.
    #[must_use]
    pub fn wrong(&self) -> u64 {
        self.stale + self.undecodable
    }

    /// The share of right values among the right and the wrong ones; `None` if there are none. Pending values are
    /// neither.
    #[must_use]
    pub fn right_share(&self) -> Option<f64> {
        let judged = self.right + self.wrong();
        (judged > 0).then(|| to_f64(self.right) / to_f64(judged))
    }

    /// The lower bound of the share of right values, with 95 % confidence; `None` if nothing is uncertain, or nothing
    /// is known.
    ///
    /// It is the rule of three if the sample holds no wrong value, and the one-sided score interval (Wilson, 1927) if
    /// it does.
    #[must_use]
    pub fn right_share_at_least(&self, confidence: Confidence) -> Option<f64> {
        let judged = self.right + self.wrong();
        if confidence == Confidence::Complete || judged == 0 {
            return None;
        }
        let wrong = if self.wrong() == 0 { 3.0 / to_f64(judged) } else { score_bound(self.wrong(), judged) };
        Some((1.0 - wrong).max(0.0))
    }

    /// The nines of the share of right values: 3 for 99.9 % and more. `None` if none is wrong, since their number is
    /// then unlimited.
    #[must_use]
    pub fn nines(&self) -> Option<u32> {
        let (wrong, judged) = (u128::from(self.wrong()), u128::from(self.right + self.wrong()));
        if wrong == 0 {
            return None;
        }
        Some((1..=20).take_while(|nines| wrong * 10u128.pow(*nines) <= judged).count().try_into().unwrap_or(0))
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.checked += other.checked;
        self.right += other.right;
        self.stale += other.stale;
        self.pending += other.pending;
        self.undecodable += other.undecodable;
        self.unreadable += other.unreadable;
        self.gone += other.gone;
    }
}

/// The one-sided upper bound of a share, with 95 % confidence, when `found` of `among` were seen.
fn score_bound(found: u64, among: u64) -> f64 {
    const Z: f64 = 1.644_853_626_951_472_2;
    let (n, share) = (to_f64(among), to_f64(found) / to_f64(among));
    let spread = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    (share + Z * Z / (2.0 * n) + spread) / (1.0 + Z * Z / n)
}

#[expect(clippy::cast_precision_loss, reason = "a share needs no more than 53 bits")]
fn to_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(right: u64, stale: u64) -> Tally {
        Tally { checked: right + stale, right, stale, ..Tally::default() }
    }

    #[test]
    fn nines_are_counted_exactly() {
        for (right, stale, nines) in
            [(1, 1, 0), (9, 1, 1), (89, 11, 0), (999, 1, 3), (998, 1, 2), (999_987, 13, 4), (0, 5, 0)]
        {
            assert_eq!(tally(right, stale).nines(), Some(nines), "{right} right, {stale} stale");
        }
        assert_eq!(tally(1_000, 0).nines(), None);
    }

    #[test]
    fn a_sample_without_a_fault_follows_the_rule_of_three() {
        let bound = tally(3_000, 0).right_share_at_least(Confidence::Sampled).unwrap();
        assert!((bound - 0.999).abs() < 1e-12, "{bound}");
        assert_eq!(tally(2, 0).right_share_at_least(Confidence::Sampled), Some(0.0));
        assert_eq!(tally(3_000, 0).right_share_at_least(Confidence::Complete), None);
        assert_eq!(tally(0, 0).right_share_at_least(Confidence::Sampled), None);
    }

    /// R's `prop.test(10, 1000, conf.level = 0.9, correct = FALSE)` gives this bound: at most 0.0166.
    #[test]
    fn a_sample_with_faults_has_the_score_interval() {
        let bound = tally(990, 10).right_share_at_least(Confidence::Sampled).unwrap();
        assert!((bound - (1.0 - 0.0166)).abs() < 2e-4, "{bound}");
    }

    #[test]
    fn what_is_pending_or_gone_is_neither_right_nor_wrong() {
        let mut tally = tally(3, 1);
        tally.add(&Outcome::Gone);
        tally.add(&Outcome::Pending {
            age: std::time::Duration::ZERO,
            differences: super::super::Differences::default(),
        });
        assert_eq!((tally.checked, tally.gone, tally.right_share()), (5, 1, Some(0.75)));
    }
}
