//! What stands in a bucket: a count under the name of its event, and how often a value was recorded under the name of its
//! distribution and the value.

use std::fmt;

use crate::counters::empty_histogram;
use crate::event::{Distribution, Event};

/// Each doubling of a value is cut into `2^STEPS_LOG2` steps, as in the native histograms of Prometheus by default. Twice as many
/// would be twice the memory in Redis.
const STEPS_LOG2: u32 = 3;

/// The name of one number of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Count(Event),
    Value(Distribution, u64),
}

impl Field {
    /// As it is kept in Redis: values of one step are one.
    pub(super) fn coarse(self) -> Self {
        match self {
            Self::Count(_) => self,
            Self::Value(distribution, value) => Self::Value(distribution, coarse(value)),
        }
    }

    /// `None` for what is no field of ours.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let Some((name, value)) = text.split_once(':') else {
            return Event::ALL.into_iter().find(|event| event.as_str() == text).map(Self::Count);
        };
        let distribution = Distribution::ALL.into_iter().find(|distribution| distribution.as_str() == name)?;
        let value = value.parse().ok().filter(|value| *value <= empty_histogram().high())?;
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

/// The middle of the step of this value; what is smaller than a doubling has steps stands for itself.
fn coarse(value: u64) -> u64 {
    let step = 1 << value.max(1).ilog2().saturating_sub(STEPS_LOG2);
    (value / step * step + step / 2).min(empty_histogram().high())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coarse_value_is_near_and_stays_what_it_is() {
        for value in (0..60).map(|power| 3_u64.pow(power / 2) << (power / 3)) {
            let near = coarse(value);
            assert_eq!(coarse(near), near, "{value}");
            let limit = empty_histogram().high();
            let off = near.abs_diff(value.min(limit));
            assert!(off * 15 <= value.min(limit), "{value} becomes {near}");
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
