//! Times of the platform: naive, in UTC, with microseconds.
//!
//! Invariant: a time is cut to microseconds before it is stored, because PostgreSQL keeps no more and a cached value
//! must equal the row it came from; in JSON it looks as Python's `isoformat()` writes it. Used by entities, cached
//! shapes and the service.

use std::fmt;

use chrono::{NaiveDateTime, SubsecRound, Timelike, Utc};

/// The present moment in UTC, cut to microseconds.
#[must_use]
pub fn now() -> NaiveDateTime {
    Utc::now().naive_utc().trunc_subsecs(6)
}

/// A time as Python's `isoformat()` writes it: microseconds only where they are not zero.
#[must_use]
pub fn to_isoformat(time: NaiveDateTime) -> String {
    Isoformat(time).to_string()
}

/// Read what [`to_isoformat`] or Python wrote; digits beyond microseconds are dropped.
pub fn from_isoformat(text: &str) -> Result<NaiveDateTime, chrono::ParseError> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").map(|time| time.trunc_subsecs(6))
}

struct Isoformat(NaiveDateTime);

impl fmt::Display for Isoformat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // By hand: a format string is read anew for each time, and a batch of invoices has thousands.
        let (date, time) = (self.0.date(), self.0.time());
        write!(f, "{date}T{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())?;
        match time.nanosecond() / 1_000 {
            0 => Ok(()),
            microseconds => write!(f, ".{microseconds:06}"),
        }
    }
}

/// Serde for a time field: `#[serde(with = "crate::time::isoformat")]`.
pub mod isoformat {
    use std::fmt;

    use chrono::NaiveDateTime;
    use serde::de::{Deserializer, Error, Visitor};
    use serde::ser::Serializer;

    struct Text;

    impl Visitor<'_> for Text {
        type Value = NaiveDateTime;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a time like 2026-11-22T19:04:00")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<NaiveDateTime, E> {
            super::from_isoformat(text).map_err(E::custom)
        }
    }

    /// Write the time.
    pub fn serialize<S: Serializer>(time: &NaiveDateTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&super::Isoformat(*time))
    }

    /// Read the time.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDateTime, D::Error> {
        deserializer.deserialize_str(Text)
    }

    /// Serde for a time field that may be `null`: `#[serde(with = "crate::time::isoformat::option")]`.
    pub mod option {
        use chrono::NaiveDateTime;
        use serde::de::{Deserialize, Deserializer};
        use serde::ser::Serializer;

        #[derive(serde::Deserialize)]
        struct Present(#[serde(with = "super")] NaiveDateTime);

        /// Write the time or `null`.
        pub fn serialize<S: Serializer>(time: &Option<NaiveDateTime>, serializer: S) -> Result<S::Ok, S::Error> {
            match time {
                Some(time) => super::serialize(time, serializer),
                None => serializer.serialize_none(),
            }
        }

        /// Read the time or `null`.
        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NaiveDateTime>, D::Error> {
            Ok(Option::<Present>::deserialize(deserializer)?.map(|Present(time)| time))
        }
    }
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
            assert_eq!(to_isoformat(from_isoformat(text).unwrap()), text);
        }
    }

    #[test]
    fn a_time_with_a_zone_or_without_a_clock_is_refused() {
        for text in ["2026-11-22", "2026-11-22T19:04:00Z", "2026-11-22T19:04:00+00:00", "now", ""] {
            assert!(from_isoformat(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn now_has_no_digits_that_a_column_would_drop() {
        assert_eq!(now().nanosecond() % 1_000, 0);
    }
}
