//! Which rows of the outbox were there at which moment, by the clock of this process.
//!
//! Invariant: an id is noted with a moment at which it was the highest that could be seen, or a later one. Rows are
//! stamped by the clock of the database, which may be set back, and by other programs, which may write any time; a
//! relay that went by those alone would let such a row wait. Kept by `relay.rs`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// More are not kept: those that come too soon after the others are left out.
const LIMIT: usize = 1_024;

/// The highest ids of the last looks.
#[derive(Default)]
pub(super) struct Seen(VecDeque<(Instant, i64)>);

impl Seen {
    /// This is the highest id now.
    pub(super) fn note(&mut self, last_id: i64) {
        if self.0.len() < LIMIT && self.0.back().is_none_or(|(_, id)| *id != last_id) {
            self.0.push_back((Instant::now(), last_id));
        }
    }

    /// The highest id that was seen so long ago, or longer.
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
