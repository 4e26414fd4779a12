//! What bends the curves of growth: the points as a table, with whose processor time a read is, and the sentences that follow
//! from it.

use super::OURS;
use super::growth::FIGURES;
use super::peer::RAW;
use super::record::{Record, Records};
use super::table::{Table, grouped, number, shown_ratio, with_unit};

/// Less is as good as the same.
const NOTICEABLE: f64 = 1.1;

/// A point of our side, in microseconds of a read.
struct Point<'r> {
    at: &'r str,
    time: f64,
    services: f64,
    redis: f64,
    limit: f64,
    ratio: String,
}

impl Point<'_> {
    fn cores(&self) -> f64 {
        (self.services + self.redis) / self.time
    }
}

/// The table of a section and what follows from it; `None` if it was not measured.
pub(crate) fn text(records: &Records, section: &str) -> Option<String> {
    let points: Vec<Point<'_>> = records.section(section).filter_map(|record| point(records, record)).collect();
    let (first, last) = (points.first()?, points.last()?);
    let axis = section.rsplit('/').next().unwrap_or(section);
    Some(format!("{}\n\n{}", table(axis, &points), sentences(axis, first, last)))
}

fn point<'r>(records: &Records, record: &'r Record) -> Option<Point<'r>> {
    let [time, services, redis] = FIGURES;
    if record.side != OURS || record.figure != time {
        return None;
    }
    let of = |side: &str, figure: &str| {
        let mut there = records.section(&record.section).filter(|other| other.work == record.work);
        there.find(|other| other.side == side && other.figure == figure)
    };
    let median = |side, figure| Some(of(side, figure)?.summary()?.median);
    Some(Point {
        at: &record.work,
        time: record.summary()?.median,
        services: median(OURS, services)?,
        redis: median(OURS, redis)?,
        limit: median(RAW, time)?,
        ratio: shown_ratio(record.ratio(of(RAW, time)?)?),
    })
}

fn table(axis: &str, points: &[Point<'_>]) -> String {
    let mut table = Table::new(&[
        axis,
        "a read",
        "of the limit",
        "times the limit",
        "of it processor time, services",
        "processor time, Redis",
        "cores busy",
    ]);
    for point in points {
        let [time, limit, services, redis] =
            [point.time, point.limit, point.services, point.redis].map(|time| with_unit(time, "µs"));
        let at = point.at.parse().map_or_else(|_| point.at.to_owned(), grouped);
        table.row(&[at, time, limit, point.ratio.clone(), services, redis, number(point.cores())]);
    }
    table.finish()
}

/// From the first point to the last.
fn sentences(axis: &str, first: &Point<'_>, last: &Point<'_>) -> String {
    let times = |figure: fn(&Point<'_>) -> f64| figure(last) / figure(first);
    let (ours, limit) = (times(|point| point.time), times(|point| point.limit));
    let (services, redis) = (times(|point| point.services), times(|point| point.redis));
    let mut text = format!(
        "From the first point to the last a read takes {} times as long, one of the limit {} times; the processor time of the \
         services is {} times as much, that of Redis {} times.",
        number(ours),
        number(limit),
        number(services),
        number(redis),
    );
    text.push_str(why(axis, first, last, redis, services));
    text
}

/// What the figures leave as the reason.
fn why(axis: &str, first: &Point<'_>, last: &Point<'_>, redis: f64, services: f64) -> &'static str {
    let (is_more_for_redis, is_less_work) = (redis > NOTICEABLE, redis * NOTICEABLE < 1.0 && services < 1.0);
    let fills_cores = last.cores() > first.cores() * NOTICEABLE;
    match axis {
        "keys" if is_more_for_redis => {
            " What bends it is Redis: entry and value are no longer in the caches of the processor when they are asked for."
        }
        "keys" => " Redis does the same work for a read among many keys as among few.",
        "tasks" if is_less_work && fills_cores => {
            " So what bends it is twofold: reads share packets and wake-ups, and cores that waited are busy."
        }
        "tasks" if is_less_work => " So what bends it is that reads share packets and wake-ups.",
        "tasks" if fills_cores => " So what bends it is that cores which waited are busy.",
        "processes" if fills_cores => " So what bends it is that cores which waited are busy.",
        "processes" => " More processes keep no more cores busy.",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at: &str, [time, services, redis, raw]: [f64; 4]) -> Vec<Record> {
        let record = |side: &str, figure: &str, value: f64| Record {
            rounds: vec![value],
            ..Record::new("growth/keys", at, side, figure, "µs")
        };
        vec![
            record(OURS, FIGURES[0], time),
            record(OURS, FIGURES[1], services),
            record(OURS, FIGURES[2], redis),
            record(RAW, FIGURES[0], raw),
        ]
    }

    #[test]
    fn the_reason_follows_from_the_figures() {
        let slower = [point("1000", [16.0, 8.0, 4.0, 15.0]), point("10000", [20.0, 8.0, 8.0, 19.0])].concat();
        let text = text(&Records(slower), "growth/keys").unwrap();
        assert!(text.contains("| 10,000 | 20 µs | 19 µs | **1.05**"), "{text}");
        assert!(text.contains("1.25 times as long") && text.contains("no longer in the caches"), "{text}");
    }

    #[test]
    fn what_stays_the_same_is_not_explained_away() {
        let flat = [point("1000", [16.0, 8.0, 4.0, 15.0]), point("10000", [16.0, 8.0, 4.1, 15.0])].concat();
        let text = text(&Records(flat), "growth/keys").unwrap();
        assert!(text.contains("the same work"), "{text}");
        assert_eq!(super::text(&Records::default(), "growth/keys"), None);
    }
}
