//! The numbers that this process counts and records, and those that users of its cache add.
//!
//! Used by the metrics, the outbox and `cache-monitor`.

use crate::counting::event::{Distribution, Event};
use crate::counting::numbers::Numbers;
use crate::declaration::cached_type::Source;
use crate::read::cache::Cache;

impl<S: Source> Cache<S> {
    /// Everything that this process counted and recorded since it started.
    #[must_use]
    pub fn own_numbers(&self) -> Numbers {
        self.shared().own_numbers()
    }

    /// Counts an event `count` times, for a type or for none
    /// ([`PROCESS_WIDE`](crate::counting::numbers::PROCESS_WIDE)). A type that was not added to this cache is ignored.
    pub fn count_many(&self, cache_type: &str, event: Event, count: u64) {
        if let Some(counters) = self.shared().counters_of(cache_type) {
            counters.add_sum(event, count);
        }
    }

    /// Records a value, in the unit of the distribution, for a type or for none
    /// ([`PROCESS_WIDE`](crate::counting::numbers::PROCESS_WIDE)). A type that was not added to this cache is ignored.
    pub fn record(&self, cache_type: &str, distribution: Distribution, value: u64) {
        if let Some(counters) = self.shared().counters_of(cache_type) {
            counters.record(distribution, value);
        }
    }
}
