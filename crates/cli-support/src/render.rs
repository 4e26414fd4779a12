//! Rendering: prints reports on stdout, as text or JSON; formats tables and numbers for people.
//!
//! Invariants: nothing is computed here. A report holds its numbers; both renderings show the same ones. Text from
//! outside is always escaped, in tables, texts and JSON alike, if it could control a terminal or mislead a reader.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::{Context, Result};
use billing_core::{printable, printable_lines};
use comfy_table::{CellAlignment, Row, Table, presets};
use indicatif::HumanCount;
use serde::Serialize;

use crate::args::Format;

/// The result of a command. Its JSON is its serialization.
pub trait Report: Serialize {
    /// The report for people, without a final line end.
    fn to_text(&self) -> String;
}

/// The start of a colour, and of every other sequence that controls a terminal.
const ESCAPE: &str = "\x1b[";

/// Shown in place of a number that does not exist.
pub const NONE: &str = "-";

/// Prints a report on stdout. A closed pipe, as after `| head`, is no error.
///
/// # Errors
/// Stdout cannot be written.
pub fn show(report: &impl Report, format: Format) -> Result<()> {
    let text = match format {
        Format::Text => text(report),
        Format::Json => json(report)?,
    };
    print(&text)?;
    Ok(())
}

/// A report for people. Of all sequences that control a terminal, only colours are kept.
#[must_use]
pub fn text(report: &impl Report) -> String {
    let (text, mut shown) = (report.to_text(), String::new());
    let mut rest = text.as_str();
    while let Some(at) = rest.find(ESCAPE) {
        let (before, after) = (&rest[..at], &rest[at + ESCAPE.len()..]);
        let end = after.find(|c: char| !c.is_ascii_digit() && c != ';').filter(|end| after[*end..].starts_with('m'));
        let (escape, following) = after.split_at(end.map_or(0, |end| end + 1));
        shown.push_str(&printable_lines(before));
        shown.push_str(&if escape.is_empty() { printable(ESCAPE).into_owned() } else { format!("{ESCAPE}{escape}") });
        rest = following;
    }
    shown.push_str(&printable_lines(rest));
    shown
}

/// Whether the reader of stdout is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Yes, as far as is known.
    There,
    /// No: the pipe is closed, as after `| head`.
    Gone,
}

/// Prints a text and a line end on stdout, without colours if stdout does not show them.
///
/// # Errors
/// Stdout cannot be written.
pub fn print(text: &str) -> Result<Reader> {
    match writeln!(anstream::stdout().lock(), "{text}") {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(error).context("write to stdout"),
    }
}

/// A report as one line of JSON, for a stream of reports.
///
/// # Errors
/// The report has no JSON form.
pub fn json_line(report: &impl Report) -> Result<String> {
    serde_json::to_string(report).map(|json| printable_lines(&json)).context("write the report as JSON")
}

/// A report as `--format json` prints it, without a final line end.
///
/// # Errors
/// The report has no JSON form.
pub fn json(report: &impl Report) -> Result<String> {
    serde_json::to_string_pretty(report).map(|json| printable_lines(&json)).context("write the report as JSON")
}

/// The text of a report, with a note that it is partial if the work was interrupted.
#[must_use]
pub fn marked_if_partial(complete: bool, text: String) -> String {
    if complete { text } else { format!("{text}\n\npartial: interrupted before its end") }
}

/// A table with a name on the left and numbers on the right. Units go into the head.
pub fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    labelled_table(1, head, rows)
}

/// Like [`table`], with `labels` names on the left.
pub fn labelled_table(labels: usize, head: impl Into<Row>, rows: impl IntoIterator<Item = impl Into<Row>>) -> String {
    let mut table = styled();
    table.set_header(head).add_rows(rows.into_iter().map(|row| escaped(row.into())));
    table.column_iter_mut().skip(labels).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table.to_string()
}

/// A table of names and descriptions.
#[must_use]
pub fn facts<'a>(facts: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let mut table = styled();
    table.add_rows(facts.into_iter().map(|(name, fact)| [name.to_owned(), printable_lines(&fact)]));
    table.to_string()
}

fn escaped(row: Row) -> Row {
    row.cell_iter().map(|cell| printable_lines(&cell.content())).collect::<Vec<_>>().into()
}

fn styled() -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED.with_rounded_corners());
    table
}

/// A colour. It only repeats what a word says too.
pub use anstyle::AnsiColor as Colour;

/// The text in a colour, for reports that [`show`] prints: it removes the colour if stdout shows none or the user wants
/// none.
#[must_use]
pub fn coloured(text: &str, colour: Colour) -> String {
    let style = colour.on_default();
    format!("{style}{text}{style:#}")
}

/// `1,234,567`
#[must_use]
pub fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

/// `1.2 MiB`
#[must_use]
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut amount = to_f64(bytes) / 1024.0;
    let mut unit = 0;
    // 1023.95 would be shown as 1024.0.
    while amount >= 1023.95 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    format!("{amount:.1} {}", UNITS[unit])
}

/// `12.5 µs`, `3.20 ms`, `4.56 s`
#[must_use]
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 0.001 {
        format!("{:.1} µs", seconds * 1e6)
    } else if seconds < 1.0 {
        format!("{:.2} ms", seconds * 1e3)
    } else {
        format!("{seconds:.2} s")
    }
}

/// `97.3` for a share of 0.973; [`NONE`] if nothing was counted.
#[must_use]
pub fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| NONE.to_owned(), |share| format!("{:.1}", share * 100.0))
}

/// A count as a floating-point number, for shares and averages; exact up to 53 bits.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "what is shown has four digits")]
pub fn to_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_people_read_them() {
        for (number, shown) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), shown);
        }
        for (number, shown) in
            [(0, "0 B"), (1_023, "1023 B"), (1_024, "1.0 KiB"), (1_048_575, "1.0 MiB"), (3 << 30, "3.0 GiB")]
        {
            assert_eq!(bytes(number), shown);
        }
        for (micros, shown) in [(12, "12.0 µs"), (3_200, "3.20 ms"), (4_560_000, "4.56 s")] {
            assert_eq!(duration(Duration::from_micros(micros)), shown);
        }
        assert_eq!((percent(Some(0.9731)), percent(None)), ("97.3".to_owned(), "-".to_owned()));
    }

    #[derive(Serialize)]
    struct Foreign(&'static str);

    impl Report for Foreign {
        fn to_text(&self) -> String {
            format!("{}\n{}", coloured("ok", Colour::Green), self.0)
        }
    }

    #[test]
    fn text_from_outside_cannot_steer_a_terminal() {
        let foreign = Foreign("\u{1b}[2Jgone\u{9b}31m\u{202e}\n\u{1b}]0;title\u{7}");
        let shown = text(&foreign);
        assert!(shown.starts_with("\u{1b}[32mok\u{1b}[0m\n\\u001b[2Jgone\\u009b31m\\u202e\n"), "{shown:?}");
        for json in [json(&foreign).unwrap(), json_line(&foreign).unwrap()] {
            assert!(!json.contains(billing_core::is_unprintable), "{json:?}");
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), foreign.0);
        }
        let table = table(["a", "b"], [["\u{1b}[31mred".to_owned(), "\u{9b}1".to_owned()]]);
        assert!(table.contains("\\u001b[31mred") && table.contains("\\u009b1"), "{table}");
        let facts = facts([("a", "\u{1b}c".to_owned())]);
        assert!(facts.contains("\\u001bc"), "{facts}");
    }

    #[test]
    fn a_table_has_its_numbers_on_the_right() {
        let table = table(["type", "keys"], [["invoices".to_owned(), "7".to_owned()]]);
        assert!(table.contains("│ invoices ┆    7 │"), "{table}");
    }
}
