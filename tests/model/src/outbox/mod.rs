//! The outbox and its relay, over failovers and restarts of Redis: one key, two processes that write, load and relay.
//!
//! A failover makes a replica that lags the primary; who is connected to the old primary goes on with it for a while. A
//! restart brings back what the last dump had, and everybody reconnects. Either begins a new history. Processes crash, stop
//! for good, and start again. Bounded are the number of rows and of those changes.
//! Only the data of today's primary is there: what an old primary answers ends with it.
//! "Older than its retention" means that no old dump or replica has the row's old values any more, and that old primaries
//! have ended. It does not mean that a value on the primary is dead, so nothing leans on TTLs that might have been changed.

mod steps;

use steps::Step;

use crate::check::{Promise, World};
use crate::redis::{Key, Token, Tokens, Version};
use crate::without::{Protocol, Without};

/// The number of changes of the server before it began.
type History = u8;

/// The model.
pub(crate) struct Outbox {
    pub(crate) protocol: Protocol,
    pub(crate) rows: usize,
    pub(crate) change: Change,
    /// How often the server changes.
    pub(crate) changes: History,
}

/// How the server changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A lagging replica is promoted.
    Failover,
    /// The same server comes back with an old dump.
    Restart,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    database: Version,
    rows: Vec<Row>,
    primary: Key,
    history: History,
    /// What a lagging replica, or the last dump, has.
    copy: Key,
    processes: [Process; 2],
    /// What the database had at the last INVALIDATE on the primary of its time.
    invalidated: Version,
    /// Only in a mutation: the relay takes rows from this one on.
    cursor: usize,
}

/// A row of `cache_invalidations`; its place is its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Row {
    state: RowState,
    /// What its transaction made of the database.
    version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum RowState {
    NotYet,
    Uncommitted,
    /// The connection broke during the commit: the database may still do it, or not.
    InDoubt,
    Pending,
    Marked(History),
    /// Or rolled back.
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Process {
    link: Link,
    task: Task,
    load: Load,
    /// The rows marked with other histories that its server was told of too; of two rows or three.
    told: [bool; 3],
}

/// The server a process is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Link {
    /// The process does not run.
    None,
    /// Today's primary, which may not be read from before the replay.
    Waiting,
    Admitted,
    /// What was the primary in that history.
    Old(History),
}

/// As what a process deals with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Role {
    /// Marks the row only if it is still pending.
    Writer,
    /// Does not know whether the row was committed, and does not mark it.
    WriterInDoubt,
    Relay,
    /// A relay, after its replay, with a row that is marked with another history; leaves the mark as it is.
    Repeater,
}

/// What a process does with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Task {
    None,
    Writing(usize),
    /// To be invalidated.
    Has(Role, usize),
    /// To be marked.
    Invalidated(Role, usize, History),
    /// Only in a mutation: marked, and to be invalidated.
    Marked(usize),
}

/// A load that may end in a FILL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Load {
    None,
    Granted(Token),
    Loaded(Token, Version),
}

impl Process {
    const STOPPED: Self = Self { link: Link::None, task: Task::None, load: Load::None, told: [false; 3] };
}

impl Outbox {
    /// Whether a relay in this history has to take a row.
    fn is_needed(&self, row: Row, history: History) -> bool {
        match row.state {
            RowState::Pending => true,
            RowState::Marked(marked) => marked != history && self.protocol.keeps(Without::HistoryId),
            RowState::NotYet | RowState::Uncommitted | RowState::InDoubt | RowState::Gone => false,
        }
    }

    /// Whether something will invalidate whatever is older than `version`.
    fn is_covered(&self, state: &State, value: Version) -> bool {
        let in_outbox = state.rows.iter().enumerate().any(|(id, row)| row.version > value && self.will_take(state, id));
        in_outbox || state.processes.iter().any(|process| is_about_to(process, &state.rows, value))
    }

    fn will_take(&self, state: &State, id: usize) -> bool {
        let row = state.rows[id];
        self.is_needed(row, state.history)
            && match row.state {
                RowState::Marked(_) => {
                    let repeats = |process: &Process| process.link == Link::Admitted && !process.told[id];
                    let in_every_pass = self.protocol.keeps(Without::HistoryInEveryPass);
                    replays_later(state) || in_every_pass && state.processes.iter().any(repeats)
                }
                _ => self.protocol.keeps(Without::StateInsteadOfCursor) || id >= state.cursor,
            }
    }
}

/// Whether somebody will connect and replay: who has not yet, or, if nobody runs, whoever starts.
fn replays_later(state: &State) -> bool {
    let mut links = state.processes.iter().map(|process| process.link);
    links.clone().all(|link| link == Link::None) || links.any(|link| matches!(link, Link::Waiting | Link::Old(_)))
}

/// A process that is about to invalidate a row on today's primary.
fn is_about_to(process: &Process, rows: &[Row], value: Version) -> bool {
    let (Task::Has(_, row) | Task::Marked(row)) = process.task else { return false };
    rows[row].version > value && matches!(process.link, Link::Waiting | Link::Admitted)
}

impl World for Outbox {
    type State = State;
    type Step = Step;

    fn promises(&self) -> &'static [Promise] {
        match self.change {
            // While an old primary is still written to, what the new one answers may be stale, and is covered.
            Change::Failover if self.changes > 0 => &[Promise::StaleIsCovered],
            Change::Failover | Change::Restart => &[Promise::StaleIsCovered, Promise::L2IsCurrent],
        }
    }

    fn beginning(&self) -> State {
        let process = Process { link: Link::Admitted, ..Process::STOPPED };
        State {
            database: 0,
            rows: vec![Row { state: RowState::NotYet, version: 0 }; self.rows],
            primary: Key::default(),
            history: 0,
            copy: Key::default(),
            processes: [process; 2],
            invalidated: 0,
            cursor: 0,
        }
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        self.list_steps(state, steps);
    }

    fn after(&self, state: &State, step: Step) -> State {
        let mut state = state.clone();
        self.take(&mut state, step);
        if matches!(self.promises(), [Promise::StaleIsCovered]) {
            state.invalidated = 0;
        }
        state.rename_tokens();
        state
    }

    fn merge_twins(&self, state: &mut State) {
        state.processes.sort();
        state.rename_tokens();
    }

    fn breaks(&self, state: &State, promise: Promise) -> bool {
        let Some(value) = state.primary.value else { return false };
        match promise {
            Promise::L2IsCurrent => {
                let is_served = state.processes.iter().any(|process| process.link == Link::Admitted);
                is_served && value < state.invalidated
            }
            _ => value < state.database && !self.is_covered(state, value),
        }
    }

    fn sketch(&self, state: &State) -> String {
        let State { database, primary, history, copy, .. } = state;
        let rows: Vec<RowState> = state.rows.iter().map(|row| row.state).collect();
        let processes = state.processes.map(|Process { link, task, load, told }| (link, task, load, told));
        format!("database v{database}, primary {primary}, history {history}, copy {copy}, rows {rows:?}, {processes:?}")
    }
}

impl Tokens for State {
    fn each_token(&mut self, visit: &mut dyn FnMut(&mut Token)) {
        for process in &mut self.processes {
            match &mut process.load {
                Load::Granted(token) | Load::Loaded(token, _) => visit(token),
                Load::None => {}
            }
        }
        for key in [&mut self.primary, &mut self.copy] {
            key.lease.iter_mut().for_each(|lease| visit(&mut lease.token));
        }
    }
}
