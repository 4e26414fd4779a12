//! Invalidation messages and the echoes of heartbeats on a tracking connection, as Redis sends them.
//!
//! Redis collects changed names during a cycle of its event loop. At the end of the cycle it sends one message for
//! each prefix, in the order of the prefixes. So an echo may arrive before the invalidation message of a change of the
//! same cycle; here it always does. Redis may answer a client before its cycle ends: with I/O threads, and while a
//! script takes long. So a change may be acknowledged, and then a heartbeat be sent, within one cycle.
//!
//! One key, one entry in memory, and writers elsewhere. Values are the number of changes that they contain. In place
//! of its send time a heartbeat carries the last change that was acknowledged before it was sent: L1 may count until
//! the send time plus the bound only if that change was received. Messages wait in order, for any time, so a lost
//! connection needs no step. Each name of a heartbeat is announced once when it is set and once when it is removed, in
//! the same cycle or a later one.

use crate::check::{Promise, World};
use crate::redis::Version;
use crate::without::{Protocol, Without};

/// Heartbeats that were sent and are not executed yet: one, and one before it whose time limit ran out.
const ON_THE_WAY: usize = 2;

/// The model.
pub(crate) struct Announcements {
    pub(crate) protocol: Protocol,
    pub(crate) changes: Version,
    pub(crate) heartbeats: u8,
}

/// What a heartbeat proves: the last change that was acknowledged before it was sent.
type Proof = Version;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    changed: Version,
    acknowledged: Version,
    entry: Option<Version>,
    sent: Vec<Proof>,
    /// The heartbeats whose names are set in Redis.
    set: Vec<Proof>,
    cycle: Cycle,
    messages: Vec<Message>,
    heartbeats: u8,
    /// The newest echo so far.
    echoed: Option<Proof>,
    /// The heartbeat up to whose send time, plus the bound, L1 counts.
    relied_on: Option<Proof>,
}

/// The names that Redis has collected in the present cycle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Cycle {
    is_changed: bool,
    heartbeats: Vec<Proof>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Message {
    Echo(Vec<Proof>),
    Invalidation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Change,
    /// The writer receives the answer to all its changes so far.
    Acknowledge,
    /// Redis is read, and the value enters L1.
    Read,
    SendHeartbeat,
    SetHeartbeat,
    RemoveHeartbeat,
    CycleEnds,
    MessageArrives,
}

impl World for Announcements {
    type State = State;
    type Step = Step;

    fn promises(&self) -> &'static [Promise] {
        &[Promise::L1IsWithinBound]
    }

    fn beginning(&self) -> State {
        State {
            changed: 0,
            acknowledged: 0,
            entry: None,
            sent: Vec::new(),
            set: Vec::new(),
            cycle: Cycle::default(),
            messages: Vec::new(),
            heartbeats: 0,
            echoed: None,
            relied_on: None,
        }
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        let may_send = state.heartbeats < self.heartbeats && state.sent.len() < ON_THE_WAY;
        let possible = [
            (state.changed < self.changes, Step::Change),
            (state.acknowledged < state.changed, Step::Acknowledge),
            (state.entry.is_none(), Step::Read),
            (may_send, Step::SendHeartbeat),
            (!state.sent.is_empty(), Step::SetHeartbeat),
            (!state.set.is_empty(), Step::RemoveHeartbeat),
            (state.cycle != Cycle::default(), Step::CycleEnds),
            (!state.messages.is_empty(), Step::MessageArrives),
        ];
        steps.extend(possible.into_iter().filter_map(|(is_possible, step)| is_possible.then_some(step)));
    }

    fn after(&self, state: &State, step: Step) -> State {
        let mut state = state.clone();
        match step {
            Step::Change => {
                state.changed += 1;
                state.cycle.is_changed = true;
            }
            Step::Acknowledge => state.acknowledged = state.changed,
            Step::Read => state.entry = Some(state.changed),
            Step::SendHeartbeat => {
                state.heartbeats += 1;
                state.sent.push(state.acknowledged);
            }
            Step::SetHeartbeat => {
                let heartbeat = state.sent.remove(0);
                state.set.push(heartbeat);
                state.cycle.note(heartbeat);
            }
            Step::RemoveHeartbeat => {
                let heartbeat = state.set.remove(0);
                state.cycle.note(heartbeat);
            }
            Step::CycleEnds => {
                let Cycle { is_changed, heartbeats } = std::mem::take(&mut state.cycle);
                state.messages.extend((!heartbeats.is_empty()).then_some(Message::Echo(heartbeats)));
                state.messages.extend(is_changed.then_some(Message::Invalidation));
            }
            Step::MessageArrives => match state.messages.remove(0) {
                Message::Echo(heartbeats) => self.hear(&mut state, &heartbeats),
                Message::Invalidation => state.entry = None,
            },
        }
        state
    }

    fn breaks(&self, state: &State, _: Promise) -> bool {
        state.entry.is_some_and(|entry| state.relied_on.is_some_and(|proof| entry < proof))
    }

    fn sketch(&self, state: &State) -> String {
        let State { changed, acknowledged, entry, cycle, messages, relied_on, .. } = state;
        let redis = format!("redis v{changed}, acknowledged v{acknowledged}, {cycle:?}, sent {messages:?}");
        format!("{redis}, L1 {entry:?}, relied on {relied_on:?}")
    }
}

impl Announcements {
    /// An echo shows that the messages of all earlier cycles have arrived, not yet those of its own.
    fn hear(&self, state: &mut State, heartbeats: &[Proof]) {
        if !self.protocol.keeps(Without::EchoOfLaterCycle) {
            // Each echo proves the heartbeat before it, even if both come in one message.
            let earlier = &heartbeats[..heartbeats.len() - 1];
            state.echoed = state.echoed.max(earlier.iter().max().copied());
        }
        let newest = state.echoed.max(heartbeats.iter().max().copied());
        let proven = if self.protocol.keeps(Without::EchoProvesEarlier) { state.echoed } else { newest };
        if state.relied_on.is_none() && proven.is_some() {
            // L1 becomes live: what it holds counts no more.
            state.entry = None;
        }
        state.relied_on = state.relied_on.max(proven);
        state.echoed = newest;
    }
}

impl Cycle {
    /// A name is collected once. Two heartbeats that prove the same have different names, which makes no difference.
    fn note(&mut self, heartbeat: Proof) {
        if !self.heartbeats.contains(&heartbeat) {
            self.heartbeats.push(heartbeat);
        }
    }
}
