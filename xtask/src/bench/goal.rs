//! Whether a run reached the goals, and the distance to those that it missed.

use super::goals::{Goal, Measure, goals};
use super::record::{Record, Records};
use super::table::{Table, number, shown_interval, shown_ratio, with_unit};

/// The measurement for a goal.
struct Reached {
    value: f64,
    /// The 95 % confidence interval of the median, if the goal uses it.
    interval: Option<(f64, f64)>,
    shown: String,
    /// The times of both sides, if there are two.
    times: String,
}

/// A row for each goal and each section that measured it.
pub(crate) fn table(records: &Records) -> String {
    let mut table = Table::new(&["what", "on", "goal, at most", "measured", "reached", "times"]);
    for goal in goals() {
        let measured: Vec<&Record> = records.0.iter().filter(|record| goal.is_about(record)).collect();
        if measured.is_empty() {
            let goal_shown = number(goal.at_most);
            table.row(&[goal.what.as_str(), "–", &goal_shown, "*not measured*", "–", "–"]);
        }
        measured.iter().for_each(|record| table.row(&goal.row(records, record)));
    }
    table.finish()
}

impl Goal {
    fn is_about(&self, record: &Record) -> bool {
        let named = record.section.starts_with(&self.section) && record.work == self.work;
        let compared = match &self.measure {
            Measure::RatioTo(side) => record.against.as_ref() == Some(side),
            _ => true,
        };
        named && compared && record.figure == self.figure && record.side == self.side
    }

    fn row(&self, records: &Records, record: &Record) -> [String; 6] {
        let reached = self.reached(records, record);
        let verdict = reached.as_ref().map_or("–".to_owned(), |reached| self.verdict(reached));
        let (shown, times) =
            reached.as_ref().map_or(("–", "–"), |reached| (reached.shown.as_str(), reached.times.as_str()));
        [&self.what, &record.section, &number(self.at_most), shown, &verdict, times].map(str::to_owned)
    }

    fn verdict(&self, reached: &Reached) -> String {
        let value = reached.value;
        let (least, most) = reached.interval.unwrap_or((value, value));
        if most <= self.at_most {
            return "yes".to_owned();
        }
        if least <= self.at_most && reached.interval.is_some() {
            return "cannot be told".to_owned();
        }
        match self.measure {
            Measure::Median | Measure::Most => format!("**no**, {} times the goal", number(value / self.at_most)),
            _ => format!("**no**, {} % over", number((value / self.at_most - 1.0) * 100.0)),
        }
    }

    fn reached(&self, records: &Records, record: &Record) -> Option<Reached> {
        let own = record.summary()?;
        let timed = |base: &Record| {
            let [ours, theirs] = [own.median, base.summary()?.median].map(|median| with_unit(median, &record.unit));
            Some(format!("{ours} against {theirs}"))
        };
        match &self.measure {
            Measure::Ratio | Measure::RatioTo(_) => {
                let (ratio, base) = (records.ratio_of(record)?, records.base_of(record)?);
                let times = timed(base)?;
                Some(Reached { value: ratio.median, interval: None, shown: shown_ratio(ratio), times })
            }
            Measure::RatioInterval => {
                let (ratio, base) = (records.ratio_of(record)?, records.base_of(record)?);
                let (times, interval) = (timed(base)?, ratio.interval?);
                let shown = format!("**{:.3}**, at 95 % {}", ratio.median, shown_interval(interval));
                Some(Reached { value: ratio.median, interval: Some(interval), shown, times })
            }
            Measure::TimesSection(section) => {
                let base = records.section(section).find(|other| self.is_same(other))?;
                let value = own.median / base.summary()?.median;
                Some(Reached { value, interval: None, shown: format!("**{}**", number(value)), times: timed(base)? })
            }
            Measure::Median | Measure::Most => {
                let value = if matches!(self.measure, Measure::Most) { own.most } else { own.median };
                let spread = [own.least, own.median, own.most].map(|value| with_unit(value, &record.unit));
                let mut times = format!("{}, {} and {}: least, median and most", spread[0], spread[1], spread[2]);
                if let Some((side, most)) = records.other_side(record) {
                    times.push_str(&format!("; {side}: at most {}", with_unit(most, &record.unit)));
                }
                let shown = format!("**{}**", with_unit(value, &record.unit));
                Some(Reached { value, interval: None, shown, times })
            }
        }
    }

    /// Whether a record is of the same figure, in any section.
    fn is_same(&self, record: &Record) -> bool {
        record.work == self.work && record.figure == self.figure && record.side == self.side
    }
}

#[cfg(test)]
mod tests {
    use super::super::side::OURS;
    use super::*;

    fn hit(section: &str, side: &str, against: Option<&str>, rounds: &[f64]) -> Record {
        let against = against.map(str::to_owned);
        Record { against, rounds: rounds.to_vec(), ..Record::new(section, "L2 hit, 1 task", side, "time", "µs") }
    }

    #[test]
    fn a_goal_is_held_against_what_was_measured() {
        let records = Records(vec![
            hit("service/sqlite", OURS, Some("raw"), &[1.21]),
            hit("service/sqlite", "raw", None, &[1.0]),
        ]);
        let table = table(&records);
        let row = "| service/sqlite | 1.10 | **1.21** [1.21 to 1.21] | **no**, 10 % over | 1.21 µs against 1.00 µs |";
        assert!(table.contains(row), "{table}");
        assert!(table.contains("| – | 1.30 | *not measured* | – | – |"), "{table}");
    }

    #[test]
    fn a_figure_is_held_against_that_of_another_size() {
        let of = |section: &str, mib: f64| Record {
            rounds: vec![mib],
            ..Record::new(section, "stats", "cache-admin", "peak memory", "MiB")
        };
        let table = table(&Records(vec![of("tools/1000000", 12.0), of("tools/100000", 12.0)]));
        assert!(table.contains("| 1.10 | **1.00** | yes | 12 MiB against 12 MiB |"), "{table}");
    }

    #[test]
    fn where_a_hundredth_counts_the_whole_interval_must_be_below_the_limit() {
        for (ratio, verdict) in [(1.0, "yes"), (1.015, "cannot be told"), (1.05, "**no**")] {
            let work = "L1 hit, 2 threads, counted";
            let counted: Vec<f64> =
                [-1, -1, 0, 0, 1, 1].map(|hundredths| ratio + f64::from(hundredths) / 100.0).to_vec();
            let records = Records(vec![
                Record {
                    against: Some("uncounted".to_owned()),
                    rounds: counted,
                    ..Record::new("hot-path", work, OURS, "time", "µs")
                },
                Record { rounds: vec![1.0; 6], ..Record::new("hot-path", work, "uncounted", "time", "µs") },
            ]);
            let table = table(&records);
            let row = table.lines().find(|line| line.contains("the same, two threads, counted"));
            assert!(row.unwrap().contains(&format!("| {verdict}")), "{table}");
        }
    }
}
