//! The numbers to reach, and whether a run reached them.

use super::record::{Record, Records, Summary};
use super::table::{number, shown_interval, with_unit};

/// What of a record is held against a limit.
#[derive(Clone, Copy)]
enum Measure {
    /// The median of the ratios to the side it is compared with.
    Ratio,
    /// The same, where it is compared with this side.
    RatioTo(&'static str),
    /// The same, where a hundredth counts: reached if all of the median's interval is below the limit.
    RatioInterval,
    Median,
    /// The most of all rounds.
    Most,
}

struct Goal {
    what: &'static str,
    /// Sections whose names begin so.
    section: &'static str,
    work: &'static str,
    figure: &'static str,
    side: &'static str,
    measure: Measure,
    at_most: f64,
}

const OURS: &str = "billing cache";
const TOOL: &str = "cache-admin";
const QUICK_CACHE: Measure = Measure::RatioTo("bare quick_cache");

const GOALS: &[Goal] = &[
    goal("L1 hit, times a bare `quick_cache` get", "hot-path", "L1 hit, 1 thread", "time", OURS, QUICK_CACHE, 2.0),
    goal("the same at two threads", "hot-path", "L1 hit, 2 threads", "time", OURS, QUICK_CACHE, 2.0),
    counting("a counted L1 hit, times an uncounted one", "L1 hit, 1 thread, counted"),
    counting("the same at two threads", "L1 hit, 2 threads, counted"),
    counting("a counted L2 hit of one task, times an uncounted one", "L2 hit, 1 task, counted"),
    counting("the same of 64 tasks", "L2 hit, 64 tasks, counted"),
    goal(
        "L2 hit of one task, times a raw GET and decode",
        "service",
        "L2 hit, 1 task",
        "time",
        OURS,
        Measure::Ratio,
        1.1,
    ),
    goal(
        "L2 hits of 64 tasks, times raw GETs and decode",
        "service",
        "L2 hits, 64 tasks",
        "time",
        OURS,
        Measure::Ratio,
        1.11,
    ),
    goal(
        "loads of 1,000 readers of one missing key in 4 processes",
        "peers",
        "1,000 readers of one missing key, 4 processes",
        "loads",
        OURS,
        Measure::Most,
        1.0,
    ),
    goal("`stats` of 1,000,000 keys, times a bare SCAN", "tools/1000000", "stats", "time", TOOL, Measure::Ratio, 1.3),
    goal(
        "the longest command of `stats`, median round",
        "tools/1000000",
        "stats",
        "longest command",
        TOOL,
        Measure::Median,
        2.0,
    ),
    goal(
        "`clear` of 1,000,000 keys, times SCAN and UNLINK",
        "tools/1000000",
        "clear --type invoices",
        "time",
        TOOL,
        Measure::Ratio,
        1.5,
    ),
    goal(
        "the longest PING of others during `clear`",
        "tools/1000000",
        "clear --type invoices",
        "longest PING",
        TOOL,
        Measure::Most,
        10.0,
    ),
    goal(
        "`warmup` of 10,000 invoices, times loading one by one",
        "service",
        "warm-up of 10,000 invoices",
        "time",
        OURS,
        Measure::Ratio,
        0.05,
    ),
    goal(
        "a payment, times the same without triggers and outbox",
        "service",
        "payment, with invalidation",
        "time",
        OURS,
        Measure::Ratio,
        1.3,
    ),
    goal(
        "added to a load while the breaker is open, 1 task, p99",
        "service",
        "Redis hangs, breaker open, 1 task: added to a bare load",
        "p99",
        OURS,
        Measure::Median,
        0.1,
    ),
    goal(
        "the same, 16 tasks",
        "service",
        "Redis hangs, breaker open, 16 tasks: added to a bare load",
        "p99",
        OURS,
        Measure::Median,
        0.1,
    ),
];

const fn goal(
    what: &'static str,
    section: &'static str,
    work: &'static str,
    figure: &'static str,
    side: &'static str,
    measure: Measure,
    at_most: f64,
) -> Goal {
    Goal { what, section, work, figure, side, measure, at_most }
}

const fn counting(what: &'static str, work: &'static str) -> Goal {
    goal(what, "hot-path", work, "time", OURS, Measure::RatioInterval, 1.02)
}

/// A row for each number to reach and each section that measured it.
pub(crate) fn table(records: &Records) -> String {
    let mut lines =
        vec!["| what | on | measured | at most | reached |".to_owned(), "| --- | --- | --- | --- | --- |".to_owned()];
    for goal in GOALS {
        let measured: Vec<String> =
            records.0.iter().filter(|record| goal.is_about(record)).map(|record| goal.row(records, record)).collect();
        if measured.is_empty() {
            lines.push(format!("| {} | – | not measured in this run | {} | – |", goal.what, number(goal.at_most)));
        }
        lines.extend(measured);
    }
    lines.join("\n")
}

impl Goal {
    fn is_about(&self, record: &Record) -> bool {
        let named = record.section.starts_with(self.section) && record.work == self.work;
        let compared = match self.measure {
            Measure::RatioTo(side) => record.against.as_deref() == Some(side),
            _ => true,
        };
        named && compared && record.figure == self.figure && record.side == self.side
    }

    fn row(&self, records: &Records, record: &Record) -> String {
        if let Measure::RatioInterval = self.measure {
            return self.row_of_interval(record, records.ratio_of(record).as_ref());
        }
        let (value, unit) = match self.measure {
            Measure::Ratio | Measure::RatioTo(_) | Measure::RatioInterval => {
                (records.ratio_of(record).map(|ratio| ratio.median), "")
            }
            Measure::Median => (record.summary().map(|rounds: Summary| rounds.median), record.unit.as_str()),
            Measure::Most => (record.summary().map(|rounds| rounds.most), record.unit.as_str()),
        };
        let verdict = match value {
            Some(value) if value <= self.at_most => "yes",
            Some(_) => "**no**",
            None => "–",
        };
        let measured = value.map_or_else(|| "–".to_owned(), |value| with_unit(value, unit));
        let limit = match unit {
            "" => number(self.at_most),
            unit => with_unit(self.at_most, unit),
        };
        format!("| {} | {} | {measured} | {limit} | {verdict} |", self.what, record.section)
    }

    fn row_of_interval(&self, record: &Record, ratio: Option<&Summary>) -> String {
        let interval = ratio.and_then(|ratio| Some((ratio.median, ratio.interval?)));
        let measured = interval.map_or_else(
            || "–".to_owned(),
            |(median, interval)| format!("{median:.3} (at 95 % {})", shown_interval(interval)),
        );
        let verdict = match interval {
            Some((_, (_, most))) if most <= self.at_most => "yes",
            Some((_, (least, _))) if least > self.at_most => "**no**",
            Some(_) => "cannot be told",
            None => "–",
        };
        format!("| {} | {} | {measured} | {} | {verdict} |", self.what, record.section, number(self.at_most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_held_against_what_was_measured() {
        let record = |side: &str, against: Option<&str>, rounds: &[f64]| Record {
            against: against.map(str::to_owned),
            rounds: rounds.to_vec(),
            ..Record::new("service/sqlite", "L2 hit, 1 task", side, "time", "µs")
        };
        let records = Records(vec![record(OURS, Some("raw"), &[1.2]), record("raw", None, &[1.0])]);
        let table = table(&records);
        assert!(table.contains("| service/sqlite | 1.20 | 1.10 | **no** |"), "{table}");
        assert!(table.contains("| – | not measured in this run | 1.30 | – |"), "{table}");
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
            let row = table.lines().find(|line| line.contains("the same at two threads") && line.contains("hot-path"));
            assert!(row.unwrap().ends_with(&format!("| 1.02 | {verdict} |")), "{table}");
        }
    }
}
