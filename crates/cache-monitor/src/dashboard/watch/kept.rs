//! Keeps the data of time steps once nothing more is added to them, so that each step is read a few times instead of on
//! every request.
//!
//! Invariant: the size is bounded if the caller uses [`Kept::forget_before`].

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use billing_cache::Resolution;

/// Processes flush their counts some seconds later, and their clocks differ slightly.
pub(super) const SETTLES: Duration = Duration::from_secs(120);
/// A process that cannot reach Redis keeps its counts for this many buckets, and flushes them when Redis is back.
const BUCKETS_ADDED_LATE: u32 = 60;

/// Values by step; a step is identified by its number since 1970.
#[derive(Clone, Debug)]
pub(super) struct Kept<V> {
    length: Duration,
    /// How long after its end a step may still receive counts.
    late: Duration,
    values: BTreeMap<u64, Value<V>>,
}

#[derive(Clone, Debug)]
struct Value<V> {
    value: V,
    read_at: SystemTime,
}

impl<V> Kept<V> {
    /// Empty, for steps of this length that are sums of buckets of this resolution.
    pub(super) fn of_length(length: Duration, resolution: Resolution) -> Self {
        Self { length, late: resolution.length() * BUCKETS_ADDED_LATE + SETTLES, values: BTreeMap::new() }
    }

    /// The step that contains this time.
    pub(super) fn step_at(&self, time: SystemTime) -> u64 {
        time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / self.length.as_secs()
    }

    /// The start time of a step.
    pub(super) fn start_of(&self, step: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(step * self.length.as_secs())
    }

    /// The steps to read, again or for the first time, as ranges of at most `most` steps.
    ///
    /// `recovered` is when Redis or a process last came back: old counts are flushed then.
    pub(super) fn to_read(
        &self,
        steps: RangeInclusive<u64>,
        most: u64,
        recovered: Option<SystemTime>,
    ) -> Vec<RangeInclusive<u64>> {
        let mut stretches: Vec<RangeInclusive<u64>> = Vec::new();
        for step in steps.filter(|step| !self.has_settled(*step, recovered)) {
            match stretches.last_mut() {
                Some(last) if last.end() + 1 == step && step - last.start() < most => *last = *last.start()..=step,
                _ => stretches.push(step..=step),
            }
        }
        stretches
    }

    fn has_settled(&self, step: u64, recovered: Option<SystemTime>) -> bool {
        let end = self.start_of(step + 1);
        let added_late = recovered.filter(|recovered| end + self.late >= *recovered);
        let complete = end.max(added_late.unwrap_or(UNIX_EPOCH)) + SETTLES;
        self.values.get(&step).is_some_and(|value| value.read_at >= complete)
    }

    /// Stores the data of a step that was read at this time or slightly later.
    pub(super) fn put(&mut self, step: u64, read_at: SystemTime, value: V) {
        self.values.insert(step, Value { value, read_at });
    }

    pub(super) fn get(&self, step: u64) -> Option<&V> {
        self.values.get(&step).map(|kept| &kept.value)
    }

    pub(super) fn forget_before(&mut self, step: u64) {
        self.values = self.values.split_off(&step);
    }

    /// All values, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &V)> {
        self.values.iter().map(|(step, kept)| (*step, &kept.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn minutes<V>() -> Kept<V> {
        Kept::of_length(MINUTE, Resolution::Minute)
    }

    #[test]
    fn only_what_has_settled_is_not_read_again() {
        let mut kept = minutes();
        let now = UNIX_EPOCH + MINUTE * 100 + Duration::from_secs(1);
        assert_eq!(kept.step_at(now), 100);
        assert_eq!(kept.to_read(95..=100, 60, None), [95..=100]);
        (95..=100).for_each(|step| kept.put(step, now, step));
        assert_eq!(kept.to_read(95..=100, 60, None), [98..=100]);
        assert_eq!(kept.to_read(94..=100, 2, None), [94..=94, 98..=99, 100..=100]);
        kept.forget_before(97);
        assert_eq!((kept.get(96), kept.get(97)), (None, Some(&97)));
    }

    #[test]
    fn after_an_outage_nothing_has_settled_for_a_while() {
        let mut kept = minutes();
        let now = UNIX_EPOCH + MINUTE * 100;
        kept.put(90, now, ());
        assert_eq!(kept.to_read(90..=90, 60, Some(now - MINUTE)), [90..=90]);
        assert!(kept.to_read(90..=90, 60, Some(now - MINUTE * 2)).is_empty());
    }

    #[test]
    fn what_had_settled_is_read_again_as_far_back_as_a_process_adds() {
        let mut kept = minutes();
        let (now, back) = (UNIX_EPOCH + MINUTE * 200, UNIX_EPOCH + MINUTE * 210);
        (100..=190).for_each(|step| kept.put(step, now, ()));
        assert!(kept.to_read(100..=190, 100, None).is_empty());
        assert_eq!(kept.to_read(100..=190, 100, Some(back)), [147..=190]);
        (147..=190).for_each(|step| kept.put(step, back + SETTLES, ()));
        assert!(kept.to_read(100..=190, 100, Some(back)).is_empty());
        let mut hours = Kept::of_length(MINUTE * 60, Resolution::Hour);
        hours.put(0, now, ());
        assert_eq!(hours.to_read(0..=0, 1, Some(back)), [0..=0]);
    }
}
