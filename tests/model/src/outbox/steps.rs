//! The steps of the outbox model, and their effects.

use super::{Change, History, Link, Load, NO_HISTORY, Outbox, Process, Role, Row, RowState, Seen, State, Task};
use crate::redis::{Acquired, Lease, Tokens};
use crate::without::Without;

/// A step; processes and rows are given by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A transaction is given the id of its row, long before the row is visible.
    Begin(usize),
    Commit(usize),
    /// The connection to the database breaks during the commit; the writer continues as if it had succeeded.
    CommitInDoubt(usize),
    /// Of a row in doubt.
    CommitAfterAll(usize),
    RollBackAfterAll(usize),
    /// The relay of a process takes a row.
    Take(usize, usize),
    Invalidate(usize),
    /// Where data are exchanged: asks for the data id, before INVALIDATE and after it.
    Ask(usize),
    AskAgain(usize),
    /// A heartbeat, or a look of the relay, finds other data than before.
    Find(usize),
    /// Redis could not be reached; the row stays as it is.
    InvalidateFails(usize),
    Mark(usize),
    Acquire(usize),
    Load(usize),
    Fill(usize),
    Evict,
    LeaseExpires,
    /// The replica catches up, or a dump is written.
    Copy,
    ServerChanges,
    /// A process leaves an old primary.
    Move(usize),
    /// The replay is complete, and reads may begin.
    Admit(usize),
    /// A process crashes, or ends.
    Stop(usize),
    Start(usize),
    Retire(usize),
}

impl Outbox {
    pub(super) fn list_steps(&self, state: &State, steps: &mut Vec<Step>) {
        for (number, process) in state.processes.iter().enumerate() {
            if process.link == Link::None {
                steps.push(Step::Start(number));
                continue;
            }
            steps.push(Step::Stop(number));
            let finds_others = self.change == Change::Swap && process.seen.history != self.history(state);
            steps.extend(finds_others.then_some(Step::Find(number)));
            self.list_task(state, number, process, steps);
            match process.load {
                Load::None => steps.extend((process.link == Link::Admitted).then_some(Step::Acquire(number))),
                Load::Granted(_) => steps.push(Step::Load(number)),
                Load::Loaded(..) => steps.extend((process.link == Link::Admitted).then_some(Step::Fill(number))),
            }
            match process.link {
                Link::Waiting if self.is_replayed(state, self.history_of(state, process)) => {
                    steps.push(Step::Admit(number));
                }
                Link::Old(_) => steps.push(Step::Move(number)),
                _ => {}
            }
        }
        steps.extend(state.primary.value.map(|_| Step::Evict));
        steps.extend(state.primary.lease.map(|_| Step::LeaseExpires));
        if state.changes < self.changes {
            steps.extend(self.may_change(state).then_some(Step::ServerChanges));
            // Data that were there before have a history of their own, which a copy of others would also have.
            let may_copy = self.change != Change::Swap || state.changes == 0;
            steps.extend((may_copy && state.copy != state.primary).then_some(Step::Copy));
        }
        for row in (0..self.rows).filter(|row| state.rows[*row].state == RowState::InDoubt) {
            steps.extend([Step::CommitAfterAll(row), Step::RollBackAfterAll(row)]);
        }
        steps.extend((0..self.rows).filter(|row| self.may_retire(state, *row)).map(Step::Retire));
    }

    /// An exchange that is reversed within one pipeline of commands is not noticed, and nothing is promised for it.
    fn may_change(&self, state: &State) -> bool {
        let is_between = |process: &Process| match process.task {
            Task::Asked(_, _, before) | Task::Removed(_, _, before) => before != state.changes % 2,
            _ => false,
        };
        self.change != Change::Swap || !state.processes.iter().any(is_between)
    }

    fn list_task(&self, state: &State, number: usize, process: &Process, steps: &mut Vec<Step>) {
        let early = !self.protocol.keeps(Without::MarkAfterInvalidate);
        match process.task {
            Task::None => {
                let next_row = state.rows.iter().any(|row| row.state == RowState::NotYet);
                steps.extend(next_row.then_some(Step::Begin(number)));
                let history = self.history_of(state, process);
                let from = if self.protocol.keeps(Without::StateInsteadOfCursor) { 0 } else { state.cursor };
                let needed = (from..self.rows).filter(|row| self.is_needed(state.rows[*row], history));
                let taken = needed.filter(|row| match role(state, process, *row) {
                    Role::Repeater => self.protocol.keeps(Without::HistoryInEveryPass) && !process.told[*row],
                    _ => true,
                });
                steps.extend(taken.map(|row| Step::Take(number, row)));
            }
            Task::Writing(_) => steps.extend([Step::Commit(number), Step::CommitInDoubt(number)]),
            Task::Has(role, _) if early && role != Role::Repeater => steps.push(Step::Mark(number)),
            Task::Has(..) if self.asks_for_data(process.task) => {
                steps.extend([Step::Ask(number), Step::InvalidateFails(number)]);
            }
            Task::Removed(..) => steps.push(Step::AskAgain(number)),
            Task::Has(..) | Task::Asked(..) | Task::Marked(_) => {
                steps.extend([Step::Invalidate(number), Step::InvalidateFails(number)]);
            }
            Task::Invalidated(..) => steps.push(Step::Mark(number)),
        }
    }

    /// Whether INVALIDATE asks for the data id: where data are exchanged, and for a row that will be marked.
    fn asks_for_data(&self, task: Task) -> bool {
        self.change == Change::Swap && !matches!(task, Task::Has(Role::WriterInDoubt, _))
    }

    /// Whether the relay finds nothing more to replay before reads may begin.
    fn is_replayed(&self, state: &State, history: History) -> bool {
        !self.protocol.keeps(Without::ReplayBeforeServing)
            || !state.rows.iter().any(|row| self.is_needed(*row, history))
    }

    fn may_retire(&self, state: &State, row: usize) -> bool {
        let RowState::Marked(history) = state.rows[row].state else { return false };
        let is_todays = history == self.history(state) || !self.protocol.keeps(Without::RetireOnlyTodaysHistory);
        let somebody = |is: fn(Link) -> bool| state.processes.iter().any(|process| is(process.link));
        let old_primary_is_used = somebody(|link| matches!(link, Link::Old(_)));
        is_todays
            && somebody(|link| matches!(link, Link::Waiting | Link::Admitted))
            && (!old_primary_is_used || !self.protocol.keeps(Without::RetireOnlyAfterRetention))
    }

    pub(super) fn take(&self, state: &mut State, step: Step) {
        match step {
            Step::Begin(process) => {
                let row = state.rows.iter().position(|row| row.state == RowState::NotYet).expect("one was listed");
                state.rows[row].state = RowState::Uncommitted;
                state.processes[process].task = Task::Writing(row);
            }
            Step::Take(process, row) => {
                let role = role(state, &state.processes[process], row);
                state.processes[process].task = Task::Has(role, row);
                if !self.protocol.keeps(Without::StateInsteadOfCursor) {
                    state.cursor = row + 1;
                }
            }
            Step::Commit(process)
            | Step::Ask(process)
            | Step::Invalidate(process)
            | Step::AskAgain(process)
            | Step::Mark(process) => {
                let task = state.processes[process].task;
                state.processes[process].task = self.go_on(state, process, task);
            }
            Step::CommitInDoubt(process) => {
                let Task::Writing(row) = state.processes[process].task else { return };
                state.rows[row].state = RowState::InDoubt;
                state.processes[process].task = Task::Has(Role::WriterInDoubt, row);
            }
            Step::CommitAfterAll(row) => state.commit(row),
            Step::RollBackAfterAll(row) => state.rows[row].state = RowState::Gone,
            Step::InvalidateFails(process) => state.processes[process].task = Task::None,
            Step::Acquire(process) | Step::Load(process) | Step::Fill(process) => {
                let load = state.processes[process].load;
                state.processes[process].load = self.load(state, load);
            }
            Step::Evict => state.primary.value = None,
            Step::LeaseExpires => state.primary.lease = None,
            Step::Copy => state.copy = state.primary,
            Step::ServerChanges => self.change_server(state),
            Step::Move(process) | Step::Start(process) | Step::Find(process) => self.begin_anew(state, process),
            Step::Admit(process) => state.processes[process].link = Link::Admitted,
            Step::Stop(process) => {
                if let Task::Writing(row) = state.processes[process].task {
                    state.rows[row].state = RowState::Gone;
                }
                state.processes[process] = Process::STOPPED;
            }
            Step::Retire(row) => self.retire(state, row),
        }
    }

    /// The next step of a writer or relay with its row: commit, INVALIDATE, mark.
    fn go_on(&self, state: &mut State, process: usize, task: Task) -> Task {
        let link = state.processes[process].link;
        match task {
            Task::Writing(row) => {
                state.commit(row);
                Task::Has(Role::Writer, row)
            }
            Task::Has(role, row) if self.asks_for_data(task) => Task::Asked(role, row, self.history(state)),
            Task::Asked(role, row, before) => {
                self.invalidate(state, link);
                Task::Removed(role, row, before)
            }
            Task::Removed(role, row, before) => self.told_between(state, process, role, row, before),
            Task::Has(Role::Repeater, row) => {
                self.invalidate(state, link);
                state.processes[process].told[row] = true;
                Task::None
            }
            Task::Has(role, row) if !self.protocol.keeps(Without::MarkAfterInvalidate) => {
                let history = self.history_of(state, &state.processes[process]);
                state.mark(role, row, history);
                Task::Marked(row)
            }
            Task::Has(Role::WriterInDoubt, _) if self.protocol.keeps(Without::NoMarkInDoubt) => {
                self.invalidate(state, link);
                Task::None
            }
            Task::Has(role, row) => {
                self.invalidate(state, link);
                let same_connection = self.protocol.keeps(Without::HistoryOfTheSameConnection);
                let of_connection = self.history_of(state, &state.processes[process]);
                Task::Invalidated(role, row, if same_connection { of_connection } else { self.history(state) })
            }
            Task::Marked(_) => {
                self.invalidate(state, link);
                Task::None
            }
            Task::Invalidated(role, row, history) => {
                state.mark(role, row, history);
                Task::None
            }
            Task::None => unreachable!("a process without a task does not go on"),
        }
    }

    /// The second question for the data id. Only if both answers are equal is it known from which data the key was
    /// removed.
    fn told_between(&self, state: &mut State, process: usize, role: Role, row: usize, before: History) -> Task {
        let after = self.history(state);
        let told = match (self.protocol.keeps(Without::DataIdBefore), self.protocol.keeps(Without::DataIdAfter)) {
            (true, true) => {
                if before == after {
                    after
                } else {
                    NO_HISTORY
                }
            }
            (true, false) => before,
            (false, _) => after,
        };
        if told != state.processes[process].seen.history {
            self.begin_anew(state, process);
        }
        match role {
            Role::Repeater => {
                state.processes[process].told[row] = told == state.processes[process].seen.history;
                Task::None
            }
            Role::Writer | Role::WriterInDoubt | Role::Relay => Task::Invalidated(role, row, told),
        }
    }

    /// A process is connected to the current primary, or finds other data there: it replays before it serves.
    fn begin_anew(&self, state: &mut State, process: usize) {
        let history = if self.change == Change::Swap { self.history(state) } else { 0 };
        let seen = Seen { history, is_sure: true };
        state.processes[process] = Process { link: Link::Waiting, told: [false; 3], seen, ..state.processes[process] };
    }

    /// An old primary removes values too, but its data are not modelled.
    fn invalidate(&self, state: &mut State, link: Link) {
        if !matches!(link, Link::Old(_)) {
            state.primary.invalidate(self.protocol);
            state.invalidated = state.database;
        }
    }

    fn load(&self, state: &mut State, load: Load) -> Load {
        match load {
            Load::None => {
                let token = state.fresh_token();
                match state.primary.acquire(Lease::of_reader(token), self.protocol) {
                    Acquired::Granted => Load::Granted(token),
                    Acquired::Hit(_) | Acquired::Contended => Load::None,
                }
            }
            Load::Granted(token) => Load::Loaded(token, state.database),
            Load::Loaded(token, value) => {
                let _lost_is_as_good = state.primary.fill(token, value, self.protocol);
                Load::None
            }
        }
    }

    fn change_server(&self, state: &mut State) {
        let before = state.changes;
        state.changes += 1;
        if self.change == Change::Swap {
            std::mem::swap(&mut state.primary, &mut state.copy);
            let runs = |process: &&mut Process| process.link != Link::None;
            state.processes.iter_mut().filter(runs).for_each(|process| process.seen.is_sure = false);
            return;
        }
        state.primary = state.copy;
        for process in &mut state.processes {
            process.link = match (process.link, self.change) {
                (Link::None, _) => Link::None,
                (Link::Waiting | Link::Admitted, Change::Failover) => Link::Old(before),
                (Link::Old(history), Change::Failover) => Link::Old(history),
                (_, Change::Restart | Change::Swap) => Link::Waiting,
            };
            process.told = [false; 3];
        }
    }

    /// By then no copy has a value from before the row, nor a lease.
    fn retire(&self, state: &mut State, row: usize) {
        if self.protocol.keeps(Without::RetireOnlyAfterRetention) {
            state.copy.lease = None;
            if state.copy.is_older_than(state.rows[row].version) {
                state.copy.value = None;
            }
        }
        state.rows[row] = Row { state: RowState::Gone, version: 0 };
    }
}

/// The role in which a relay takes a row; a replay marks it again.
fn role(state: &State, process: &Process, row: usize) -> Role {
    match (state.rows[row].state, process.link) {
        (RowState::Marked(_), Link::Admitted | Link::Old(_)) => Role::Repeater,
        _ => Role::Relay,
    }
}

impl State {
    fn commit(&mut self, row: usize) {
        self.database += 1;
        self.rows[row] = Row { state: RowState::Pending, version: self.database };
    }

    /// A row that was retired meanwhile stays retired.
    fn mark(&mut self, role: Role, row: usize, history: History) {
        match (role, self.rows[row].state) {
            (Role::Writer | Role::WriterInDoubt, RowState::Pending)
            | (Role::Relay, RowState::Pending | RowState::Marked(_)) => {
                self.rows[row].state = RowState::Marked(history);
            }
            _ => {}
        }
    }
}
