//! The measurements: one figure of one side of some work, round by round.
//!
//! The benchmark programs print records as JSON lines; a section names the program and its target.

use serde::{Deserialize, Serialize};

/// A figure of a side. Rounds of different sides of one work are paired by their order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The table it belongs to, such as `service/sqlite`.
    #[serde(default)]
    pub(crate) section: String,
    /// The work, such as `L2 hit, 1 task`.
    pub(crate) work: String,
    /// The side that did it.
    pub(crate) side: String,
    /// The figure, such as `time`.
    pub(crate) figure: String,
    /// The unit of the rounds; empty for a count.
    pub(crate) unit: String,
    /// The side that the rounds are divided by.
    #[serde(default)]
    pub(crate) against: Option<String>,
    pub(crate) rounds: Vec<f64>,
    /// Why there is no figure, or a note about it.
    #[serde(default)]
    pub(crate) note: Option<String>,
}

/// The summary of some rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) least: f64,
    pub(crate) lower_quartile: f64,
    pub(crate) median: f64,
    pub(crate) upper_quartile: f64,
    pub(crate) most: f64,
    /// The 95 % confidence interval of the median, from order statistics, for any distribution. `None` with fewer than
    /// six rounds.
    pub(crate) interval: Option<(f64, f64)>,
}

impl Summary {
    /// `None` if there are no rounds.
    pub(crate) fn of(rounds: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = rounds.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let quarter = |quarters: usize| sorted[last * quarters / 4];
        let [least, lower_quartile, median, upper_quartile, most] = [0, 1, 2, 3, 4].map(quarter);
        let interval = rank_of_interval(sorted.len()).map(|rank| (sorted[rank], sorted[last - rank]));
        Some(Self { least, lower_quartile, median, upper_quartile, most, interval })
    }
}

/// The number of sorted rounds below the interval, and above it, from the normal approximation of the binomial
/// distribution. It is rounded towards the wider interval.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "small numbers"
)]
fn rank_of_interval(rounds: usize) -> Option<usize> {
    let rank = (rounds as f64 - 1.0) / 2.0 - 1.96 / 2.0 * (rounds as f64).sqrt();
    (rank >= 0.0).then_some(rank as usize)
}

impl Record {
    /// A record without rounds.
    pub(crate) fn new(section: &str, work: &str, side: &str, figure: &str, unit: &str) -> Self {
        let [section, work, side, figure, unit] = [section, work, side, figure, unit].map(str::to_owned);
        Self { section, work, side, figure, unit, against: None, rounds: Vec::new(), note: None }
    }

    /// Adds a round. If a side fails, its rounds are removed and the record has the reason.
    pub(crate) fn add(&mut self, outcome: anyhow::Result<f64>) {
        match outcome {
            Ok(round) => self.rounds.push(round),
            Err(error) => {
                self.rounds.clear();
                self.note = Some(format!("failed: {error:#}"));
            }
        }
    }

    pub(crate) fn summary(&self) -> Option<Summary> {
        Summary::of(self.rounds.iter().copied())
    }

    /// The ratio to another side, round by round.
    pub(crate) fn ratio(&self, base: &Self) -> Option<Summary> {
        Summary::of(self.rounds.iter().zip(&base.rounds).map(|(this, base)| this / base))
    }
}

/// All records of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Records(pub(crate) Vec<Record>);

impl Records {
    pub(crate) fn section<'r, 'n>(&'r self, name: &'n str) -> impl Iterator<Item = &'r Record> + use<'r, 'n> {
        self.0.iter().filter(move |record| record.section == name)
    }

    /// Works without a comparison.
    pub(crate) fn uncompared(&self) -> Self {
        let is_compared = |record: &Record| {
            self.section(&record.section).any(|other| other.work == record.work && other.against.is_some())
        };
        Self(self.0.iter().filter(|record| !is_compared(record)).cloned().collect())
    }

    /// The side that a record is compared with.
    pub(crate) fn base_of(&self, record: &Record) -> Option<&Record> {
        let against = record.against.as_deref()?;
        self.section(&record.section)
            .find(|other| other.work == record.work && other.figure == record.figure && other.side == against)
    }

    /// Another side that did the same work, and the maximum of its rounds.
    pub(crate) fn other_side(&self, record: &Record) -> Option<(&str, f64)> {
        let same = |other: &&Record| other.work == record.work && other.figure == record.figure;
        let other = self.section(&record.section).filter(same).find(|other| other.side != record.side)?;
        Some((&other.side, other.summary()?.most))
    }

    /// The ratio of a record to the side that it is compared with.
    pub(crate) fn ratio_of(&self, record: &Record) -> Option<Summary> {
        record.ratio(self.base_of(record)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(side: &str, against: Option<&str>, rounds: &[f64]) -> Record {
        let against = against.map(str::to_owned);
        Record { against, rounds: rounds.to_vec(), ..Record::new("s", "work", side, "time", "µs") }
    }

    #[test]
    fn a_line_of_a_program_needs_no_section() {
        let line = r#"{"work":"w","side":"s","figure":"time","unit":"µs","against":null,"rounds":[1.5]}"#;
        let record: Record = serde_json::from_str(line).unwrap();
        assert_eq!((record.section.as_str(), record.rounds), ("", vec![1.5]));
    }

    #[test]
    fn a_side_that_fails_has_no_figure_and_a_reason() {
        let mut failing = record("peer", None, &[1.0]);
        failing.add(Ok(2.0));
        failing.add(Err(anyhow::anyhow!("no pool")));
        assert_eq!((failing.summary(), failing.note.as_deref()), (None, Some("failed: no pool")));
    }

    #[test]
    fn a_ratio_is_made_round_by_round() {
        let records =
            Records(vec![record("ours", Some("raw"), &[2.0, 30.0, 4.0]), record("raw", None, &[1.0, 10.0, 4.0])]);
        let ratio = records.ratio_of(&records.0[0]).unwrap();
        assert_eq!((ratio.least, ratio.median, ratio.most), (1.0, 2.0, 3.0));
        assert_eq!(records.ratio_of(&records.0[1]), None);
    }

    #[test]
    fn a_work_that_is_compared_is_told_from_others() {
        let mut records = Records(vec![record("ours", Some("raw"), &[2.0]), record("raw", None, &[1.0])]);
        records.0.push(Record { work: "alone".to_owned(), ..record("ours", None, &[1.0]) });
        let alone: Vec<String> = records.uncompared().0.into_iter().map(|record| record.work).collect();
        assert_eq!(alone, ["alone"]);
    }

    #[test]
    fn the_interval_of_the_median_is_that_of_the_binomial_distribution() {
        // From published tables: the largest number of rounds that can be left out on either side at 95 %.
        for (rounds, rank) in [(5, None), (6, Some(0)), (10, Some(1)), (20, Some(5)), (48, Some(16)), (100, Some(39))] {
            assert_eq!(rank_of_interval(rounds), rank, "{rounds}");
        }
        let summary = Summary::of((1..=10).map(f64::from)).unwrap();
        assert_eq!(summary.interval, Some((2.0, 9.0)));
    }

    #[test]
    fn nothing_measured_has_no_summary() {
        assert_eq!(Summary::of([]), None);
        assert_eq!(Summary::of([3.0]).unwrap().upper_quartile, 3.0);
    }
}
