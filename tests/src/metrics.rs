//! A page of metrics, parsed by the reference parser of its format.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{Client, Site};

/// The media type of the format.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The result of a scrape.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// The text of the page.
    pub text: String,
    /// The metrics by name, without suffixes such as `_total`.
    pub families: BTreeMap<String, Family>,
}

/// A metric.
#[derive(Clone, Debug)]
pub struct Family {
    /// `counter`, `gauge`, `histogram` or `info`.
    pub kind: String,
    /// The unit; empty if there is none.
    pub unit: String,
    /// The help text.
    pub help: String,
    /// The series.
    pub samples: Vec<Sample>,
}

/// A value of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The name, with suffixes such as `_total`.
    pub name: String,
    /// The labels by name.
    pub labels: BTreeMap<String, String>,
    /// The present value.
    pub value: f64,
}

impl Metrics {
    /// Scrapes a program.
    #[track_caller]
    #[must_use]
    pub fn of(site: &Site, client: &Client) -> Self {
        let page = client.page("/metrics").with_status(200);
        assert_eq!(page.content_type.as_deref(), Some(CONTENT_TYPE));
        let read = site.python("openmetrics.py").run_with_input("", &page.text).json();
        let families = read.as_array().expect("a list of metrics").iter().map(Family::named).collect();
        Self { text: page.text, families }
    }

    /// The value of the only series with exactly these labels: `value("x_total", "type=invoices tier=l1")`.
    #[track_caller]
    #[must_use]
    pub fn value(&self, name: &str, labels: &str) -> f64 {
        let labels = labels.split_whitespace().map(|label| label.split_once('=').expect("a label has a value"));
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let found: Vec<_> = self.samples().filter(|sample| sample.name == name && sample.labels == labels).collect();
        assert_eq!(found.len(), 1, "{name} {labels:?} in {}", self.text);
        found[0].value
    }

    /// The sum of all series with this name.
    #[must_use]
    pub fn sum(&self, name: &str) -> f64 {
        self.samples().filter(|sample| sample.name == name).map(|sample| sample.value).sum()
    }

    /// All series.
    pub fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.families.values().flat_map(|family| &family.samples)
    }

    /// Every series name with its labels.
    #[must_use]
    pub fn names(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for sample in self.samples() {
            names.entry(sample.name.clone()).or_default().extend(sample.labels.keys().cloned());
        }
        names
    }
}

impl Family {
    fn named(read: &Value) -> (String, Self) {
        let text = |field: &str| read[field].as_str().unwrap_or_default().to_owned();
        let samples = read["samples"].as_array().expect("a list of samples").iter().map(Sample::of).collect();
        (text("name"), Self { kind: text("type"), unit: text("unit"), help: text("help"), samples })
    }
}

impl Sample {
    fn of(read: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let labels = read[1].as_object().expect("labels by name");
        let labels = labels.iter().map(|(name, value)| (name.clone(), text(value))).collect();
        Self { name: text(&read[0]), labels, value: text(&read[2]).parse().expect("a number") }
    }
}
