//! The two tables of `docs/protocol.md` on what the code is without a part of the protocol. They are what
//! `cargo xtask mutants` runs and what `cargo xtask tidy` checks, so there is no other list.
//!
//! "What breaks without each part" names for each part the mutations that take it out of the code, or why there are
//! none. "The code without each part" names for each mutation the test that fails.

use std::path::Path;

use anyhow::{Context, Result};

/// The document with both tables.
pub(crate) const DOCUMENT: &str = "docs/protocol.md";
const PARTS: &str = "## What breaks without each part";
const MUTANTS: &str = "## The code without each part";

/// A row of a table: the number of its line, and its cells.
pub(crate) struct Row<'a> {
    pub(crate) line: usize,
    cells: Vec<&'a str>,
}

/// A mutation, and the test that fails with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mutant {
    pub(crate) name: String,
    /// The target of cargo that holds the test.
    pub(crate) suite: String,
    /// The path of the test in the suite.
    pub(crate) test: String,
}

impl<'a> Row<'a> {
    /// The texts in backticks of one cell.
    pub(crate) fn quoted(&self, cell: usize) -> impl Iterator<Item = &'a str> {
        self.cell(cell).split('`').skip(1).step_by(2)
    }

    pub(crate) fn cell(&self, cell: usize) -> &'a str {
        self.cells.get(cell).copied().unwrap_or_default()
    }

    /// The mutation and its test; `None` if a cell is empty.
    pub(crate) fn mutant(&self) -> Option<Mutant> {
        let one = |cell| self.quoted(cell).next().map(str::to_owned);
        Some(Mutant { name: one(0)?, suite: one(1)?, test: one(2)? })
    }
}

/// The parts: what it is, what breaks without it, and the mutations.
pub(crate) fn parts(document: &str) -> Vec<Row<'_>> {
    rows_under(PARTS, document)
}

/// The mutations: the name, the suite and the test.
pub(crate) fn mutants(document: &str) -> Vec<Row<'_>> {
    rows_under(MUTANTS, document)
}

/// All mutations, from the document below `root`.
pub(super) fn read(root: &Path) -> Result<Vec<Mutant>> {
    let document = std::fs::read_to_string(root.join(DOCUMENT)).with_context(|| format!("read {DOCUMENT}"))?;
    Ok(mutants(&document).iter().filter_map(Row::mutant).collect())
}

/// The rows below the line of dashes of the first table of a section.
fn rows_under<'a>(heading: &str, document: &'a str) -> Vec<Row<'a>> {
    let lines = (1..).zip(document.lines());
    let section =
        lines.skip_while(|(_, line)| *line != heading).skip(1).take_while(|(_, line)| !line.starts_with("## "));
    let table = section.skip_while(|(_, line)| !line.starts_with("| ---")).skip(1);
    table.take_while(|(_, line)| line.starts_with('|')).map(|(line, text)| Row { line, cells: cells(text) }).collect()
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_table_is_found_under_its_heading() {
        let document = "| no |\n| --- |\n| row |\n\n## What breaks without each part\n\n| part | without it | mutations |\n\
                        | --- | --- | --- |\n| a | b | `x`, `y` |\n\ntext\n\n## The code without each part\n\
                        | without | suite | test |\n| --- | --- | --- |\n| `x` | `cache` | `late::it_is` |\n| `y` | | |\n\
                        ## Other\n| --- |\n| row |\n";
        let parts = parts(document);
        assert_eq!((parts.len(), parts[0].line, parts[0].cell(0)), (1, 9, "a"));
        assert_eq!(parts[0].quoted(2).collect::<Vec<_>>(), ["x", "y"]);
        let mutants: Vec<_> = mutants(document).iter().map(Row::mutant).collect();
        let one = |text: &str| text.to_owned();
        assert_eq!(mutants, [Some(Mutant { name: one("x"), suite: one("cache"), test: one("late::it_is") }), None]);
    }
}
