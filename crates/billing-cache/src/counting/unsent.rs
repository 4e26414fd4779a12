//! What this process counted and has not yet sent to Redis, by the minute and by the hour in which it was counted.
//!
//! Invariants: each count is taken once, even if several flushes run at the same time. At most [`MOST`] buckets of each
//! resolution wait while Redis is away. Older numbers are added to the oldest of them.
//!
//! Used by the flush.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::SystemTime;

use super::bucket::Slot;
use super::field::Field;
use super::numbers::Numbers;
use super::resolution::Resolution;

/// The minutes of an outage of one hour are kept.
const MOST: usize = 60;

/// The unsent numbers; see the module.
#[derive(Debug, Default)]
pub(crate) struct Unsent(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The counters when they were last read.
    seen: Numbers,
    waiting: BTreeMap<Slot, Numbers>,
}

/// An addition to one number in Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Addition {
    pub(crate) slot: Slot,
    pub(crate) cache_type: &'static str,
    pub(crate) field: Field,
    pub(crate) count: u64,
}

impl Unsent {
    /// Reads the counters, then takes up to `limit` additions, the oldest first.
    pub(crate) fn take(&self, shown: Numbers, now: SystemTime, limit: usize) -> Vec<Addition> {
        let mut inner = self.lock();
        inner.look(shown, now);
        let waiting = std::mem::take(&mut inner.waiting);
        let mut additions = waiting.iter().flat_map(|(slot, numbers)| additions(*slot, numbers));
        let taken = additions.by_ref().take(limit).collect();
        additions.for_each(|left| inner.wait(left));
        taken
    }

    /// Puts back additions that were certainly not made in Redis.
    pub(crate) fn put_back(&self, additions: impl IntoIterator<Item = Addition>) {
        let mut inner = self.lock();
        additions.into_iter().for_each(|addition| inner.wait(addition));
        inner.make_room();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no panic while the unsent numbers are locked")
    }
}

fn additions(slot: Slot, numbers: &Numbers) -> impl Iterator<Item = Addition> {
    numbers.fields().map(move |(cache_type, field, count)| Addition { slot, cache_type, field, count })
}

impl Inner {
    /// Assigns what the counters show beyond the last reading to this moment.
    fn look(&mut self, shown: Numbers, now: SystemTime) {
        for (cache_type, field, count) in shown.fields() {
            let count = count.saturating_sub(self.seen.of(cache_type, field));
            for resolution in Resolution::ALL {
                let slot = Slot::at(resolution, now);
                self.wait(Addition { slot, cache_type, field: field.coarse(resolution), count });
            }
        }
        self.seen = shown;
        self.make_room();
    }

    fn wait(&mut self, Addition { slot, cache_type, field, count }: Addition) {
        if count > 0 {
            self.waiting.entry(slot).or_default().add(cache_type, field, count);
        }
    }

    fn make_room(&mut self) {
        for resolution in Resolution::ALL {
            let slots: Vec<Slot> = self.waiting.keys().copied().filter(|slot| slot.resolution == resolution).collect();
            let too_many = slots.len().saturating_sub(MOST);
            for old in &slots[..too_many] {
                let numbers = self.waiting.remove(old).unwrap_or_default();
                *self.waiting.entry(slots[too_many]).or_default() += numbers;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::counting::event::Event;

    fn shown(hits: u64) -> Numbers {
        let mut numbers = Numbers::default();
        numbers.add("invoices", Field::Count(Event::HitL2), hits);
        numbers
    }

    fn minute(index: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(60 * index + 7)
    }

    fn hits(inner: &Inner, resolution: Resolution) -> Vec<(u64, u64)> {
        let of_resolution = inner.waiting.iter().filter(|(slot, _)| slot.resolution == resolution);
        of_resolution.map(|(slot, numbers)| (slot.index, numbers.count("invoices", Event::HitL2))).collect()
    }

    #[test]
    fn what_is_counted_waits_under_its_minute_and_its_hour() {
        let mut inner = Inner::default();
        inner.look(shown(3), minute(59));
        inner.look(shown(3), minute(60));
        inner.look(shown(5), minute(61));
        assert_eq!(hits(&inner, Resolution::Minute), [(59, 3), (61, 2)]);
        assert_eq!(hits(&inner, Resolution::Hour), [(0, 3), (1, 2)]);
    }

    #[test]
    fn of_a_long_outage_the_oldest_minutes_are_one() {
        let mut inner = Inner::default();
        for index in 0..100 {
            inner.look(shown(index + 1), minute(1_000 + index));
        }
        let waiting = hits(&inner, Resolution::Minute);
        assert_eq!((waiting.len(), waiting[0], waiting[1]), (MOST, (1_040, 41), (1_041, 1)));
        assert_eq!(hits(&inner, Resolution::Hour).iter().map(|(_, hits)| hits).sum::<u64>(), 100);
    }
}
