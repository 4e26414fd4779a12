//! Numbers: what is counted and measured, by cached type; in this process ([`Cache::own_numbers`]), and of all processes in
//! Redis, in buckets of a minute and of an hour ([`Cache::history`], [`Cache::usage`]).
//!
//! Where what is: `bucket.rs` the keys in Redis, `field.rs` what stands under them, `unsent.rs` what Redis does not have yet,
//! `flush.rs` how it gets there, `history.rs` how it is read back. With the flush go `processes.rs` and `breaker_changes.rs`.
//!
//! Invariants: nothing of this is on the path of a read; every key expires by itself, and no `clear` touches one. What a process
//! counted since its last flush is lost when it dies. Anyone can write to Redis: what is none of ours is passed over.

mod breaker_changes;
mod bucket;
mod field;
mod flush;
mod history;
mod processes;
mod unsent;

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;

pub use self::breaker_changes::BreakerChange;
pub(crate) use self::bucket::LONGEST_KEPT;
pub use self::bucket::{Bucket, Resolution};
pub(crate) use self::flush::flush_regularly;
pub(crate) use self::processes::Identity;
pub use self::processes::Process;
pub(crate) use self::unsent::Unsent;
use crate::cache::{Cache, Shared};
use crate::cached_type::Source;
use crate::clock::millis;
use crate::counters::{Counters, empty_histogram};
use crate::event::{Distribution, Event};
use crate::key::NUMBERS;
use crate::l2::error::RedisUnreachable;
use crate::l2::link::OwnConnection;
use field::Field;

/// Stands where the name of a cached type does, for what belongs to no type.
pub const PROCESS_WIDE: &str = "";

/// Counts and distributions of one stretch of time, by cached type; [`PROCESS_WIDE`] is the name for those of no type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    by_type: BTreeMap<&'static str, OfType>,
}

/// Only what is there is held: a day of minutes has thousands of distributions, most of them with few values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct OfType {
    counts: [u64; Event::ALL.len()],
    /// By distribution: how often each value was recorded.
    values: [BTreeMap<u64, u64>; Distribution::ALL.len()],
}

impl Numbers {
    /// How often it happened, or the sum of what was added up.
    #[must_use]
    pub fn count(&self, cache_type: &str, event: Event) -> u64 {
        self.of(cache_type, Field::Count(event))
    }

    /// The recorded values, in the unit of the distribution; empty if there are none. How exact they are depends on where they
    /// come from: see [`Cache::history`].
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

    fn of(&self, cache_type: &str, field: Field) -> u64 {
        let Some(of_type) = self.by_type.get(cache_type) else { return 0 };
        match field {
            Field::Count(event) => of_type.counts[event as usize],
            Field::Value(distribution, value) => {
                of_type.values[distribution as usize].get(&value).copied().unwrap_or(0)
            }
        }
    }

    fn add(&mut self, cache_type: &'static str, field: Field, count: u64) {
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

    fn add_counters(&mut self, cache_type: &'static str, counters: &Counters) {
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

    /// All that is not 0.
    fn fields(&self) -> impl Iterator<Item = (&'static str, Field, u64)> {
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

impl<S: Source> Cache<S> {
    /// What this process counted and recorded since it started.
    #[must_use]
    pub fn own_numbers(&self) -> Numbers {
        self.shared().own_numbers()
    }

    /// Counts something that happened to a type, or to none ([`PROCESS_WIDE`]), so many times. A type that was not added to this
    /// cache is passed over.
    pub fn count_many(&self, cache_type: &str, event: Event, count: u64) {
        if let Some(counters) = self.shared().counters_of(cache_type) {
            counters.add_sum(event, count);
        }
    }

    /// Records a value, in the unit of the distribution, for a type or for none ([`PROCESS_WIDE`]). A type that was not added to
    /// this cache is passed over.
    pub fn record(&self, cache_type: &str, distribution: Distribution, value: u64) {
        if let Some(counters) = self.shared().counters_of(cache_type) {
            counters.record(distribution, value);
        }
    }
}

impl Shared {
    /// Those of a type, or of none.
    pub(crate) fn counters_of(&self, cache_type: &str) -> Option<&Counters> {
        if cache_type == PROCESS_WIDE {
            return Some(&self.process_wide);
        }
        let registered = self.types.iter().find(|registered| registered.info.name == cache_type)?;
        Some(&registered.counters)
    }

    fn own_numbers(&self) -> Numbers {
        let mut numbers = Numbers::default();
        numbers.add_counters(PROCESS_WIDE, &self.process_wide);
        for registered in &self.types {
            numbers.add_counters(registered.info.name, &registered.counters);
        }
        numbers
    }

    /// A connection of one's own to where the numbers are.
    pub(crate) async fn numbers_connection(&self) -> Result<OwnConnection, RedisUnreachable> {
        self.shards.own_connection(NUMBERS).await
    }

    /// The names under which numbers are kept.
    fn named(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(PROCESS_WIDE).chain(self.types.iter().map(|registered| registered.info.name))
    }
}

fn millis_since_1970(time: SystemTime) -> u64 {
    millis(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// The last millisecond of the year 9999: calendars end not long after.
const LATEST_MILLIS: u64 = 253_402_300_799_999;

/// `None` for what no clock shows.
fn time_of_millis(millis: u64) -> Option<SystemTime> {
    let shown = Some(millis).filter(|millis| *millis <= LATEST_MILLIS)?;
    UNIX_EPOCH.checked_add(Duration::from_millis(shown))
}
