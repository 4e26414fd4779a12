//! The results of runs, stored in the target directory: each part of the suite with its command and its circumstances.
//!
//! A part that runs again replaces its figures, so that a report can be assembled part by part.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::machine::{self, Facts};
use super::program::Depth;
use super::record::{Record, Records};
use super::table::Table;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) depth: Depth,
    pub(crate) machine: Facts,
    pub(crate) parts: Vec<PartRun>,
    pub(crate) records: Records,
}

/// When and how a part was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PartRun {
    part: String,
    command: String,
    /// In UTC.
    began: String,
    seconds: u64,
    load_before: String,
    load_after: String,
}

impl Results {
    /// Empty results for this machine.
    pub(crate) fn new(depth: Depth) -> Self {
        Self { depth, machine: Facts::here(), parts: Vec::new(), records: Records::default() }
    }

    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
        serde_json::from_str(&text)
            .with_context(|| format!("read the figures in {}; remove the file, and measure again", file.display()))
    }

    /// The stored results, if there are any. The description of the machine is always the current one.
    pub(crate) fn kept(file: &Path, depth: Depth) -> Result<Self> {
        match file.exists() {
            true => Ok(Self { machine: Facts::here(), ..Self::read(file)? }),
            false => Ok(Self::new(depth)),
        }
    }

    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        write(file, &serde_json::to_string(self).context("write the figures")?)
    }

    /// Adds the figures of a part, and replaces its earlier ones. A part without figures is not recorded.
    pub(crate) fn add(&mut self, part: PartRun, records: &[Record]) {
        if records.is_empty() {
            return;
        }
        self.parts.retain(|other| other.part != part.part);
        self.parts.push(part);
        self.records.0.retain(|old| records.iter().all(|new| new.section != old.section));
        self.records.0.extend_from_slice(records);
    }

    /// A table with a row for each part.
    pub(crate) fn parts_table(&self) -> String {
        let mut table = Table::new(&["part", "command", "began", "took", "load average before", "after"]);
        for PartRun { part, command, began, seconds, load_before, load_after } in &self.parts {
            let took = format!("{}:{:02} min", seconds / 60, seconds % 60);
            table.row(&[part, command, began, &took, load_before, load_after]);
        }
        table.finish()
    }
}

impl PartRun {
    /// Runs a part.
    pub(crate) fn of(part: &str, run: impl FnOnce() -> Result<Vec<Record>>) -> Result<(Self, Vec<Record>)> {
        let load_before = machine::load_average();
        let (began, started) = (machine::now(), Instant::now());
        let records = run()?;
        let this = Self {
            part: part.to_owned(),
            command: machine::command(),
            began,
            seconds: started.elapsed().as_secs(),
            load_before,
            load_after: machine::load_average(),
        };
        Ok((this, records))
    }
}

/// Writes a file, and creates its directory if necessary.
pub(crate) fn write(file: &Path, text: &str) -> Result<()> {
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory).with_context(|| format!("make {}", directory.display()))?;
    }
    fs::write(file, text).with_context(|| format!("write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(part: &str, section: &str, round: f64) -> (PartRun, Vec<Record>) {
        let record = || Record { rounds: vec![round], ..Record::new(section, "w", "s", "time", "µs") };
        PartRun::of(part, || Ok(vec![record()])).unwrap()
    }

    #[test]
    fn a_part_that_runs_again_replaces_its_figures() {
        let mut results = Results::new(Depth::Full);
        for (part, section, round) in [("peers", "peers", 1.0), ("growth", "growth/keys", 2.0), ("peers", "peers", 3.0)]
        {
            let (part, records) = measured(part, section, round);
            results.add(part, &records);
        }
        let rounds: Vec<f64> = results.records.0.iter().flat_map(|record| record.rounds.clone()).collect();
        assert_eq!((results.parts.len(), rounds), (2, vec![2.0, 3.0]));
        assert_eq!(results.parts_table().lines().count(), 4);
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("new").join("results.json");
        let (part, records) = measured("peers", "peers", 1.0);
        let mut results = Results::kept(&file, Depth::Quick).unwrap();
        results.add(part, &records);
        results.write(&file).unwrap();
        let again = Results::kept(&file, Depth::Quick).unwrap();
        assert_eq!((again.parts, again.records), (results.parts, results.records));
    }
}
