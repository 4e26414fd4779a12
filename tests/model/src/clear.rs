//! Clear of a cached type (`protocol/clear.rs`), beside loads in flight.
//!
//! The data was changed without the triggers, which is what a clear is for: no invalidation follows. SCAN is certain to
//! return a name only if it exists when the scan passes it. Later only the names that were found are removed.

use crate::check::{Promise, World};
use crate::redis::{Acquired, Key, Lease, Token, Version};
use crate::without::{Protocol, Without};

/// The model.
pub(crate) struct Clear {
    pub(crate) protocol: Protocol,
    pub(crate) loads: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    database: Version,
    redis: Key,
    loads: Vec<Load>,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Load {
    None,
    Granted,
    Loaded(Version),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Progress {
    NotBegun,
    Walking(Walk),
    Done,
}

/// One SCAN over the names of some kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Walk {
    number: usize,
    /// Whether the scan has passed the name of the lease, and of the value.
    passed_lease: bool,
    passed_value: bool,
    /// Whether one of them existed and is still to be removed.
    found: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    ChangeBehindTheTriggers,
    BeginClear,
    PassLease,
    PassValue,
    Remove,
    EndWalk,
    Acquire(usize),
    Load(usize),
    Fill(usize),
    LoadDies(usize),
    Evict,
    LeaseExpires,
}

/// The names that a scan looks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    Leases,
    Values,
    Both,
}

impl Clear {
    fn walks(&self) -> &'static [Names] {
        match self.protocol.without {
            Some(Without::LeasesFirstInClear) => &[Names::Values, Names::Leases],
            Some(Without::TwoWalksInClear) => &[Names::Both],
            Some(Without::LeasesInClear) => &[Names::Values],
            _ => &[Names::Leases, Names::Values],
        }
    }

    fn list_walk(&self, walk: Walk, steps: &mut Vec<Step>) {
        let names = self.walks()[walk.number];
        let lease_is_ahead = names != Names::Values && !walk.passed_lease;
        let value_is_ahead = names != Names::Leases && !walk.passed_value;
        steps.extend(lease_is_ahead.then_some(Step::PassLease));
        steps.extend(value_is_ahead.then_some(Step::PassValue));
        if walk.found {
            steps.push(Step::Remove);
        } else if !lease_is_ahead && !value_is_ahead {
            steps.push(Step::EndWalk);
        }
    }

    fn walk(&self, state: &mut State, mut walk: Walk, step: Step) -> Progress {
        match step {
            Step::PassLease => {
                walk.passed_lease = true;
                walk.found |= state.redis.lease.is_some();
            }
            Step::PassValue => {
                walk.passed_value = true;
                walk.found |= state.redis.value.is_some();
            }
            Step::Remove => {
                walk.found = false;
                match self.walks()[walk.number] {
                    Names::Leases => state.redis.lease = None,
                    Names::Values => state.redis.value = None,
                    Names::Both => state.redis.invalidate(self.protocol),
                }
            }
            _ if walk.number + 1 < self.walks().len() => walk = Walk { number: walk.number + 1, ..Walk::default() },
            _ => return Progress::Done,
        }
        Progress::Walking(walk)
    }
}

impl World for Clear {
    type State = State;
    type Step = Step;

    fn promises(&self) -> &'static [Promise] {
        &[Promise::ClearedIsGone]
    }

    fn beginning(&self) -> State {
        let loads = vec![Load::None; self.loads];
        State { database: 0, redis: Key::default(), loads, progress: Progress::NotBegun }
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        match state.progress {
            Progress::NotBegun if state.database == 0 => steps.push(Step::ChangeBehindTheTriggers),
            Progress::NotBegun => steps.push(Step::BeginClear),
            Progress::Walking(walk) => self.list_walk(walk, steps),
            Progress::Done => {}
        }
        for (number, load) in state.loads.iter().enumerate() {
            match load {
                Load::None => steps.push(Step::Acquire(number)),
                Load::Granted => steps.extend([Step::Load(number), Step::LoadDies(number)]),
                Load::Loaded(_) => steps.extend([Step::Fill(number), Step::LoadDies(number)]),
            }
        }
        steps.extend(state.redis.value.map(|_| Step::Evict));
        steps.extend(state.redis.lease.map(|_| Step::LeaseExpires));
    }

    fn after(&self, state: &State, step: Step) -> State {
        let mut state = state.clone();
        // The token is free while it matters: a load asks for a lease only when it has finished with the previous one.
        let token = |load: usize| Token::try_from(load).expect("few loads");
        match step {
            Step::ChangeBehindTheTriggers => state.database = 1,
            Step::BeginClear => state.progress = Progress::Walking(Walk::default()),
            Step::Acquire(load) => {
                if state.redis.acquire(Lease::of_reader(token(load)), self.protocol) == Acquired::Granted {
                    state.loads[load] = Load::Granted;
                }
            }
            Step::Load(load) => state.loads[load] = Load::Loaded(state.database),
            Step::Fill(load) => {
                if let Load::Loaded(value) = std::mem::replace(&mut state.loads[load], Load::None) {
                    let _lost_is_as_good = state.redis.fill(token(load), value, self.protocol);
                }
            }
            Step::LoadDies(load) => state.loads[load] = Load::None,
            Step::Evict => state.redis.value = None,
            Step::LeaseExpires => state.redis.lease = None,
            _ => {
                if let Progress::Walking(walk) = state.progress {
                    state.progress = self.walk(&mut state, walk, step);
                }
            }
        }
        state
    }

    fn breaks(&self, state: &State, _: Promise) -> bool {
        state.progress == Progress::Done && state.redis.is_older_than(state.database)
    }

    fn sketch(&self, state: &State) -> String {
        format!("database v{}, redis {}, {:?}, {:?}", state.database, state.redis, state.loads, state.progress)
    }
}
