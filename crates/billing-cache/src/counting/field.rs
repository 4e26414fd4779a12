//! The fields of a bucket. A count has the name of its event. The number of times that a value was recorded has the
//! name of the distribution and the value.
//!
//! Used by `numbers`, and to read and write buckets.

use std::fmt;

use super::counters::LARGEST;
use super::event::{Distribution, Event};
use super::resolution::Resolution;

/// The name of one number of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Count(Event),
    Value(Distribution, u64),
}

impl Field {
    /// The field under which a bucket of this length keeps it: values of the same step become one value.
    pub(crate) fn coarse(self, resolution: Resolution) -> Self {
        match self {
            Self::Count(_) => self,
            Self::Value(distribution, value) => Self::Value(distribution, coarse(value, steps_log2(resolution))),
        }
    }

    /// `None` if the text is no field of this cache.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let Some((name, value)) = text.split_once(':') else {
            return Event::ALL.into_iter().find(|event| event.as_str() == text).map(Self::Count);
        };
        let distribution = Distribution::ALL.into_iter().find(|distribution| distribution.as_str() == name)?;
        let value = value.parse().ok().filter(|value| *value <= LARGEST)?;
        Some(Self::Value(distribution, value))
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(event) => f.write_str(event.as_str()),
            Self::Value(distribution, value) => write!(f, "{}:{value}", distribution.as_str()),
        }
    }
}

/// Number of steps, as a power of two, into which each doubling of a value is cut: eight in a minute, as in the native
/// histograms of Prometheus by default; four in an hour, which is kept much longer.
fn steps_log2(resolution: Resolution) -> u32 {
    match resolution {
        Resolution::Minute => 3,
        Resolution::Hour => 2,
    }
}

/// The middle of the step of this value. A value smaller than the number of steps stays as it is.
fn coarse(value: u64, steps_log2: u32) -> u64 {
    let highest = LARGEST;
    let value = value.min(highest);
    let step = 1 << value.max(1).ilog2().saturating_sub(steps_log2);
    (value / step * step + step / 2).min(highest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coarse_value_is_near_and_stays_what_it_is() {
        let limit = LARGEST;
        for (steps_log2, accuracy) in [(3, 15), (2, 7)] {
            for value in (0..60).map(|power| 3_u64.pow(power / 2) << (power / 3)) {
                let near = coarse(value, steps_log2);
                assert_eq!(coarse(near, steps_log2), near, "{value}");
                let off = near.abs_diff(value.min(limit));
                assert!(off * accuracy <= value.min(limit), "{value} becomes {near}");
            }
            assert_eq!([0, 1, 2, 3].map(|value| coarse(value, steps_log2)), [0, 1, 2, 3]);
        }
    }

    #[test]
    fn every_name_is_read_back_and_nothing_else_is() {
        let counts = Event::ALL.into_iter().map(Field::Count);
        let values = Distribution::ALL.into_iter().map(|distribution| Field::Value(distribution, 42));
        for field in counts.chain(values) {
            assert_eq!(Field::parse(&field.to_string()), Some(field));
        }
        for foreign in [
            "",
            ":",
            "hit_l3",
            "hit_l2:1",
            "hit_l2_time:",
            "hit_l2_time:-1",
            "hit_l2_time:1.5",
            "hit_l2_time:9223372036854775808",
        ] {
            assert_eq!(Field::parse(foreign), None, "{foreign}");
        }
    }
}
