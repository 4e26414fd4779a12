//! What was read of steps of time, kept as soon as nothing more is added to them, so that each is read a few times and not with
//! every look.
//!
//! Invariant: bounded by whoever calls [`Kept::forget_before`].

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Processes add what they counted a few seconds later, and their clocks differ a little.
const SETTLES: Duration = Duration::from_secs(120);

/// Values by step; a step is named by its number since 1970.
#[derive(Clone, Debug)]
pub(super) struct Kept<V> {
    length: Duration,
    values: BTreeMap<u64, Value<V>>,
}

/// When something was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadAt {
    pub(super) now: SystemTime,
    /// When Redis came back last: processes add then what they counted while it was away.
    pub(super) recovered: Option<SystemTime>,
}

#[derive(Clone, Debug)]
struct Value<V> {
    value: V,
    settled: bool,
}

impl<V> Kept<V> {
    /// Nothing yet, of steps of this length.
    pub(super) fn of_length(length: Duration) -> Self {
        Self { length, values: BTreeMap::new() }
    }

    /// The step that this moment lies in.
    pub(super) fn step_at(&self, time: SystemTime) -> u64 {
        time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / self.length.as_secs()
    }

    /// When a step begins.
    pub(super) fn start_of(&self, step: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(step * self.length.as_secs())
    }

    /// What has to be read, again or for the first time: stretches without a gap, each of at most `most` steps.
    pub(super) fn to_read(&self, steps: RangeInclusive<u64>, most: u64) -> Vec<RangeInclusive<u64>> {
        let mut stretches: Vec<RangeInclusive<u64>> = Vec::new();
        for step in steps.filter(|step| !self.values.get(step).is_some_and(|value| value.settled)) {
            match stretches.last_mut() {
                Some(last) if last.end() + 1 == step && step - last.start() < most => *last = *last.start()..=step,
                _ => stretches.push(step..=step),
            }
        }
        stretches
    }

    /// Puts what was read of a step at this moment, or a little later.
    pub(super) fn put(&mut self, step: u64, read: ReadAt, value: V) {
        let complete = self.start_of(step + 1).max(read.recovered.unwrap_or(UNIX_EPOCH));
        self.values.insert(step, Value { value, settled: complete + SETTLES <= read.now });
    }

    pub(super) fn get(&self, step: u64) -> Option<&V> {
        self.values.get(&step).map(|kept| &kept.value)
    }

    pub(super) fn forget_before(&mut self, step: u64) {
        self.values = self.values.split_off(&step);
    }

    /// All there is, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &V)> {
        self.values.iter().map(|(step, kept)| (*step, &kept.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn only_what_has_settled_is_not_read_again() {
        let mut kept = Kept::of_length(MINUTE);
        let now = UNIX_EPOCH + MINUTE * 100 + Duration::from_secs(1);
        assert_eq!(kept.step_at(now), 100);
        assert_eq!(kept.to_read(95..=100, 60), [95..=100]);
        let read = ReadAt { now, recovered: None };
        (95..=100).for_each(|step| kept.put(step, read, step));
        assert_eq!(kept.to_read(95..=100, 60), [98..=100]);
        assert_eq!(kept.to_read(94..=100, 2), [94..=94, 98..=99, 100..=100]);
        kept.forget_before(97);
        assert_eq!((kept.get(96), kept.get(97)), (None, Some(&97)));
    }

    #[test]
    fn after_an_outage_nothing_has_settled_for_a_while() {
        let mut kept = Kept::of_length(MINUTE);
        let now = UNIX_EPOCH + MINUTE * 100;
        let recovered = |ago: u32| ReadAt { now, recovered: Some(now - MINUTE * ago) };
        kept.put(90, recovered(1), ());
        assert_eq!(kept.to_read(90..=90, 60), [90..=90]);
        kept.put(90, recovered(2), ());
        assert!(kept.to_read(90..=90, 60).is_empty());
    }
}
