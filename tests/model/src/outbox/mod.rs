//! The outbox and its relay, over failovers, restarts and exchanges of Redis data: one key, and two processes that
//! write, load and relay.
//!
//! A failover promotes a replica that lags; a process that is connected to the old primary continues to use it for a
//! while. A restart brings back the content of the last dump, and every process reconnects. An exchange (`SWAPDB`)
//! replaces the data by other data without notice; the next exchange brings the old data back. Each change begins
//! another history. Processes crash, stop for good, and start again. The number of rows and of these changes is
//! bounded. Only the data of the current primary is modelled: the answers of an old primary end with it. "Older than
//! its retention" means that no old dump or replica has the old values of the row, and that old primaries have ended.
//! It does not mean that a value on the primary has expired, so nothing depends on TTLs that might have been changed.

mod steps;

use steps::Step;

use crate::check::{Promise, World};
use crate::redis::{Key, Token, Tokens, Version};
use crate::without::{Protocol, Without};

/// The number of a history of the Redis data.
type History = u8;

/// A mark that names no history.
const NO_HISTORY: History = History::MAX;

/// The model.
pub(crate) struct Outbox {
    pub(crate) protocol: Protocol,
    pub(crate) rows: usize,
    pub(crate) change: Change,
    /// Largest number of changes of the server.
    pub(crate) changes: u8,
}

/// How the server changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A lagging replica is promoted.
    Failover,
    /// The same server comes back with an old dump.
    Restart,
    /// The data are exchanged with others, on the same server and under the same connections.
    Swap,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    database: Version,
    rows: Vec<Row>,
    primary: Key,
    /// Number of changes of the server so far.
    changes: u8,
    /// The content of a lagging replica, the last dump, or the other data.
    copy: Key,
    processes: [Process; 2],
    /// The version in the database at the last INVALIDATE on the primary of that time.
    invalidated: Version,
    /// Only in a mutation: the first row that the relay takes.
    cursor: usize,
}

/// A row of `cache_invalidations`; its index is its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Row {
    state: RowState,
    /// The version that its transaction wrote to the database.
    version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum RowState {
    NotYet,
    Uncommitted,
    /// The connection broke during the commit: the database may still commit, or not.
    InDoubt,
    Pending,
    Marked(History),
    /// Retired or rolled back.
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Process {
    link: Link,
    task: Task,
    load: Load,
    /// The rows marked with other histories whose keys its server was told to remove too; for two or three rows.
    told: [bool; 3],
    /// The data that it believes the server has. Used only where data are exchanged.
    seen: Seen,
}

/// What a process knows of the current data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Seen {
    history: History,
    /// Whether no exchange happened since it looked. An exchange and its reversal cannot be noticed.
    is_sure: bool,
}

/// The server that a process is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Link {
    /// The process does not run.
    None,
    /// The current primary, which may not be read from before the replay.
    Waiting,
    Admitted,
    /// The primary of that history.
    Old(History),
}

/// The role in which a process handles a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Role {
    /// Marks the row only if it is still pending.
    Writer,
    /// Does not know whether the row was committed, and does not mark it.
    WriterInDoubt,
    Relay,
    /// A relay, after its replay, with a row that is marked with another history. It leaves the mark unchanged.
    Repeater,
}

/// The work of a process on a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Task {
    None,
    Writing(usize),
    /// The key is to be invalidated.
    Has(Role, usize),
    /// Where data are exchanged: has asked for the data id, and is to remove the key.
    Asked(Role, usize, History),
    /// Where data are exchanged: has removed the key, and is to ask again.
    Removed(Role, usize, History),
    /// The row is to be marked.
    Invalidated(Role, usize, History),
    /// Only in a mutation: the row is marked, and the key is to be invalidated.
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
    const STOPPED: Self = Self {
        link: Link::None,
        task: Task::None,
        load: Load::None,
        told: [false; 3],
        seen: Seen { history: 0, is_sure: true },
    };
}

impl Outbox {
    /// The current history.
    fn history(&self, state: &State) -> History {
        match self.change {
            Change::Failover | Change::Restart => state.changes,
            // After an exchange back, the history is the earlier one. Without data ids all histories are the same.
            Change::Swap if self.protocol.keeps(Without::DataId) => state.changes % 2,
            Change::Swap => 0,
        }
    }

    /// The history that a process believes to be current.
    fn history_of(&self, state: &State, process: &Process) -> History {
        match (process.link, self.change) {
            (Link::Old(history), _) => history,
            (_, Change::Swap) => process.seen.history,
            (Link::None | Link::Waiting | Link::Admitted, _) => state.changes,
        }
    }

    /// Whether a relay in this history has to take a row.
    fn is_needed(&self, row: Row, history: History) -> bool {
        match row.state {
            RowState::Pending => true,
            RowState::Marked(marked) => marked != history && self.protocol.keeps(Without::HistoryId),
            RowState::NotYet | RowState::Uncommitted | RowState::InDoubt | RowState::Gone => false,
        }
    }

    /// Whether an invalidation will follow that removes this value.
    fn is_covered(&self, state: &State, value: Version) -> bool {
        let in_outbox = state.rows.iter().enumerate().any(|(id, row)| row.version > value && self.will_take(state, id));
        in_outbox || state.processes.iter().any(|process| is_about_to(process, &state.rows, value))
    }

    fn will_take(&self, state: &State, id: usize) -> bool {
        let row = state.rows[id];
        self.is_needed(row, self.history(state))
            && match row.state {
                RowState::Marked(_) => {
                    let repeats = |process: &Process| process.link == Link::Admitted && !process.told[id];
                    let in_every_pass = self.protocol.keeps(Without::HistoryInEveryPass);
                    self.replays_later(state) || in_every_pass && state.processes.iter().any(repeats)
                }
                _ => self.protocol.keeps(Without::StateInsteadOfCursor) || id >= state.cursor,
            }
    }

    /// Whether a process will connect, or find other data, and replay. If no process runs, the next one that starts
    /// will.
    fn replays_later(&self, state: &State) -> bool {
        let will_find = |process: &Process| self.history_of(state, process) != self.history(state);
        let will = |process: &Process| matches!(process.link, Link::Waiting | Link::Old(_)) || will_find(process);
        let mut runs = state.processes.iter().filter(|process| process.link != Link::None).peekable();
        runs.peek().is_none() || runs.any(will)
    }
}

/// Whether a process is about to invalidate such a row on the current primary.
fn is_about_to(process: &Process, rows: &[Row], value: Version) -> bool {
    let (Task::Has(_, row) | Task::Asked(_, row, _) | Task::Marked(row)) = process.task else { return false };
    rows[row].version > value && matches!(process.link, Link::Waiting | Link::Admitted)
}

impl World for Outbox {
    type State = State;
    type Step = Step;

    fn promises(&self) -> &'static [Promise] {
        match self.change {
            // While an old primary is still written to, answers of the new one may be stale, but are covered.
            Change::Failover if self.changes > 0 => &[Promise::StaleIsCovered],
            Change::Failover | Change::Restart | Change::Swap => &[Promise::StaleIsCovered, Promise::L2IsCurrent],
        }
    }

    fn beginning(&self) -> State {
        let process = Process { link: Link::Admitted, ..Process::STOPPED };
        State {
            database: 0,
            rows: vec![Row { state: RowState::NotYet, version: 0 }; self.rows],
            primary: Key::default(),
            changes: 0,
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
                let serves = |process: &Process| process.link == Link::Admitted && process.seen.is_sure;
                state.processes.iter().any(serves) && value < state.invalidated
            }
            _ => value < state.database && !self.is_covered(state, value),
        }
    }

    fn sketch(&self, state: &State) -> String {
        let State { database, primary, copy, .. } = state;
        let history = self.history(state);
        let rows: Vec<RowState> = state.rows.iter().map(|row| row.state).collect();
        let processes = state.processes.map(|Process { link, task, load, told, seen }| (link, task, load, told, seen));
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
