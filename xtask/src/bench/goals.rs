//! The goals, each with the place of its measurement. They are in `goals.json`.

use serde::Deserialize;

/// The value of a record that is compared with the limit.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Measure {
    /// The median of the ratios to the record's base side.
    Ratio,
    /// The median of the ratios to this side.
    RatioTo(String),
    /// The ratio for goals in which a hundredth matters: reached if the whole interval of the median is below the
    /// limit.
    RatioInterval,
    /// The median as a multiple of the same work in this section.
    TimesSection(String),
    Median,
    /// The maximum of all rounds.
    Most,
}

/// A goal.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Goal {
    pub(super) what: String,
    /// The prefix of the sections' names.
    pub(super) section: String,
    pub(super) work: String,
    pub(super) figure: String,
    pub(super) side: String,
    pub(super) measure: Measure,
    pub(super) at_most: f64,
}

/// All goals, in the order of the table.
pub(super) fn goals() -> Vec<Goal> {
    serde_json::from_str(include_str!("goals.json")).expect("a test reads them")
}

#[cfg(test)]
mod tests {
    use super::super::side::OURS;
    use super::*;

    #[test]
    fn the_goals_can_be_read_and_are_of_this_repository() {
        let goals = goals();
        assert!(goals.len() > 10);
        for goal in goals {
            assert!([OURS, "cache-admin"].contains(&goal.side.as_str()) && goal.at_most > 0.0, "{}", goal.what);
        }
    }
}
