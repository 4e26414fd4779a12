//! The text form of times, as Python's `isoformat()` writes them.
//!
//! Invariant: only the form that is written is read, digit by digit. A text with a zone, without a clock time, or with
//! other digits is refused, because Python could not read it or would read it differently. Columns of SQLite may differ
//! a little ([`parse_stored`]).
//!
//! Used by the other files of this folder.

use std::fmt;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};

use super::{TimeError, UtcTime};

/// Number of characters that a message quotes at most.
const QUOTED: usize = 40;

/// The text as Python writes a time.
pub(super) struct Isoformat(pub(super) NaiveDateTime);

impl fmt::Display for Isoformat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Written by hand: a format string is parsed again for each time, and a batch of invoices has thousands.
        let (date, time) = (self.0.date(), self.0.time());
        write!(f, "{date}T{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())?;
        match time.nanosecond() / 1_000 {
            0 => Ok(()),
            microseconds => write!(f, ".{microseconds:06}"),
        }
    }
}

/// Reads `2026-11-22T19:04:00`, with or without a fraction of the second.
pub(super) fn parse(text: &str) -> Result<UtcTime, TimeError> {
    let (date, clock) = text.split_once('T').ok_or_else(|| not_a_time(text))?;
    let parts = Parts::read(date, clock).ok_or_else(|| not_a_time(text))?;
    parts.time().ok_or_else(|| refused(text))
}

/// Reads a column's text as SQLite's own functions write and read it: with a blank or a `T`, perhaps without seconds,
/// and perhaps with a zone, which is then subtracted.
pub(super) fn parse_stored(text: &str) -> Result<UtcTime, TimeError> {
    let (local, ahead) = split_zone(text);
    let (date, clock) = local.split_once([' ', 'T']).ok_or_else(|| not_a_time(text))?;
    let seconds = if clock.len() == "19:04".len() { ":00" } else { "" };
    let parts = Parts::read(date, &format!("{clock}{seconds}")).ok_or_else(|| not_a_time(text))?;
    let local = parts.time().ok_or_else(|| refused(text))?;
    let utc = local.checked_sub_signed(ahead).and_then(|time| UtcTime::new(time).ok());
    utc.ok_or_else(|| refused(text))
}

/// The text without its zone, and how far that zone is ahead of UTC.
fn split_zone(text: &str) -> (&str, TimeDelta) {
    if let Some(local) = text.strip_suffix('Z') {
        return (local, TimeDelta::zero());
    }
    let at = text.len().saturating_sub("+00:00".len());
    let zone = text.get(at..).and_then(|zone| {
        let sign = if zone.starts_with('+') { 1 } else { zone.starts_with('-').then_some(-1)? };
        let (hours, minutes) = zone[1..].split_once(':')?;
        let minutes = i64::from(digits(hours, 2)?) * 60 + i64::from(digits(minutes, 2)?);
        Some(TimeDelta::minutes(sign * minutes))
    });
    zone.map_or((text, TimeDelta::zero()), |ahead| (&text[..at], ahead))
}

/// The numbers of a time in the right form; whether such a time exists is checked later.
struct Parts {
    date: [u32; 3],
    clock: [u32; 3],
    micros: u32,
}

impl Parts {
    fn read(date: &str, clock: &str) -> Option<Self> {
        let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
        let micros = fraction.bytes().all(|byte| byte.is_ascii_digit()).then(|| format!("{fraction:0<6.6}"))?;
        let micros = if fraction.is_empty() { None } else { digits(&micros, 6) }?;
        Some(Self { date: numbers(date, '-', [4, 2, 2])?, clock: numbers(clock, ':', [2; 3])?, micros })
    }

    fn time(&self) -> Option<UtcTime> {
        let [year, month, day] = self.date;
        let [hour, minute, second] = self.clock;
        let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
        let clock = NaiveTime::from_hms_micro_opt(hour, minute, second, self.micros)?;
        UtcTime::new(date.and_time(clock)).ok()
    }
}

fn numbers(text: &str, between: char, lengths: [usize; 3]) -> Option<[u32; 3]> {
    let mut parts = text.split(between);
    let mut numbers = [0; 3];
    for (number, length) in numbers.iter_mut().zip(lengths) {
        *number = digits(parts.next()?, length)?;
    }
    parts.next().is_none().then_some(numbers)
}

/// A number of exactly `length` digits.
fn digits(text: &str, length: usize) -> Option<u32> {
    let is_number = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

pub(super) fn not_a_time(text: &str) -> TimeError {
    TimeError::NotATime { text: beginning(text) }
}

/// The form is right, but the time cannot be stored.
fn refused(text: &str) -> TimeError {
    TimeError::OutOfRange { text: beginning(text) }
}

pub(super) fn beginning(text: &str) -> String {
    text.chars().take(QUOTED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_look_as_python_writes_them_and_read_back() {
        for text in [
            "2026-11-22T19:04:00",
            "2026-11-22T19:04:00.000001",
            "2026-11-22T19:04:00.500000",
            "0001-01-01T00:00:00",
            "9999-12-31T23:59:59.999999",
        ] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        assert_eq!(parse("2026-11-22T19:04:00.1234567").unwrap().to_string(), "2026-11-22T19:04:00.123456");
        assert_eq!(parse("2026-11-22T19:04:00.5").unwrap().to_string(), "2026-11-22T19:04:00.500000");
    }

    #[test]
    fn a_time_of_another_form_is_refused() {
        for text in [
            "2026-11-22",
            "2026-11-22T19:04",
            "2026-11-22 19:04:00",
            "2026-11-22T19:04:00Z",
            "2026-11-22T19:04:00+00:00",
            "2026-11-22T19:04:00.",
            "2026-11-22T19:04:00.5é",
            "2026-1-2T3:4:5",
            "+10000-01-01T00:00:00",
            "-0001-01-01T00:00:00",
            "12026-11-22T19:04:00",
            " 2026-11-22T19:04:00",
            "２026-11-22T19:04:00",
            "now",
            "",
        ] {
            assert!(matches!(parse(text), Err(TimeError::NotATime { .. })), "{text:?}");
        }
    }

    #[test]
    fn a_time_that_does_not_exist_or_cannot_be_stored_is_refused() {
        for text in ["0000-01-01T00:00:00", "2026-02-30T00:00:00", "2026-01-01T24:00:00", "2016-12-31T23:59:60"] {
            assert!(matches!(parse(text), Err(TimeError::OutOfRange { .. })), "{text:?}");
            assert!(matches!(parse_stored(text), Err(TimeError::OutOfRange { .. })), "{text:?}");
        }
    }

    #[test]
    fn columns_of_sqlite_have_the_forms_of_its_own_functions_too() {
        for (text, read) in [
            ("2026-11-22 19:04:00", "2026-11-22T19:04:00"),
            ("2026-11-22 19:04:00.000001", "2026-11-22T19:04:00.000001"),
            ("2026-11-22 19:04", "2026-11-22T19:04:00"),
            ("2026-11-22T19:04Z", "2026-11-22T19:04:00"),
            ("2026-11-22 19:04:00.25+02:00", "2026-11-22T17:04:00.250000"),
            ("2026-11-22T19:04:00-05:30", "2026-11-23T00:34:00"),
        ] {
            assert_eq!(parse_stored(text).unwrap().to_string(), read, "{text}");
        }
        for text in ["2026-11-22", "12:00", "", "é", "+00:00", "2026-11-22 ", "0001-01-01 00:00:00+01:00"] {
            assert!(parse_stored(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_message_quotes_little_and_no_control_characters() {
        let message = parse(&"\u{1b}[31m".repeat(1_000)).unwrap_err().to_string();
        assert!(message.len() < 300 && !message.contains('\u{1b}'), "{message}");
    }
}
