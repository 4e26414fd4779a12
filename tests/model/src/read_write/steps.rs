//! The steps of reading and writing one key, and their effects.

use super::flight::{Flight, FlightId, Move, Phase};
use super::state::{Late, Place, Process, Reader, Refresh, Reply, State, Suspicion};
use super::{Faults, READER, ReadWrite, WRITER};
use crate::redis::{Acquired, Filled, Lease, Tokens};
use crate::without::Without;
use crate::write::{Write, WriteStep};

/// A step; readers are given by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Get(usize),
    /// The ACQUIRE of the flight that follows may fail as well. A GET that is not even sent adds nothing.
    GetFails(usize),
    GetAnswers(usize),
    LoadAlone(usize),
    /// The caller is cancelled; the flight continues.
    Leave(usize),
    Flight(FlightId, Move),
    /// REFRESH, load, FILL, while the old value is served.
    Refresh,
    RefreshDies,
    /// RELEASE of a refresh that stores nothing.
    RefreshGivesUp,
    Write(WriteStep),
    InvalidateFails,
    /// INVALIDATE of a key whose invalidation is unconfirmed, and the effect of its answer.
    Mend,
    MendSettles,
    /// INVALIDATE by the relay, of everything committed and not yet invalidated.
    Relay,
    Evict,
    LeaseExpires,
    LateCommandArrives,
    LateCommandIsLost,
    Crash(usize),
    DatabaseReplicaCatchesUp,
    RedisReplicaCatchesUp,
}

impl ReadWrite {
    pub(super) fn list_steps(&self, state: &State, steps: &mut Vec<Step>) {
        for (number, reader) in state.readers.iter().enumerate() {
            match reader.place {
                Place::Idle | Place::StartingOver => {
                    steps.push(Step::Get(number));
                    let may_fail = self.faults != Faults::None && state.redis.value.is_some();
                    steps.extend(may_fail.then_some(Step::GetFails(number)));
                }
                Place::Asked(..) => steps.push(Step::GetAnswers(number)),
                Place::Seated { .. } => {
                    let may_leave = self.faults != Faults::WriterCutOff || reader.home == WRITER;
                    steps.extend(may_leave.then_some(Step::Leave(number)));
                }
                Place::LoadingAlone => steps.push(Step::LoadAlone(number)),
            }
        }
        for (process, flights) in state.processes.iter().map(|process| &process.flights).enumerate() {
            for flight in flights {
                let id = FlightId { process, stamp: flight.stamp };
                steps.extend(self.moves(flight.phase, state).iter().map(|it| Step::Flight(id, *it)));
                steps.extend((self.faults == Faults::Usual).then_some(Step::Flight(id, Move::Die)));
            }
        }
        match state.refresh {
            Refresh::None => steps.extend((self.faults == Faults::Usual).then_some(Step::Refresh)),
            Refresh::Granted(_) | Refresh::Loaded(..) => {
                steps.extend([Step::Refresh, Step::RefreshDies, Step::RefreshGivesUp]);
            }
        }
        self.list_writes(state, steps);
        self.list_faults(state, steps);
    }

    fn list_writes(&self, state: &State, steps: &mut Vec<Step>) {
        let next = state.write.next(self.protocol);
        if !state.write.is_idle() || state.database < self.writes {
            steps.push(Step::Write(next));
            let may_fail = self.faults == Faults::WriterCutOff && next == WriteStep::Invalidate;
            steps.extend(may_fail.then_some(Step::InvalidateFails));
        }
        match state.processes[WRITER].suspicion {
            Suspicion::None => {}
            Suspicion::Suspect => steps.push(Step::Mend),
            Suspicion::Told => steps.push(Step::MendSettles),
        }
        steps.extend((state.invalidated < state.database).then_some(Step::Relay));
        steps.extend((state.database_replica < state.database).then_some(Step::DatabaseReplicaCatchesUp));
        steps.extend((state.redis_replica != state.redis.value).then_some(Step::RedisReplicaCatchesUp));
    }

    fn list_faults(&self, state: &State, steps: &mut Vec<Step>) {
        if self.faults == Faults::None {
            return;
        }
        steps.extend(state.redis.value.map(|_| Step::Evict));
        steps.extend(state.redis.lease.map(|_| Step::LeaseExpires));
        if state.late.is_some() {
            steps.extend([Step::LateCommandArrives, Step::LateCommandIsLost]);
        }
        steps.push(Step::Crash(WRITER));
        steps.extend((self.faults != Faults::WriterCutOff).then_some(Step::Crash(READER)));
    }

    pub(super) fn take(&self, state: &mut State, step: Step) {
        match step {
            Step::Get(reader) | Step::GetFails(reader) => self.get(state, reader, step),
            Step::GetAnswers(reader) => answer_or_join(state, reader),
            Step::LoadAlone(reader) => state.answer(reader, state.database),
            Step::Leave(reader) => state.readers[reader] = Reader::idle(state.readers[reader].home),
            Step::Flight(id, it) => self.fly(state, id, it),
            Step::Refresh => state.refresh = self.refresh(state),
            Step::RefreshDies => state.refresh = Refresh::None,
            Step::RefreshGivesUp => {
                if let Refresh::Granted(token) | Refresh::Loaded(token, _) =
                    std::mem::replace(&mut state.refresh, Refresh::None)
                {
                    state.redis.release(token, self.protocol);
                }
            }
            Step::Write(step) => {
                self.write(state, step);
                state.write.advance(self.protocol);
            }
            Step::InvalidateFails => {
                state.write.pending = true;
                state.write.advance(self.protocol);
            }
            Step::Mend => {
                self.invalidate(state);
                state.processes[WRITER].suspicion = Suspicion::Told;
            }
            Step::MendSettles => state.processes[WRITER].suspicion = Suspicion::None,
            Step::Relay => self.invalidate(state),
            Step::Evict => state.redis.value = None,
            Step::LeaseExpires => state.redis.lease = None,
            Step::LateCommandArrives => self.arrive(state),
            Step::LateCommandIsLost => state.late = None,
            Step::Crash(process) => crash(state, process),
            Step::DatabaseReplicaCatchesUp => state.database_replica = state.database,
            Step::RedisReplicaCatchesUp => state.redis_replica = state.redis.value,
        }
    }

    /// The epoch is noted, then unconfirmed keys are checked, then Redis is asked.
    fn get(&self, state: &mut State, number: usize, step: Step) {
        let reader = &mut state.readers[number];
        let process = &state.processes[reader.home];
        if reader.place == Place::Idle {
            reader.must_see = state.acknowledged;
            reader.must_see_here = process.pending_here;
        }
        let found = if self.protocol.keeps(Without::RedisPrimary) { state.redis.value } else { state.redis_replica };
        let reply = match found {
            _ if process.suspicion != Suspicion::None => Reply::Suspect,
            Some(value) if step == Step::Get(number) => Reply::Hit(value),
            _ => Reply::Miss,
        };
        reader.place = Place::Asked(process.stamp, reply);
    }

    fn refresh(&self, state: &mut State) -> Refresh {
        match state.refresh {
            Refresh::None => {
                let token = state.fresh_token();
                match state.redis.refresh(Lease::of_reader(token)) {
                    Acquired::Granted => Refresh::Granted(token),
                    Acquired::Hit(_) | Acquired::Contended => Refresh::None,
                }
            }
            Refresh::Granted(token) => Refresh::Loaded(token, state.database),
            Refresh::Loaded(token, value) => {
                let (Filled::Stored | Filled::Lost) = state.redis.fill(token, value, self.protocol);
                Refresh::None
            }
        }
    }

    fn write(&self, state: &mut State, step: WriteStep) {
        match step {
            WriteStep::Commit => {
                state.database += 1;
                state.write.version = state.database;
            }
            WriteStep::Invalidate => self.invalidate(state),
            WriteStep::RemoveValue => {
                state.redis.value = None;
                state.invalidated = state.database;
            }
            WriteStep::RemoveLease => state.redis.lease = None,
            WriteStep::Suspect => state.processes[WRITER].suspicion = Suspicion::Suspect,
            WriteStep::Bump => state.processes[WRITER].stamp += 1,
            WriteStep::Return if state.write.pending => state.processes[WRITER].pending_here = state.write.version,
            WriteStep::Return => state.acknowledged = state.write.version,
        }
    }

    fn invalidate(&self, state: &mut State) {
        state.redis.invalidate(self.protocol);
        state.invalidated = state.database;
        state.grants = 0;
    }

    fn arrive(&self, state: &mut State) {
        match state.late.take() {
            Some(Late::Acquire(token)) => drop(state.redis.acquire(Lease::of_reader(token), self.protocol)),
            Some(Late::Fill(token, value)) => drop(state.redis.fill(token, value, self.protocol)),
            Some(Late::Release(token)) => _ = state.redis.release(token, self.protocol),
            None => {}
        }
    }
}

/// A hit is the answer. Otherwise the reader joins the flight of its epoch, or opens it.
fn answer_or_join(state: &mut State, number: usize) {
    let reader = &mut state.readers[number];
    let Place::Asked(stamp, reply) = reader.place else { unreachable!("{:?} was not asked", reader.place) };
    if let Reply::Hit(value) = reply {
        return state.answer(number, value);
    }
    reader.place = Place::Seated { stamp, covered: false };
    let process = &mut state.processes[reader.home];
    if !process.flights.iter().any(|flight| flight.stamp == stamp) {
        let phase = if reply == Reply::Suspect { Phase::Suspect } else { Phase::of_leg(process) };
        process.flights.push(Flight { stamp, phase });
        process.flights.sort_by_key(|flight| flight.stamp);
    }
}

/// The process loses everything it knew; what it sent stays in Redis.
fn crash(state: &mut State, home: usize) {
    state.processes[home] = Process { stamp: 0, suspicion: Suspicion::None, pending_here: 0, flights: Vec::new() };
    for reader in state.readers.iter_mut().filter(|reader| reader.home == home) {
        *reader = Reader::idle(home);
    }
    if home == WRITER {
        state.write = Write::default();
    }
}
