//! Families of metrics as text, written by the library of the Prometheus project.
//!
//! Each page is a registry of its own with one collector. The numbers exist already, so no metric is kept in a
//! registry.
//!
//! Used by the pages `/metrics`.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{self, Registry};

use crate::family::{Family, Kind, Sample, Unit, Value};

/// The media type of an [`Exposition`]. Prometheus supports it since version 2.5.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The prefix of every name.
const PREFIX: &str = "billing_cache";

/// Metrics to be written; `to_string` gives OpenMetrics text.
#[derive(Clone, Debug)]
pub struct Exposition(Vec<Family>);

impl Exposition {
    /// A page of these metrics.
    #[must_use]
    pub fn of(families: Vec<Family>) -> Self {
        Self(families)
    }
}

impl fmt::Display for Exposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register_collector(Box::new(self.clone()));
        text::encode(f, &registry)
    }
}

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in &self.0 {
            let unit = family.unit.map(unit_of);
            let kind = type_of(family.kind);
            let mut metric = encoder.encode_descriptor(family.name, family.help, unit.as_ref(), kind)?;
            for sample in &family.samples {
                encode_sample(&mut metric, family.kind, sample)?;
            }
        }
        Ok(())
    }
}

fn encode_sample(metric: &mut MetricEncoder<'_>, kind: Kind, sample: &Sample) -> fmt::Result {
    let labels: Vec<(&str, &str)> = sample.labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
    if kind == Kind::Info {
        return metric.encode_info(&labels);
    }
    let mut series = metric.encode_family(&labels)?;
    match &sample.value {
        Value::Count(count) => series.encode_counter::<NoLabelSet, u64, u64>(count, None),
        Value::Number(number) => series.encode_gauge(number),
        Value::Buckets { buckets, sum } => {
            let count = buckets.iter().map(|(_, count)| count).sum();
            series.encode_histogram::<NoLabelSet>(*sum, count, buckets, None)
        }
    }
}

fn type_of(kind: Kind) -> MetricType {
    match kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
        Kind::Histogram => MetricType::Histogram,
        Kind::Info => MetricType::Info,
    }
}

fn unit_of(unit: Unit) -> registry::Unit {
    match unit {
        Unit::Seconds => registry::Unit::Seconds,
        Unit::Bytes => registry::Unit::Bytes,
    }
}
