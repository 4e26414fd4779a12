//! `--baseline FILE`: an earlier report to compare with.
//!
//! Invariant: a report that passes this file can be compared: it has the same schema, types, number of tasks and kind
//! of build.

use std::path::{Path, PathBuf};

use anyhow::Result;
use billing_cache::bounded_file::read_file;
use cli_support::usage;
use serde::Deserialize;
use serde_json::Value;

use super::model::SCHEMA_VERSION;

/// Reports of this program have a few kilobytes.
const LARGEST: u64 = 16 << 20;

/// The properties of this run that a baseline must share.
#[derive(Debug)]
pub(crate) struct Expected<'a> {
    /// The names of the types.
    pub(crate) types: Vec<&'a str>,
    /// Number of tasks that send requests at the same time.
    pub(crate) concurrency: u64,
}

/// An earlier report.
#[derive(Debug)]
pub(crate) struct Baseline {
    /// The path of its file.
    pub(crate) file: String,
    /// When it was measured.
    pub(crate) measured_at: String,
    /// The speed-up of each type's hits over loads; `None` where it had too few hits.
    pub(crate) speed_ups: Vec<(String, Option<f64>)>,
}

#[derive(Deserialize)]
struct Version {
    schema_version: Option<u64>,
}

#[derive(Deserialize)]
struct Document {
    measured_at: String,
    concurrency: u64,
    debug_build: bool,
    types: Vec<OfType>,
}

#[derive(Deserialize)]
struct OfType {
    name: String,
    measured: Value,
}

impl Baseline {
    /// # Errors
    /// A usage error that says why this run cannot be compared with the file.
    pub(crate) fn read(path: &Path, expected: &Expected<'_>) -> Result<Self> {
        let refuse = |reason: String| usage(format!("--baseline {}: {reason}", path.display()));
        let text = read_file(path, LARGEST).map_err(|error| refuse(format!("cannot be read: {error}")))?;
        let document = parse(&text).map_err(refuse)?;
        document.compare(expected).map_err(refuse)?;
        Ok(Self {
            file: PathBuf::from(path).display().to_string(),
            measured_at: document.measured_at,
            speed_ups: document.types.into_iter().map(OfType::speed_up).collect(),
        })
    }
}

fn parse(text: &[u8]) -> Result<Document, String> {
    let no_report = |error| format!("is no report of `cache-monitor --format json`: {error}");
    let version: Version = serde_json::from_slice(text).map_err(no_report)?;
    match version.schema_version {
        Some(SCHEMA_VERSION) => serde_json::from_slice(text).map_err(no_report),
        Some(other) => {
            Err(format!("has schema version {other}, this program writes {SCHEMA_VERSION}; measure the baseline again"))
        }
        None => Err("has no schema_version; measure the baseline again with this program".to_owned()),
    }
}

impl Document {
    fn compare(&self, expected: &Expected<'_>) -> Result<(), String> {
        let types: Vec<&str> = self.types.iter().map(|of_type| of_type.name.as_str()).collect();
        if types != expected.types {
            let (theirs, ours) = (types.join(", "), expected.types.join(", "));
            return Err(format!("is of the types {theirs}, this run of {ours}; give both the same --type"));
        }
        if self.concurrency != expected.concurrency {
            let (theirs, ours) = (self.concurrency, expected.concurrency);
            return Err(format!("was measured with --concurrency {theirs}, this run with {ours}; give both the same"));
        }
        if self.debug_build != cfg!(debug_assertions) {
            return Err("was measured with another kind of build (debug or release); measure it again".to_owned());
        }
        Ok(())
    }
}

impl OfType {
    fn speed_up(self) -> (String, Option<f64>) {
        let factor = self.measured.pointer("/improvement/median/factor");
        let factor = factor.and_then(Value::as_f64);
        (self.name, factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(concurrency: u64, name: &str) -> String {
        let measured = r#"{"improvement": {"median": {"factor": 4.5, "percent": 77.8}}}"#;
        format!(
            r#"{{"schema_version": {SCHEMA_VERSION}, "measured_at": "then", "concurrency": {concurrency},
                "debug_build": {}, "types": [{{"name": "{name}", "measured": {measured}}}]}}"#,
            cfg!(debug_assertions)
        )
    }

    fn read(text: &str) -> Result<Baseline> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Baseline::read(file.path(), &Expected { types: vec!["invoices"], concurrency: 2 })
    }

    #[test]
    fn a_report_that_matches_gives_its_speed_ups() {
        assert_eq!(read(&report(2, "invoices")).unwrap().speed_ups, [("invoices".to_owned(), Some(4.5))]);
    }

    #[test]
    fn what_does_not_match_is_wrong_usage_with_the_reason() {
        for (text, reason) in [
            ("not json".to_owned(), "is no report"),
            (r#"{"schema_version": 2}"#.to_owned(), "missing field"),
            (r#"{"types": []}"#.to_owned(), "no schema_version"),
            (r#"{"schema_version": 1}"#.to_owned(), "schema version 1"),
            (report(2, "tax_rates"), "types tax_rates, this run of invoices"),
            (report(3, "invoices"), "--concurrency 3"),
        ] {
            let error = read(&text).unwrap_err();
            assert_eq!(cli_support::exit::code_of(&error), cli_support::Code::Usage);
            assert!(error.to_string().contains(reason), "{error}");
        }
    }
}
