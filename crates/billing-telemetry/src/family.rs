//! Metrics as data: families of samples, before anybody writes them down.

/// A metric with all its series.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Without the prefix, the unit, and `_total`.
    pub name: &'static str,
    /// One sentence for whoever sees the metric for the first time.
    pub help: &'static str,
    /// The end of its name.
    pub unit: Option<Unit>,
    /// What its values are.
    pub kind: Kind,
    /// Its series; none where the value is not known.
    pub samples: Vec<Sample>,
}

/// What the values of a metric are numbers of; a metric without one counts things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

/// What a metric's values mean to whoever reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows while the process lives.
    Counter,
    /// Is what it is now.
    Gauge,
    /// A distribution of values.
    Histogram,
    /// Always 1: the labels say something.
    Info,
}

/// One series.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// What tells it from the other series of its metric.
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
    /// Of a histogram: how many values lie above the bound before and up to this one, in ascending order up to
    /// infinity.
    Buckets {
        /// Bounds with counts of their own.
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

    /// With one series more.
    pub(crate) fn with(mut self, labels: &[(&'static str, &str)], value: Value) -> Self {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.samples.push(Sample { labels, value });
        self
    }

    /// With one series more, if its value is known.
    pub(crate) fn with_known(self, labels: &[(&'static str, &str)], value: Option<Value>) -> Self {
        match value {
            Some(value) => self.with(labels, value),
            None => self,
        }
    }
}

impl Value {
    /// A number of things. Beyond 2^53 it is rounded, as all is that Prometheus keeps.
    #[expect(clippy::cast_precision_loss, reason = "see above")]
    pub(crate) fn of_count(count: u64) -> Self {
        Self::Number(count as f64)
    }

    /// 1 for yes.
    pub(crate) fn of_state(holds: bool) -> Self {
        Self::Number(f64::from(u8::from(holds)))
    }
}
