//! Times of the platform: naive, in UTC, with microseconds.
//!
//! Invariant: a [`UtcTime`] can be stored in both databases, read by Python and shown in JSON. Its year is between 1
//! and 9999, and it has no leap second. It is cut to microseconds, because PostgreSQL keeps no more and a cached value
//! must equal the row it came from.
//!
//! Used by entities, cached shapes, request types and the service.

mod column;
mod database;
mod json;
mod text;

pub(crate) use database::now_of;

use std::fmt;
use std::ops::{Add, Deref, Sub};
use std::str::FromStr;

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, SubsecRound, TimeDelta, Timelike, Utc};

/// The years that Python's `datetime` supports.
const YEARS: std::ops::RangeInclusive<i32> = 1..=9999;
/// chrono's representation of the 60th second.
const LEAP_SECOND_NANOS: u32 = 1_000_000_000;

/// A time in UTC that a column of the platform holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcTime(NaiveDateTime);

/// Why a value is not a time of the platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    /// The text has another form than [`UtcTime::from_str`] reads.
    #[error("{text:?} is not a time of the form 2026-11-22T19:04:00, in UTC and without a zone")]
    NotATime {
        /// The beginning of the given text.
        text: String,
    },
    /// No column and no Python process can hold it.
    #[error("{text} is out of range; years are from 1 to 9999, seconds from 0 to 59")]
    OutOfRange {
        /// The beginning of the given text.
        text: String,
    },
}

impl UtcTime {
    /// The time, cut to microseconds.
    ///
    /// # Errors
    /// A year before 1 or after 9999, or a leap second.
    pub fn new(time: NaiveDateTime) -> Result<Self, TimeError> {
        let cut = time.trunc_subsecs(6);
        if YEARS.contains(&cut.year()) && cut.nanosecond() < LEAP_SECOND_NANOS {
            return Ok(Self(cut));
        }
        Err(TimeError::OutOfRange { text: text::beginning(&cut.to_string()) })
    }

    /// The time in chrono's type.
    #[must_use]
    pub const fn naive(self) -> NaiveDateTime {
        self.0
    }

    fn clamped(time: Option<NaiveDateTime>, otherwise: Self) -> Self {
        time.and_then(|time| Self::new(time).ok()).unwrap_or(otherwise)
    }

    fn first() -> Self {
        Self(NaiveDate::from_ymd_opt(1, 1, 1).expect("a date of the calendar").into())
    }

    fn last() -> Self {
        let day = NaiveDate::from_ymd_opt(9999, 12, 31).expect("a date of the calendar");
        Self(day.and_hms_micro_opt(23, 59, 59, 999_999).expect("a time of the day"))
    }
}

/// The current time in UTC, cut to microseconds.
#[must_use]
pub fn now() -> UtcTime {
    UtcTime(Utc::now().naive_utc().trunc_subsecs(6))
}

/// A time as Python's `isoformat()` writes it: with microseconds only if they are not zero.
#[must_use]
pub fn to_isoformat(time: NaiveDateTime) -> String {
    text::Isoformat(time).to_string()
}

/// Reads what [`to_isoformat`] or Python wrote; digits beyond microseconds are dropped.
///
/// # Errors
/// Another form, or a time that no column can hold.
pub fn from_isoformat(text: &str) -> Result<UtcTime, TimeError> {
    text.parse()
}

impl FromStr for UtcTime {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        text::parse(text)
    }
}

impl TryFrom<NaiveDateTime> for UtcTime {
    type Error = TimeError;

    fn try_from(time: NaiveDateTime) -> Result<Self, TimeError> {
        Self::new(time)
    }
}

impl fmt::Display for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::Isoformat(self.0).fmt(f)
    }
}

impl fmt::Debug for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Gives access to chrono's formats and parts of the time.
impl Deref for UtcTime {
    type Target = NaiveDateTime;

    fn deref(&self) -> &NaiveDateTime {
        &self.0
    }
}

/// Saturates at the end of the year 9999.
impl Add<TimeDelta> for UtcTime {
    type Output = Self;

    fn add(self, span: TimeDelta) -> Self {
        let edge = if span < TimeDelta::zero() { Self::first() } else { Self::last() };
        Self::clamped(self.0.checked_add_signed(span), edge)
    }
}

/// Saturates at the beginning of the year 1.
impl Sub<TimeDelta> for UtcTime {
    type Output = Self;

    fn sub(self, span: TimeDelta) -> Self {
        let edge = if span < TimeDelta::zero() { Self::last() } else { Self::first() };
        Self::clamped(self.0.checked_sub_signed(span), edge)
    }
}

/// Saturates at the end of the year 9999.
impl Add<Days> for UtcTime {
    type Output = Self;

    fn add(self, days: Days) -> Self {
        Self::clamped(self.0.checked_add_days(days), Self::last())
    }
}

impl Sub for UtcTime {
    type Output = TimeDelta;

    fn sub(self, other: Self) -> TimeDelta {
        self.0 - other.0
    }
}

impl Sub<NaiveDateTime> for UtcTime {
    type Output = TimeDelta;

    fn sub(self, other: NaiveDateTime) -> TimeDelta {
        self.0 - other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn now_has_no_digits_that_a_column_would_drop() {
        assert_eq!(now().nanosecond() % 1_000, 0);
    }

    #[test]
    fn a_sum_stays_within_the_years_that_can_be_stored() {
        let day = TimeDelta::days(1);
        assert_eq!(UtcTime::last() + day, UtcTime::last());
        assert_eq!(UtcTime::first() - day, UtcTime::first());
        assert_eq!(UtcTime::first() + TimeDelta::MIN, UtcTime::first());
        assert_eq!(UtcTime::last() - TimeDelta::MIN, UtcTime::last());
        assert_eq!(UtcTime::first() + day - day, UtcTime::first());
    }

    #[test]
    fn what_only_chrono_knows_is_no_time() {
        let leap = NaiveDate::from_ymd_opt(2016, 12, 31).unwrap().and_hms_nano_opt(23, 59, 59, 1_500_000_000).unwrap();
        for time in [NaiveDateTime::MIN, NaiveDateTime::MAX, leap] {
            assert!(UtcTime::new(time).is_err(), "{time}");
        }
    }
}
