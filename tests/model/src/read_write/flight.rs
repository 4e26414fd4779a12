//! A flight: rounds of ACQUIRE, load and FILL (`billing-cache/src/read/leader.rs`), and the callers that the answer of
//! each round covers.

use std::fmt;

use super::state::{Late, Place, Process, Stamp, State, Suspicion};
use super::{Faults, ReadWrite};
use crate::redis::{Acquired, Filled, Lease, Token, Tokens, Version};
use crate::without::Without;

/// Identifies a flight: its process, and the epoch in which it was opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct FlightId {
    pub(super) process: usize,
    pub(super) stamp: Stamp,
}

/// A short form for traces.
impl fmt::Debug for FlightId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} stamp {}", self.process, self.stamp)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Flight {
    pub(super) stamp: Stamp,
    pub(super) phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// About to send ACQUIRE, repeatedly while another caller has the lease. Only the mutation has a snapshot here.
    Open(Option<Version>),
    Granted(Token),
    Loaded(Token, Version),
    /// The invalidation of the key is unconfirmed: about to load past the cache, without asking Redis.
    Suspect,
    /// About to answer.
    Done(Outcome, Version),
}

/// The command that produced the answer of a flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Outcome {
    Hit,
    Stored,
    Lost,
    /// The value must not be stored, or FILL failed.
    Unstored,
    Bypassed,
}

/// The next step of a flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    Acquire,
    /// The client library sends it twice; the second copy is late.
    AcquireTwice,
    /// ACQUIRE is executed after the flight has given up on it.
    AcquireTooLate,
    /// The patience is over, or ACQUIRE failed.
    Bypass,
    Load,
    LoadFromReplica,
    Fill,
    /// FILL is never executed.
    FillFails,
    /// FILL is executed after the flight has given up on it.
    FillTooLate,
    /// There is nothing to store: RELEASE.
    GiveBack,
    /// RELEASE is executed after the flight has given up on it.
    GiveBackTooLate,
    /// Only after a lost fill.
    TryAgain,
    Land,
    /// Ends without an answer.
    Die,
}

impl Phase {
    /// The beginning of a round: Redis is not asked about a key whose invalidation is unconfirmed.
    pub(super) fn of_leg(process: &Process) -> Self {
        if process.suspicion == Suspicion::None { Self::Open(None) } else { Self::Suspect }
    }

    pub(super) fn token(&mut self) -> Option<&mut Token> {
        match self {
            Self::Granted(token) | Self::Loaded(token, _) => Some(token),
            Self::Open(_) | Self::Suspect | Self::Done(..) => None,
        }
    }
}

impl Outcome {
    fn rule_c(self) -> Without {
        match self {
            Self::Hit => Without::RuleCForHits,
            Self::Stored => Without::RuleCForStoredFills,
            Self::Lost => Without::RuleCForLostFills,
            Self::Unstored => Without::RuleCForLoads,
            Self::Bypassed => Without::RuleCForBypasses,
        }
    }
}

impl ReadWrite {
    /// The possible steps of a flight in this phase.
    pub(super) fn moves(&self, phase: Phase, state: &State) -> &'static [Move] {
        let may_fail = self.faults != Faults::None;
        let may_be_late = self.faults == Faults::LateCommands && state.late.is_none();
        match phase {
            Phase::Open(None) if !self.protocol.keeps(Without::AcquireBeforeSnapshot) => &[Move::Load],
            Phase::Open(_) if may_be_late => &[Move::Acquire, Move::Bypass, Move::AcquireTooLate, Move::AcquireTwice],
            Phase::Open(_) if may_fail => &[Move::Acquire, Move::Bypass],
            Phase::Open(_) => &[Move::Acquire],
            Phase::Granted(_) if state.database_replica < state.database => &[Move::Load, Move::LoadFromReplica],
            Phase::Granted(_) => &[Move::Load],
            Phase::Loaded(..) if may_be_late => {
                &[Move::Fill, Move::FillFails, Move::FillTooLate, Move::GiveBack, Move::GiveBackTooLate]
            }
            Phase::Loaded(..) if may_fail => &[Move::Fill, Move::FillFails, Move::GiveBack],
            Phase::Loaded(..) => &[Move::Fill, Move::GiveBack],
            Phase::Suspect => &[Move::Bypass],
            Phase::Done(Outcome::Lost, _) => &[Move::Land, Move::TryAgain],
            Phase::Done(..) => &[Move::Land],
        }
    }

    pub(super) fn fly(&self, state: &mut State, id: FlightId, it: Move) {
        let phase = state.flight(id).phase;
        let next = match (it, phase) {
            (Move::Acquire | Move::AcquireTwice, Phase::Open(snapshot)) => self.acquire(state, id, snapshot, it),
            (Move::AcquireTooLate, _) => {
                state.late = Some(Late::Acquire(state.fresh_token()));
                bypass(state, id)
            }
            (Move::Bypass, _) => bypass(state, id),
            (Move::Load | Move::LoadFromReplica, _) => load(state, id, phase, it),
            (Move::Fill, Phase::Loaded(token, value)) => self.fill(state, id, token, value),
            (Move::FillFails, Phase::Loaded(_, value)) => Phase::Done(Outcome::Unstored, value),
            (Move::FillTooLate, Phase::Loaded(token, value)) => {
                state.late = Some(Late::Fill(token, value));
                Phase::Done(Outcome::Unstored, value)
            }
            (Move::GiveBack, Phase::Loaded(token, value)) => self.give_back(state, token, value),
            (Move::GiveBackTooLate, Phase::Loaded(token, value)) => {
                state.late = Some(Late::Release(token));
                Phase::Done(Outcome::Unstored, value)
            }
            (Move::TryAgain, _) => Phase::Open(None),
            (Move::Land, Phase::Done(outcome, value)) => return self.land(state, id, outcome, value),
            (Move::Die, _) => return die(state, id),
            _ => unreachable!("{it:?} in {phase:?}"),
        };
        state.flight(id).phase = next;
    }

    fn acquire(&self, state: &mut State, id: FlightId, snapshot: Option<Version>, it: Move) -> Phase {
        let token = state.fresh_token();
        match state.redis.acquire(Lease::of_reader(token), self.protocol) {
            Acquired::Hit(value) => {
                state.cover_all(id);
                Phase::Done(Outcome::Hit, value)
            }
            Acquired::Contended => Phase::Open(snapshot),
            Acquired::Granted => {
                state.grants = (state.grants + 1).min(2);
                if it == Move::AcquireTwice {
                    let fresh = self.protocol.keeps(Without::FreshTokenPerSend);
                    let again = if fresh { state.fresh_token() } else { token };
                    state.late = Some(Late::Acquire(again));
                }
                snapshot.map_or(Phase::Granted(token), |value| Phase::Loaded(token, value))
            }
        }
    }

    fn fill(&self, state: &mut State, id: FlightId, token: Token, value: Version) -> Phase {
        match state.redis.fill(token, value, self.protocol) {
            Filled::Stored => {
                state.cover_all(id);
                Phase::Done(Outcome::Stored, value)
            }
            Filled::Lost => Phase::Done(Outcome::Lost, value),
        }
    }

    /// A load that stores nothing does not count as the one load, if it still held the lease.
    fn give_back(&self, state: &mut State, token: Token, value: Version) -> Phase {
        if state.redis.release(token, self.protocol) {
            state.grants = state.grants.saturating_sub(1);
        }
        Phase::Done(Outcome::Unstored, value)
    }

    /// Answers the callers that rule C allows. The others wait for another round; without others the flight is over.
    fn land(&self, state: &mut State, id: FlightId, outcome: Outcome, value: Version) {
        let mut others = false;
        for reader in 0..state.readers.len() {
            match state.seat(reader, id) {
                Some(covered) if *covered || !self.protocol.keeps(outcome.rule_c()) => state.answer(reader, value),
                Some(_) => others = true,
                None => {}
            }
        }
        if others {
            state.flight(id).phase = Phase::of_leg(&state.processes[id.process]);
        } else {
            state.close(id);
        }
    }
}

/// The task is gone without an answer: its callers look again, and load alone the second time.
fn die(state: &mut State, id: FlightId) {
    state.close(id);
    for number in 0..state.readers.len() {
        if state.seat(number, id).is_some() {
            let reader = &mut state.readers[number];
            reader.place = if reader.has_started_over { Place::LoadingAlone } else { Place::StartingOver };
            reader.has_started_over = true;
        }
    }
}

fn load(state: &mut State, id: FlightId, phase: Phase, it: Move) -> Phase {
    state.cover_all(id);
    let value = if it == Move::Load { state.database } else { state.database_replica };
    match phase {
        Phase::Granted(token) => Phase::Loaded(token, value),
        _ => Phase::Open(Some(value)),
    }
}

fn bypass(state: &mut State, id: FlightId) -> Phase {
    state.cover_all(id);
    Phase::Done(Outcome::Bypassed, state.database)
}

impl State {
    pub(super) fn flight(&mut self, id: FlightId) -> &mut Flight {
        let mut flights = self.processes[id.process].flights.iter_mut();
        flights.find(|flight| flight.stamp == id.stamp).expect("steps name only flights that are there")
    }

    /// Removes the flight from the list.
    fn close(&mut self, id: FlightId) {
        self.processes[id.process].flights.retain(|flight| flight.stamp != id.stamp);
    }

    /// Whether a reader waits for this flight, and whether it is covered.
    fn seat(&mut self, reader: usize, id: FlightId) -> Option<&mut bool> {
        let reader = &mut self.readers[reader];
        match &mut reader.place {
            Place::Seated { stamp, covered } if reader.home == id.process && *stamp == id.stamp => Some(covered),
            _ => None,
        }
    }

    /// The mark: all callers that wait now are covered by the command that is sent now.
    fn cover_all(&mut self, id: FlightId) {
        for reader in 0..self.readers.len() {
            if let Some(covered) = self.seat(reader, id) {
                *covered = true;
            }
        }
    }
}
