//! The report: a template with the words, into which the tables of a run are put.
//!
//! A line `{{name argument …}}` of the template becomes a table or a picture. What a run did not measure says so.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::machine::Facts;
use super::record::Records;
use super::table::{self, Column};
use super::{OURS, curve, goal};

const TEMPLATE: &str = include_str!("benchmarks.md.in");
const NOT_MEASURED: &str = "*Not measured in this run.*";

/// What a run found, as it is kept beside the report: `--from` makes the report of it again.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) facts: Facts,
    pub(crate) records: Records,
}

impl Results {
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("read the figures in {}", file.display()))
    }

    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        write(file, &serde_json::to_string(self).context("write the figures")?)
    }
}

/// Writes the report to `file`, and its pictures into a directory beside it that has its name.
pub(crate) fn write_report(results: &Results, file: &Path) -> Result<()> {
    let pictures = file.with_extension("");
    let name = pictures.file_name().context("the report needs a file name")?.to_string_lossy().into_owned();
    let mut text = String::new();
    for line in TEMPLATE.lines() {
        match line.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")) {
            Some(directive) => text.push_str(&filled(results, directive, &pictures, &name)?),
            None => text.push_str(line),
        }
        text.push('\n');
    }
    write(file, &text)
}

/// The tables of some sections, for the terminal.
pub(crate) fn tables(records: &Records) -> String {
    let mut sections: Vec<&str> = records.0.iter().map(|record| record.section.as_str()).collect();
    sections.dedup();
    let table = |section: &&str| table::figures(records, &[Column { section, name: section }]);
    sections.iter().map(table).collect::<Vec<_>>().join("\n\n")
}

fn filled(results: &Results, directive: &str, pictures: &Path, directory: &str) -> Result<String> {
    let (name, rest) = directive.split_once(' ').unwrap_or((directive, ""));
    let records = &results.records;
    let measured = |text: fn(&Records, &[Column<'_>]) -> String| {
        let columns: Vec<Column<'_>> = rest.split_whitespace().filter_map(column).collect();
        let there = columns.iter().any(|column| records.section(column.section).next().is_some());
        if there { text(records, &columns) } else { NOT_MEASURED.to_owned() }
    };
    Ok(match name {
        "facts" => results.facts.table(),
        "goals" => goal::table(records),
        "comparison" => measured(table::comparison),
        "figures" => measured(table::figures),
        "uncompared" => measured(|records, columns| table::figures(&records.uncompared(), columns)),
        "matrix" if records.section(rest).next().is_some() => table::matrix(records, rest, OURS),
        "counts" => match rest.split_once(' ') {
            Some((section, figure)) => table::counts(records, section, figure),
            None => bail!("the template of the report asks for counts without a figure"),
        },
        "notes" => table::notes(records, rest),
        "matrix" => NOT_MEASURED.to_owned(),
        "curve" => match curve::draw(records, rest) {
            Some(svg) => {
                let picture = PathBuf::from(format!("{}.svg", rest.replace('/', "-")));
                write(&pictures.join(&picture), &svg)?;
                format!("![{rest}]({directory}/{})", picture.display())
            }
            None => NOT_MEASURED.to_owned(),
        },
        unknown => bail!("the template of the report asks for {unknown:?}, which there is not"),
    })
}

/// `service/sqlite=SQLite`.
fn column(text: &str) -> Option<Column<'_>> {
    text.split_once('=').map(|(section, name)| Column { section, name })
}

fn write(file: &Path, text: &str) -> Result<()> {
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory).with_context(|| format!("make {}", directory.display()))?;
    }
    fs::write(file, text).with_context(|| format!("write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_without_figures_says_so_in_every_place() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("benchmarks.md");
        write_report(&Results::default(), &file).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(NOT_MEASURED) && !text.contains("{{"), "{text}");
    }

    #[test]
    fn a_directive_that_there_is_not_is_an_error() {
        let error = filled(&Results::default(), "nothing", Path::new("x"), "x").unwrap_err();
        assert!(error.to_string().contains("nothing"), "{error}");
    }
}
