//! The works that all sides of the comparison do in turn.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::record::Record;
use super::side::Side;

/// A round is as long as it takes to be measured; a millisecond more or less of something else is little of it.
const ROUND: Duration = Duration::from_millis(60);
/// No side does more than this many times the fewest operations.
const MOST_TIMES: u32 = 5_000;

/// A work as all sides are told it.
pub(crate) struct Work {
    pub(crate) label: &'static str,
    pub(crate) name: &'static str,
    pub(crate) tasks: u32,
    /// Of each task; the fewest, where a round may have more.
    operations: u32,
    length: Length,
    before: Before,
    /// Tasks that share the time of a round: where throughput counts.
    shared_by: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    /// As many operations as take a side [`ROUND`].
    Fitted,
    /// Each round has keys of its own, and they must last.
    Fixed,
}

/// What goes before the rounds of a work, and is not measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// Everything that is read is cached, from the first round on.
    Fill,
    /// Nothing is cached when a round begins.
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

/// What the round that does not count showed.
#[derive(Debug, PartialEq)]
enum Readiness {
    Lacks(String),
    /// Of each task, in each of the rounds that count.
    Operations(u32),
}

impl Work {
    /// Each side does the work once a round, and another one begins each round; what comes before the first does not
    /// count. Of the records, which belong to the sides in their order, those without rounds have a note.
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

    /// Fills caches and connections, and finds out how long a round must be.
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

    /// Microseconds of an operation.
    fn round(&self, side: &mut Side, round: u32, operations: u32) -> Result<f64> {
        self.set_up(side, Before::Clear)?;
        let seconds = side.run(&self.told(round, operations))?.seconds;
        Ok(seconds * 1e6 / f64::from(operations * self.shared_by))
    }

    fn told(&self, round: u32, operations: u32) -> Value {
        let first = round * self.operations + 1;
        json!({ "work": self.name, "tasks": self.tasks, "operations": operations, "first": first })
    }

    /// As many as take a round, where one takes so long.
    fn fitted(&self, microseconds: f64) -> u32 {
        let wanted = ROUND.as_secs_f64() * 1e6 / (microseconds * f64::from(self.operations * self.shared_by));
        (1..=MOST_TIMES).rev().find(|times| f64::from(*times) <= wanted).unwrap_or(1) * self.operations
    }
}

/// No operations: the record says why.
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
