//! Counts and distributions of one period of time, by cached type.
//!
//! Used by the flush, the stored numbers and the metrics.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use hdrhistogram::Histogram;

use super::counters::{Counters, empty_histogram};
use super::event::{Distribution, Event};
use super::field::Field;

/// Replaces the name of a cached type for numbers that belong to no type.
pub const PROCESS_WIDE: &str = "";

/// Counts and distributions of one period of time, by cached type. [`PROCESS_WIDE`] is the name for those of no type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    by_type: BTreeMap<&'static str, OfType>,
}

/// Holds only values that were recorded: a day of minutes has thousands of distributions, most of them with few values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct OfType {
    counts: [u64; Event::ALL.len()],
    /// By distribution: the number of times each value was recorded.
    values: [BTreeMap<u64, u64>; Distribution::ALL.len()],
}

impl Numbers {
    /// The number of times that the event happened, or the sum of the quantity.
    #[must_use]
    pub fn count(&self, cache_type: &str, event: Event) -> u64 {
        self.of(cache_type, Field::Count(event))
    }

    /// The recorded values, in the unit of the distribution; empty if there are none. Their accuracy depends on their
    /// source: see `Cache::history`.
    #[must_use]
    pub fn histogram(&self, cache_type: &str, distribution: Distribution) -> Histogram<u64> {
        let mut histogram = empty_histogram();
        let of_type = self.by_type.get(cache_type);
        for (value, count) in of_type.iter().flat_map(|of_type| &of_type.values[distribution as usize]) {
            histogram.saturating_record_n(*value, *count);
        }
        histogram
    }

    /// Whether nothing was counted or recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields().next().is_none()
    }

    pub(crate) fn of(&self, cache_type: &str, field: Field) -> u64 {
        let Some(of_type) = self.by_type.get(cache_type) else { return 0 };
        match field {
            Field::Count(event) => of_type.counts[event as usize],
            Field::Value(distribution, value) => {
                of_type.values[distribution as usize].get(&value).copied().unwrap_or(0)
            }
        }
    }

    pub(crate) fn add(&mut self, cache_type: &'static str, field: Field, count: u64) {
        if count == 0 {
            return;
        }
        let of_type = self.by_type.entry(cache_type).or_default();
        let sum = match field {
            Field::Count(event) => &mut of_type.counts[event as usize],
            Field::Value(distribution, value) => of_type.values[distribution as usize].entry(value).or_default(),
        };
        *sum = sum.saturating_add(count);
    }

    pub(crate) fn add_counters(&mut self, cache_type: &'static str, counters: &Counters) {
        for (event, count) in Event::ALL.into_iter().zip(counters.snapshot()) {
            self.add(cache_type, Field::Count(event), count);
        }
        for distribution in Distribution::ALL {
            for recorded in counters.histogram(distribution).iter_recorded() {
                let field = Field::Value(distribution, recorded.value_iterated_to());
                self.add(cache_type, field, recorded.count_at_value());
            }
        }
    }

    /// All fields that are not 0.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, Field, u64)> {
        self.by_type
            .iter()
            .flat_map(|(cache_type, of_type)| of_type.fields().map(|(field, count)| (*cache_type, field, count)))
    }
}

impl OfType {
    fn fields(&self) -> impl Iterator<Item = (Field, u64)> {
        let counts = Event::ALL.into_iter().zip(self.counts).map(|(event, count)| (Field::Count(event), count));
        let values = Distribution::ALL.into_iter().zip(&self.values).flat_map(|(distribution, values)| {
            values.iter().map(move |(value, count)| (Field::Value(distribution, *value), *count))
        });
        counts.chain(values).filter(|(_, count)| *count > 0)
    }
}

impl AddAssign<&Self> for Numbers {
    fn add_assign(&mut self, other: &Self) {
        for (cache_type, field, count) in other.fields() {
            self.add(cache_type, field, count);
        }
    }
}

impl AddAssign for Numbers {
    fn add_assign(&mut self, other: Self) {
        *self += &other;
    }
}
