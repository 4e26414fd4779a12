//! Which rows of the outbox existed at which time, by the clock of this process.
//!
//! Invariant: an id is noted with a time at which it was the highest visible one, or a later time. The clock of the
//! database stamps the rows and may be set back, and other programs may write any time. A relay that relied on these
//! times alone would leave such a row waiting.
//!
//! Used by `relay.rs`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// No more entries are kept. Those that follow others too soon are left out.
const LIMIT: usize = 1_024;

/// The highest ids of the last looks.
#[derive(Default)]
pub(super) struct Seen(VecDeque<(Instant, i64)>);

impl Seen {
    /// Notes that this is the highest id now.
    pub(super) fn note(&mut self, last_id: i64) {
        if self.0.len() < LIMIT && self.0.back().is_none_or(|(_, id)| *id != last_id) {
            self.0.push_back((Instant::now(), last_id));
        }
    }

    /// The highest id that was seen this long ago or longer.
    pub(super) fn before(&mut self, age: Duration) -> Option<i64> {
        let is_old = |entry: &(Instant, i64)| entry.0.elapsed() >= age;
        while self.0.get(1).is_some_and(is_old) {
            self.0.pop_front();
        }
        self.0.front().filter(|entry| is_old(entry)).map(|(_, id)| *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_counts_when_it_was_seen_so_long_ago_and_the_latest_of_those_counts() {
        let mut seen = Seen::default();
        assert_eq!(seen.before(Duration::ZERO), None);
        seen.note(5);
        assert_eq!(seen.before(Duration::from_secs(3_600)), None);
        seen.note(7);
        assert_eq!(seen.before(Duration::ZERO), Some(7));
    }

    #[test]
    fn what_is_seen_again_counts_from_the_first_time() {
        let mut seen = Seen::default();
        seen.note(5);
        let first = seen.0.front().copied();
        seen.note(5);
        assert_eq!((seen.0.front().copied(), seen.0.len()), (first, 1));
    }

    #[test]
    fn many_looks_in_a_short_while_take_a_fixed_room() {
        let mut seen = Seen::default();
        (0..5_000).for_each(|id| seen.note(id));
        assert_eq!(seen.0.len(), LIMIT);
        assert_eq!(seen.before(Duration::ZERO), Some(1_023));
    }
}
