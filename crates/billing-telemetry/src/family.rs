//! Metrics as data: families of samples, independent of their text format.
//!
//! Used by the other files of this crate.

/// A metric with all its series.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// The name without the prefix, the unit, and `_total`.
    pub name: &'static str,
    /// One sentence for a reader who sees the metric for the first time.
    pub help: &'static str,
    /// The last part of its name.
    pub unit: Option<Unit>,
    /// The kind of its values.
    pub kind: Kind,
    /// Its series; empty if the value is not known.
    pub samples: Vec<Sample>,
}

/// The unit of a metric's values; a metric without one counts things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

/// How to read a metric's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows while the process lives.
    Counter,
    /// The current value.
    Gauge,
    /// A distribution of values.
    Histogram,
    /// Always 1: the labels hold the information.
    Info,
}

/// One series.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The labels that distinguish it from the other series of its metric.
    pub labels: Vec<(&'static str, String)>,
    /// Its value now.
    pub value: Value,
}

/// A value, of the kind of its family.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of a counter.
    Count(u64),
    /// Of a gauge or an info.
    Number(f64),
    /// Of a histogram: the number of values above the previous bound and up to this one, in ascending order up to
    /// infinity.
    Buckets {
        /// Bounds, each with its own count.
        buckets: Vec<(f64, u64)>,
        /// The sum of all values.
        sum: f64,
    },
}

impl Family {
    pub(crate) fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, help, unit: None, kind: Kind::Counter, samples: Vec::new() }
    }

    pub(crate) fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { kind: Kind::Gauge, ..Self::counter(name, help) }
    }

    pub(crate) fn histogram(name: &'static str, help: &'static str) -> Self {
        Self { kind: Kind::Histogram, unit: Some(Unit::Seconds), ..Self::counter(name, help) }
    }

    pub(crate) fn info(name: &'static str, help: &'static str) -> Self {
        Self { kind: Kind::Info, ..Self::counter(name, help) }
    }

    pub(crate) fn in_unit(self, unit: Unit) -> Self {
        Self { unit: Some(unit), ..self }
    }

    /// Adds one series.
    pub(crate) fn with(mut self, labels: &[(&'static str, &str)], value: Value) -> Self {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.samples.push(Sample { labels, value });
        self
    }

    /// Adds one series, if its value is known.
    pub(crate) fn with_known(self, labels: &[(&'static str, &str)], value: Option<Value>) -> Self {
        match value {
            Some(value) => self.with(labels, value),
            None => self,
        }
    }
}

impl Value {
    /// A number of things. Beyond 2^53 it is rounded, like every value in Prometheus.
    #[expect(clippy::cast_precision_loss, reason = "see above")]
    pub(crate) fn of_count(count: u64) -> Self {
        Self::Number(count as f64)
    }

    /// 1 for true, 0 for false.
    pub(crate) fn of_state(holds: bool) -> Self {
        Self::Number(f64::from(u8::from(holds)))
    }
}
