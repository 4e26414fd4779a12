//! The works that all sides of the comparison do in turn.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::record::Record;
use super::side::Side;

/// The duration of a round. It is long enough that an interruption of a millisecond hardly matters.
const ROUND: Duration = Duration::from_millis(60);
/// Maximum multiple of the minimum number of operations for a fast side.
const MOST_TIMES: u32 = 5_000;

/// A work, in the form in which it is sent to all sides.
pub(crate) struct Work {
    pub(crate) label: &'static str,
    pub(crate) name: &'static str,
    pub(crate) tasks: u32,
    /// Operations per task; the minimum if a round may have more.
    operations: u32,
    length: Length,
    before: Before,
    /// Number of tasks that the time of a round is divided by, for works that measure throughput.
    shared_by: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    /// As many operations as a side does in [`ROUND`].
    Fitted,
    /// Each round uses new keys, and there is a limited number of them.
    Fixed,
}

/// The preparation of a round, which is not measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// All keys are cached before the first round.
    Fill,
    /// No key is cached when a round starts.
    Clear,
}

pub(crate) const WORKS: [Work; 7] = [
    hits("L1 hit, 1 thread", "l1", 1, 500),
    hits("L1 hit, 2 threads", "l1", 2, 500),
    hits("L2 hit, 1 task", "hit", 1, 300),
    Work { shared_by: 64, ..hits("L2 hits, 64 tasks", "hit", 64, 20) },
    hits("100 keys in one read", "many", 1, 10),
    Work { before: Before::Clear, length: Length::Fixed, ..hits("miss, with its load", "miss", 1, 50) },
    Work { length: Length::Fixed, ..hits("payment, with invalidation", "write", 1, 20) },
];

const fn hits(label: &'static str, name: &'static str, tasks: u32, operations: u32) -> Work {
    Work { label, name, tasks, operations, length: Length::Fitted, before: Before::Fill, shared_by: 1 }
}

/// The result of the uncounted first round.
#[derive(Debug, PartialEq)]
enum Readiness {
    Lacks(String),
    /// The operations per task in each counted round.
    Operations(u32),
}

impl Work {
    /// In each round every side does the work once, and the side that starts changes from round to round. The
    /// preparation is not counted. The records belong to the sides in their order; a record without rounds gets a note.
    pub(crate) fn in_turn(&self, sides: &mut [Side], records: &mut [Record], rounds: u32) -> Result<()> {
        let mut operations = Vec::new();
        for (side, record) in sides.iter_mut().zip(&mut *records) {
            operations.push(match self.prepare(side) {
                Ok(Readiness::Operations(operations)) => operations,
                Ok(Readiness::Lacks(lack)) => noted(record, lack),
                Err(error) => noted(record, format!("failed: {error:#}")),
            });
        }
        for round in 1..=rounds {
            for turn in 0..sides.len() {
                let place = (turn + usize::try_from(round)?) % sides.len();
                if records[place].note.is_some() {
                    continue;
                }
                records[place].add(self.round(&mut sides[place], round, operations[place]));
            }
        }
        Ok(())
    }

    /// Fills caches and connections, and determines the number of operations per round.
    fn prepare(&self, side: &mut Side) -> Result<Readiness> {
        if let Some(lack) = side.run(&self.told(0, 0))?.lacks {
            return Ok(Readiness::Lacks(lack));
        }
        self.set_up(side, Before::Fill)?;
        self.set_up(side, Before::Clear)?;
        let microseconds = self.round(side, 0, self.operations)?;
        Ok(Readiness::Operations(match self.length {
            Length::Fixed => self.operations,
            Length::Fitted => self.fitted(microseconds),
        }))
    }

    fn set_up(&self, side: &mut Side, before: Before) -> Result<()> {
        if self.before == before {
            let name = if before == Before::Fill { "fill" } else { "clear" };
            side.run(&json!({ "work": name }))?;
        }
        Ok(())
    }

    /// Returns microseconds per operation.
    fn round(&self, side: &mut Side, round: u32, operations: u32) -> Result<f64> {
        self.set_up(side, Before::Clear)?;
        let seconds = side.run(&self.told(round, operations))?.seconds;
        Ok(seconds * 1e6 / f64::from(operations * self.shared_by))
    }

    fn told(&self, round: u32, operations: u32) -> Value {
        let first = round * self.operations + 1;
        json!({ "work": self.name, "tasks": self.tasks, "operations": operations, "first": first })
    }

    /// The number of operations that take one round, if the minimum number takes this long.
    fn fitted(&self, microseconds: f64) -> u32 {
        let wanted = ROUND.as_secs_f64() * 1e6 / (microseconds * f64::from(self.operations * self.shared_by));
        (1..=MOST_TIMES).rev().find(|times| f64::from(*times) <= wanted).unwrap_or(1) * self.operations
    }
}

/// Returns zero operations, and records the reason.
fn noted(record: &mut Record, why: String) -> u32 {
    record.note = Some(why);
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_side_does_more_and_a_slow_one_no_less() {
        let work = Work { shared_by: 64, ..hits("hits", "hit", 64, 20) };
        assert_eq!(work.fitted(5.0), 9 * 20);
        assert_eq!(work.fitted(700.0), 20);
        assert_eq!(hits("hot", "l1", 1, 500).fitted(0.000_1), 5_000 * 500);
    }
}
