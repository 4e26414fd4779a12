//! The page: a template with the text, into which the tables of the runs are inserted.
//!
//! A line `{{name argument …}}` of the template becomes a table or a plot. Missing measurements are marked as such.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::program::Depth;
use super::record::Records;
use super::results::{Results, write};
use super::side::OURS;
use super::table::{self, Column};
use super::{curve, goal};

const BENCHMARKS: &str = include_str!("benchmarks.md.in");
const NOT_MEASURED: &str = "*Not measured in this run.*";
const QUICK: &str =
    "**A quick run: few rounds of small numbers. It shows that everything works, and its figures mean nothing.**";

/// Writes the report to `file`, and its plots into a directory beside it with the same name.
pub(crate) fn write_page(results: &Results, file: &Path) -> Result<()> {
    let page = Page { results, pictures: file.with_extension("") };
    write(file, &page.filled(BENCHMARKS)?)
}

/// A page while it is built.
struct Page<'r> {
    results: &'r Results,
    /// The directory of its plots, beside it.
    pictures: PathBuf,
}

impl Page<'_> {
    fn filled(&self, template: &str) -> Result<String> {
        let mut text = String::new();
        for line in template.lines() {
            match line.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")) {
                Some(directive) => text.push_str(&self.directive(directive)?),
                None => text.push_str(line),
            }
            text.push('\n');
        }
        Ok(text)
    }

    fn directive(&self, directive: &str) -> Result<String> {
        let (name, rest) = directive.split_once(' ').unwrap_or((directive, ""));
        let records = &self.results.records;
        Ok(match name {
            "machine" => self.results.machine.table(),
            "parts" => self.results.parts_table(),
            "depth" => if self.results.depth == Depth::Quick { QUICK } else { "" }.to_owned(),
            "goals" => goal::table(records),
            "notes" => table::notes(records, rest),
            "comparison" => of_sections(records, rest, table::comparison),
            "figures" => of_sections(records, rest, table::figures),
            "uncompared" => {
                of_sections(records, rest, |records, columns| table::figures(&records.uncompared(), columns))
            }
            "matrix" => measured(of_section(records, rest).then(|| table::matrix(records, rest, OURS))),
            "counts" => match rest.split_once(' ') {
                Some((section, figure)) if of_section(records, section) => table::counts(records, section, figure),
                Some(_) => NOT_MEASURED.to_owned(),
                None => bail!("the template of the report asks for counts without a figure"),
            },
            "curve" => measured(self.picture(rest)?),
            unknown => bail!("the template of the report asks for {unknown:?}, which there is not"),
        })
    }

    fn picture(&self, section: &str) -> Result<Option<String>> {
        let Some(svg) = curve::draw(&self.results.records, section) else { return Ok(None) };
        let picture = format!("{}.svg", section.replace('/', "-"));
        write(&self.pictures.join(&picture), &svg)?;
        let directory = self.pictures.file_name().context("the report needs a file name")?.to_string_lossy();
        Ok(Some(format!("![{section}]({directory}/{picture})")))
    }
}

fn of_section(records: &Records, section: &str) -> bool {
    records.section(section).next().is_some()
}

fn of_sections(records: &Records, names: &str, text: fn(&Records, &[Column<'_>]) -> String) -> String {
    let columns: Vec<Column<'_>> = names.split_whitespace().filter_map(column).collect();
    let there = columns.iter().any(|column| of_section(records, column.section));
    measured(there.then(|| text(records, &columns)))
}

/// `service/sqlite=SQLite`.
fn column(text: &str) -> Option<Column<'_>> {
    text.split_once('=').map(|(section, name)| Column { section, name })
}

fn measured(text: Option<String>) -> String {
    text.unwrap_or_else(|| NOT_MEASURED.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_without_figures_says_so_in_every_place() {
        let directory = tempfile::tempdir().unwrap();
        let page = directory.path().join("benchmarks.md");
        write_page(&Results::new(Depth::Quick), &page).unwrap();
        let text = std::fs::read_to_string(&page).unwrap();
        assert!(text.contains(NOT_MEASURED) && text.contains(QUICK) && !text.contains("{{"), "{text}");
    }

    #[test]
    fn a_directive_that_there_is_not_is_an_error() {
        let results = Results::new(Depth::Full);
        let page = Page { results: &results, pictures: PathBuf::from("x") };
        let error = page.filled("{{nothing}}").unwrap_err();
        assert!(error.to_string().contains("nothing"), "{error}");
    }
}
