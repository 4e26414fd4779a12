//! Tables in Markdown. Ratios come first, because absolute figures depend on the machine.

use super::record::{Record, Records, Summary};

/// A section of the records and its name in a table, such as `service/sqlite` as `SQLite`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column<'a> {
    pub(crate) section: &'a str,
    pub(crate) name: &'a str,
}

/// Rows of cells below a head.
pub(crate) struct Table {
    lines: Vec<String>,
}

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        let rule = vec!["---"; head.len()].join(" | ");
        Self { lines: vec![line(head), format!("| {rule} |")] }
    }

    pub(crate) fn row(&mut self, cells: &[impl AsRef<str>]) {
        self.lines.push(line(cells));
    }

    pub(crate) fn finish(self) -> String {
        self.lines.join("\n")
    }
}

fn line(cells: &[impl AsRef<str>]) -> String {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    format!("| {} |", cells.join(" | "))
}

/// A row for each work that has a base side, with the ratio and both times; a column for each section.
pub(crate) fn comparison<'r>(records: &'r Records, columns: &[Column<'r>]) -> String {
    let mut head = vec!["what", "against"];
    head.extend(columns.iter().map(|column| column.name));
    let mut table = Table::new(&head);
    let rows = distinct(columns.iter().flat_map(|column| compared(records, column)).map(row_of));
    for row in rows {
        let of = |column: &Column<'r>| compared(records, column).find(|record| row_of(record) == row);
        let [work, _, _, against] = row.map(str::to_owned);
        let mut cells = vec![work, against];
        cells
            .extend(columns.iter().map(|column| of(column).map_or_else(dash, |record| compared_cell(records, record))));
        table.row(&cells);
    }
    table.finish()
}

fn compared<'r>(records: &'r Records, column: &Column<'r>) -> impl Iterator<Item = &'r Record> {
    records.section(column.section).filter(|record| record.against.is_some())
}

fn row_of(record: &Record) -> [&str; 4] {
    [&record.work, &record.side, &record.figure, record.against.as_deref().unwrap_or_default()]
}

/// `**1.04** [1.01 to 1.08], at 95 % 1.032 to 1.049, 52.1 µs against 50.0 µs`.
fn compared_cell(records: &Records, record: &Record) -> String {
    let sides = (records.ratio_of(record), record.summary(), records.base_of(record).and_then(Record::summary));
    let (Some(ratio), Some(ours), Some(base)) = sides else { return dash() };
    let unit = &record.unit;
    let interval = ratio.interval.map(|interval| format!(", at 95 % {}", shown_interval(interval))).unwrap_or_default();
    format!(
        "{}{interval}, {} against {}",
        shown_ratio(ratio),
        with_unit(ours.median, unit),
        with_unit(base.median, unit)
    )
}

/// A table for each section, for the terminal.
pub(crate) fn sections(records: &Records) -> String {
    let sections = distinct(records.0.iter().map(|record| record.section.as_str()));
    let table = |section: &str| figures(records, &[Column { section, name: section }]);
    sections.into_iter().map(table).collect::<Vec<_>>().join("\n\n")
}

/// A row for each work and side, a column for each figure. A cell is the median with the minimum and maximum, after the
/// ratio if the figure has one.
pub(crate) fn figures(records: &Records, columns: &[Column<'_>]) -> String {
    let all = || columns.iter().flat_map(|column| records.section(column.section));
    let figures = distinct(all().map(|record| (&record.figure, &record.unit)));
    let mut head = vec!["on".to_owned(), "what".to_owned(), "side".to_owned()];
    head.extend(figures.iter().map(|(figure, unit)| match unit.as_str() {
        "" => (*figure).clone(),
        unit => format!("{figure} ({unit})"),
    }));
    let mut table = Table::new(&head.iter().map(String::as_str).collect::<Vec<_>>());
    for (section, work, side) in distinct(all().map(|record| (&record.section, &record.work, &record.side))) {
        let column = columns.iter().find(|column| column.section == section).expect("records are of these sections");
        let mut cells = vec![column.name.to_owned(), work.clone(), side.clone()];
        for (figure, unit) in &figures {
            let mut of_side = records.section(section).filter(|record| (&record.work, &record.side) == (work, side));
            cells.push(
                of_side
                    .find(|record| (&record.figure, &record.unit) == (*figure, *unit))
                    .map_or_else(dash, |record| figure_cell(records, record)),
            );
        }
        table.row(&cells);
    }
    table.finish()
}

fn figure_cell(records: &Records, record: &Record) -> String {
    let Some(summary) = record.summary() else { return dash() };
    let ratio = records.ratio_of(record).map(|ratio| format!("**{}**×, ", number(ratio.median))).unwrap_or_default();
    format!("{ratio}{}", spread(summary))
}

/// A row for each work, a column for each side. A cell is the ratio to the base side; for the base side it is the time
/// itself.
pub(crate) fn matrix(records: &Records, section: &str, base_side: &str) -> String {
    by_side(records, section, "time", matrix_cell, base_side)
}

/// A row for each work, a column for each side. A cell is the figure itself.
pub(crate) fn counts(records: &Records, section: &str, figure: &str) -> String {
    by_side(records, section, figure, |record, _| record.and_then(Record::summary).map_or_else(dash, counted), "")
}

fn by_side(
    records: &Records,
    section: &str,
    figure: &str,
    cell: impl Fn(Option<&Record>, Option<&Record>) -> String,
    base_side: &str,
) -> String {
    let of_section = || records.section(section).filter(|record| record.figure == figure);
    let sides = distinct(of_section().map(|record| &record.side));
    let mut head = vec!["what"];
    head.extend(sides.iter().map(|side| side.as_str()));
    let mut table = Table::new(&head);
    for work in distinct(of_section().map(|record| &record.work)) {
        let of = |side: &str| of_section().find(|record| record.work == *work && record.side == side);
        let mut cells = vec![work.clone()];
        cells.extend(sides.iter().map(|side| cell(of(side), of(base_side))));
        table.row(&cells);
    }
    table.finish()
}

fn matrix_cell(record: Option<&Record>, base: Option<&Record>) -> String {
    let Some((record, summary)) = record.and_then(|record| Some((record, record.summary()?))) else { return dash() };
    match base {
        Some(base) if base.side == record.side => format!("1 ({})", with_unit(summary.median, &record.unit)),
        Some(base) => record.ratio(base).map_or_else(dash, shown_ratio),
        None => with_unit(summary.median, &record.unit),
    }
}

/// A line for each note about figures of a side, with the works that have the note.
pub(crate) fn notes(records: &Records, section: &str) -> String {
    let noted: Vec<(&String, &String, &String)> = records
        .section(section)
        .filter_map(|record| Some((&record.side, record.note.as_ref()?, &record.work)))
        .collect();
    let about = distinct(noted.iter().map(|(side, note, _)| (*side, *note)));
    let line = |(side, note): (&String, &String)| {
        let works = noted.iter().filter(|(other, said, _)| (*other, *said) == (side, note)).map(|(_, _, work)| work);
        let works = distinct(works).into_iter().map(|work| work.as_str()).collect::<Vec<_>>().join("; ");
        format!("- {side}: {note} ({works})")
    };
    about.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Without repetitions, in the order of their first occurrence.
fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for item in items {
        if !seen.contains(&item) {
            seen.push(item);
        }
    }
    seen
}

fn dash() -> String {
    "–".to_owned()
}

/// `**1.04** [1.01 to 1.08]`: the median and the middle half.
pub(crate) fn shown_ratio(ratio: Summary) -> String {
    format!("**{}** [{} to {}]", number(ratio.median), number(ratio.lower_quartile), number(ratio.upper_quartile))
}

/// `1.012 to 1.020`: three decimal places, for differences of hundredths.
pub(crate) fn shown_interval((least, most): (f64, f64)) -> String {
    format!("{least:.3} to {most:.3}")
}

/// `2.1 [1.9 to 3.0]`: the median, minimum and maximum; a single number if there is only one.
fn spread(summary: Summary) -> String {
    let [median, least, most] = [summary.median, summary.least, summary.most].map(number);
    if least == most { median } else { format!("{median} [{least} to {most}]") }
}

/// Like [`spread`], for whole numbers.
fn counted(summary: Summary) -> String {
    let [median, least, most] = [summary.median, summary.least, summary.most].map(grouped);
    if least == most { median } else { format!("{median} [{least} to {most}]") }
}

/// Times in a suitable unit; other values unchanged.
pub(crate) fn with_unit(value: f64, unit: &str) -> String {
    let in_nanoseconds = match unit {
        "ns" => value,
        "µs" => value * 1e3,
        "ms" => value * 1e6,
        "s" => value * 1e9,
        _ => return format!("{} {unit}", number(value)).trim_end().to_owned(),
    };
    match in_nanoseconds.abs() {
        ns if ns < 1e3 => format!("{} ns", number(in_nanoseconds)),
        ns if ns < 1e6 => format!("{} µs", number(in_nanoseconds / 1e3)),
        ns if ns < 1e9 => format!("{} ms", number(in_nanoseconds / 1e6)),
        _ => format!("{} s", number(in_nanoseconds / 1e9)),
    }
}

/// Three significant digits; counts unchanged.
pub(crate) fn number(value: f64) -> String {
    let is_whole = (value - value.round()).abs() < 1e-9;
    let value = if is_whole { value.round() } else { value };
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 1e3 => grouped(value),
        size if size >= 100.0 || (is_whole && size >= 10.0) => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// `12,345`.
pub(crate) fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(work: &str, side: &str, against: Option<&str>, rounds: &[f64]) -> Record {
        let against = against.map(str::to_owned);
        Record { against, rounds: rounds.to_vec(), ..Record::new("s", work, side, "time", "µs") }
    }

    const COLUMN: Column<'_> = Column { section: "s", name: "SQLite" };

    #[test]
    fn the_ratio_comes_first() {
        let records = Records(vec![record("hit", "ours", Some("raw"), &[2.0]), record("hit", "raw", None, &[1.0])]);
        let expected = "| what | against | SQLite |\n| --- | --- | --- |\n| hit | raw | **2.00** [2.00 to 2.00], 2.00 µs against 1.00 µs |";
        assert_eq!(comparison(&records, &[COLUMN]), expected);
    }

    #[test]
    fn a_side_that_lacks_something_has_a_dash() {
        let mut records = Records(vec![record("hit", "ours", None, &[2.0]), record("hit", "peer", None, &[])]);
        records.0[1].note = Some("has none".to_owned());
        assert_eq!(matrix(&records, "s", "ours").lines().last(), Some("| hit | 1 (2.00 µs) | – |"));
        assert_eq!(notes(&records, "s"), "- peer: has none (hit)");
    }

    #[test]
    fn counts_are_whole_and_every_side_of_the_figure_has_a_column() {
        let of = |side: &str, rounds: &[f64]| Record { figure: "loads".to_owned(), ..record("w", side, None, rounds) };
        let records = Records(vec![of("ours", &[1.0, 1.0]), of("peer", &[4.0, 1_000.0, 6.0])]);
        assert_eq!(counts(&records, "s", "loads").lines().last(), Some("| w | 1 | 6 [4 to 1,000] |"));
    }

    #[test]
    fn figures_stand_in_columns_with_their_spread() {
        let records = Records(vec![record("stats", "ours", None, &[2.0, 4.0, 3.0])]);
        assert_eq!(
            figures(&records, &[COLUMN]).lines().last(),
            Some("| SQLite | stats | ours | 3.00 [2.00 to 4.00] |")
        );
    }

    #[test]
    fn numbers_have_three_digits_and_times_the_unit_that_fits() {
        for (value, expected) in
            [(0.0, "0"), (0.0391, "0.039"), (1.046, "1.05"), (12.3, "12.3"), (250.0, "250"), (1_234_567.0, "1,234,567")]
        {
            assert_eq!(number(value), expected);
        }
        assert_eq!(with_unit(1500.0, "µs"), "1.50 ms");
        assert_eq!(with_unit(0.025, "µs"), "25 ns");
        assert_eq!(with_unit(3.0, "loads"), "3.00 loads");
    }
}
