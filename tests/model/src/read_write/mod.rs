//! Reading and writing one key, without L1: flights, rule C, leases, unconfirmed invalidations.
//!
//! There are two processes: [`READER`] only reads, [`WRITER`] also writes. There is any number of reads and faults:
//! evictions, expiries, lost leases, a Redis that restarts empty (an eviction and a lost lease), crashes, cancelled
//! callers, and what [`Faults`] adds. Only the number of writes is bounded. A command is executed in one step and its
//! answer is processed in a later one; anything may happen in between.

mod flight;
mod state;
mod steps;

use state::{Place, Process, Reader, Refresh, State, Suspicion};
use steps::Step;

use crate::check::{Promise, World};
use crate::redis::{Key, Tokens, Version};
use crate::without::{Protocol, Without};
use crate::write::Write;

/// The process that only reads.
const READER: usize = 0;
/// The process that reads and writes.
const WRITER: usize = 1;

/// The model.
pub(crate) struct ReadWrite {
    pub(crate) protocol: Protocol,
    pub(crate) faults: Faults,
    /// Number of callers in each process.
    pub(crate) readers: [usize; 2],
    pub(crate) writes: Version,
}

/// The faults in addition to these. All at once would give too many states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Faults {
    /// No fault at all, and all callers are patient.
    None,
    /// Commands that fail, flights that die, and refreshes ahead.
    Usual,
    /// Commands that fail, are executed after their sender has given up, or are sent twice by a client library.
    LateCommands,
    /// Commands that fail, including INVALIDATE, so that a write is acknowledged as pending. The other process does not
    /// crash, and its callers are not cancelled.
    WriterCutOff,
}

impl World for ReadWrite {
    type State = State;
    type Step = Step;

    fn promises(&self) -> &'static [Promise] {
        match self.faults {
            Faults::None => &[Promise::AcknowledgedIsSeen, Promise::L2IsCurrent, Promise::OneLoad],
            Faults::Usual | Faults::LateCommands => &[Promise::AcknowledgedIsSeen, Promise::L2IsCurrent],
            Faults::WriterCutOff => &[Promise::AcknowledgedIsSeen, Promise::L2IsCurrent, Promise::OwnWriteIsSeen],
        }
    }

    fn beginning(&self) -> State {
        let process = Process { stamp: 0, suspicion: Suspicion::None, pending_here: 0, flights: Vec::new() };
        let homes = [READER, WRITER].into_iter().flat_map(|home| std::iter::repeat_n(home, self.readers[home]));
        State {
            database: 0,
            database_replica: 0,
            redis: Key::default(),
            redis_replica: None,
            late: None,
            refresh: Refresh::None,
            processes: [process.clone(), process],
            readers: homes.map(Reader::idle).collect(),
            write: Write::default(),
            acknowledged: 0,
            invalidated: 0,
            grants: 0,
            broken: None,
        }
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        self.list_steps(state, steps);
    }

    fn after(&self, state: &State, step: Step) -> State {
        let mut state = state.clone();
        state.broken = None;
        self.take(&mut state, step);
        if self.protocol.keeps(Without::DatabasePrimary) {
            state.database_replica = state.database;
        }
        if self.protocol.keeps(Without::RedisPrimary) {
            state.redis_replica = state.redis.value;
        }
        if self.faults != Faults::None {
            state.grants = 0;
        }
        state.rename_tokens();
        state
    }

    fn merge_twins(&self, state: &mut State) {
        state.readers.sort();
    }

    fn breaks(&self, state: &State, promise: Promise) -> bool {
        match promise {
            Promise::L2IsCurrent => state.redis.is_older_than(state.invalidated),
            Promise::OneLoad => state.grants > 1,
            _ => state.broken == Some(promise),
        }
    }

    fn sketch(&self, state: &State) -> String {
        let State { database, redis, .. } = state;
        let places: Vec<&Place> = state.readers.iter().map(|reader| &reader.place).collect();
        let flights = state.processes.iter().flat_map(|process| &process.flights).map(|flight| flight.phase);
        format!("database v{database}, redis {redis}, readers {places:?}, flights {:?}", flights.collect::<Vec<_>>())
    }
}
