//! Two keys: warm-up in batches beside a reader and a writer, and a row that moves from one key to the other.
//!
//! A write changes the values of both keys (the row leaves key 0 and appears under key 1), so both are in its outbox.
//! The batch works as in `billing-cache/src/read/many.rs`: leases for both keys, one snapshot, a fill for each. A fill
//! that timed out may be executed later. A GET is not a separate step: the value that it would answer is judged in
//! every state.

use crate::check::{Promise, World};
use crate::redis::{Acquired, Filled, Key, Lease, Token, Tokens, Version};
use crate::without::{Protocol, Without};

/// The model.
pub(crate) struct WarmUp {
    pub(crate) protocol: Protocol,
    pub(crate) writes: Version,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    database: Version,
    keys: [Key; 2],
    /// The version in the database at the last INVALIDATE of each key.
    invalidated: [Version; 2],
    acknowledged: Version,
    write: Write,
    batch: Batch,
    reader: Reader,
    late: Option<Fill>,
    reader_waits_for_batch: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Write {
    Idle,
    /// The keys of the outbox rows before this one were invalidated.
    Committed(usize),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Batch {
    /// For each key: `None` before the lease was asked for, then whether it was granted.
    leases: [Option<Granted>; 2],
    snapshot: Option<Version>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Granted {
    Yes(Token),
    No,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Reader {
    Idle,
    Granted(usize, Token),
    Loaded(Fill),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Fill {
    key: usize,
    token: Token,
    value: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Commit,
    /// INVALIDATE of the next key; after the last one the writer returns.
    Invalidate,
    WriterDies,
    Relay,
    BatchAcquires(usize),
    BatchLoads,
    BatchFills(usize),
    /// The answer does not come in time; the command may be executed later.
    BatchFillTimesOut(usize),
    /// RELEASE, because the load failed or there is nothing to store.
    BatchGivesBack(usize),
    BatchEnds,
    ReaderAcquires(usize),
    ReaderLoads,
    ReaderFills,
    /// RELEASE.
    ReaderGivesBack,
    LateFillArrives,
    Evict(usize),
    LeaseExpires(usize),
}

impl WarmUp {
    /// The keys in the outbox rows of a write.
    fn outbox(&self) -> &'static [usize] {
        if self.protocol.keeps(Without::OldAndNewKeys) { &[0, 1] } else { &[1] }
    }

    fn list_batch(&self, state: &State, steps: &mut Vec<Step>) {
        let Batch { leases, snapshot } = state.batch;
        let asked = leases.iter().flatten().count();
        let may_load = asked == 2 || !self.protocol.keeps(Without::SnapshotAfterAllAnswers);
        steps.extend((0..2).filter(|key| leases[*key].is_none()).map(Step::BatchAcquires));
        steps.extend((snapshot.is_none() && asked > 0 && may_load).then_some(Step::BatchLoads));
        steps.extend((asked > 0).then_some(Step::BatchEnds));
        if asked == 2 {
            let granted = (0..2).filter(|key| matches!(leases[*key], Some(Granted::Yes(_))));
            steps.extend(granted.clone().map(Step::BatchGivesBack));
            for key in granted.filter(|_| snapshot.is_some()) {
                steps.push(Step::BatchFills(key));
                steps.extend(state.late.is_none().then_some(Step::BatchFillTimesOut(key)));
            }
        }
    }

    fn batch(&self, state: &mut State, step: Step) {
        match step {
            Step::BatchAcquires(key) => {
                let one_for_all = !self.protocol.keeps(Without::FreshTokenPerBatch);
                let token = if one_for_all { TOKEN_OF_PROCESS } else { state.fresh_token() };
                let acquired = state.keys[key].acquire(Lease::of_warm_up(token), self.protocol);
                let granted = if acquired == Acquired::Granted { Granted::Yes(token) } else { Granted::No };
                state.batch.leases[key] = Some(granted);
            }
            Step::BatchLoads => state.batch.snapshot = Some(state.database),
            Step::BatchFills(key) | Step::BatchFillTimesOut(key) => {
                let lease = state.batch.leases[key].replace(Granted::No);
                let (Some(Granted::Yes(token)), Some(value)) = (lease, state.batch.snapshot) else { return };
                if step == Step::BatchFills(key) {
                    self.fill(state, Fill { key, token, value });
                } else {
                    state.late = Some(Fill { key, token, value });
                }
            }
            Step::BatchGivesBack(key) => {
                if let Some(Granted::Yes(token)) = state.batch.leases[key].replace(Granted::No) {
                    state.keys[key].release(token, self.protocol);
                }
            }
            _ => state.batch = Batch::default(),
        }
    }

    fn read(&self, state: &mut State, step: Step) {
        state.reader = match (step, state.reader) {
            (Step::ReaderAcquires(key), _) => {
                let token = state.fresh_token();
                let by_batch = state.keys[key].lease.is_some_and(|lease| lease.weak);
                match state.keys[key].acquire(Lease::of_reader(token), self.protocol) {
                    Acquired::Granted => Reader::Granted(key, token),
                    Acquired::Hit(_) => Reader::Idle,
                    Acquired::Contended => {
                        state.reader_waits_for_batch = by_batch;
                        Reader::Idle
                    }
                }
            }
            (Step::ReaderLoads, Reader::Granted(key, token)) => {
                Reader::Loaded(Fill { key, token, value: state.database })
            }
            (Step::ReaderGivesBack, Reader::Granted(key, token) | Reader::Loaded(Fill { key, token, .. })) => {
                state.keys[key].release(token, self.protocol);
                Reader::Idle
            }
            (_, Reader::Loaded(fill)) => {
                self.fill(state, fill);
                Reader::Idle
            }
            (_, reader) => unreachable!("{step:?} of {reader:?}"),
        };
    }

    fn fill(&self, state: &mut State, fill: Fill) {
        let (Filled::Stored | Filled::Lost) = state.keys[fill.key].fill(fill.token, fill.value, self.protocol);
    }

    fn invalidate(&self, state: &mut State, row: usize) {
        let key = self.outbox()[row];
        state.keys[key].invalidate(self.protocol);
        state.invalidated[key] = state.database;
    }
}

impl World for WarmUp {
    type State = State;
    type Step = Step;

    fn promises(&self) -> &'static [Promise] {
        &[Promise::AcknowledgedIsSeen, Promise::L2IsCurrent, Promise::WarmUpDelaysNobody]
    }

    fn beginning(&self) -> State {
        State {
            database: 0,
            keys: [Key::default(); 2],
            invalidated: [0; 2],
            acknowledged: 0,
            write: Write::Idle,
            batch: Batch::default(),
            reader: Reader::Idle,
            late: None,
            reader_waits_for_batch: false,
        }
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        match state.write {
            Write::Idle => steps.extend((state.database < self.writes).then_some(Step::Commit)),
            Write::Committed(_) => steps.extend([Step::Invalidate, Step::WriterDies]),
        }
        let relay_has_work = self.outbox().iter().any(|key| state.invalidated[*key] < state.database);
        steps.extend(relay_has_work.then_some(Step::Relay));
        self.list_batch(state, steps);
        match state.reader {
            Reader::Idle => steps.extend([Step::ReaderAcquires(0), Step::ReaderAcquires(1)]),
            Reader::Granted(..) => steps.extend([Step::ReaderLoads, Step::ReaderGivesBack]),
            Reader::Loaded(_) => steps.extend([Step::ReaderFills, Step::ReaderGivesBack]),
        }
        steps.extend(state.late.map(|_| Step::LateFillArrives));
        for (number, key) in state.keys.iter().enumerate() {
            steps.extend(key.value.map(|_| Step::Evict(number)));
            steps.extend(key.lease.map(|_| Step::LeaseExpires(number)));
        }
    }

    fn after(&self, state: &State, step: Step) -> State {
        let mut state = state.clone();
        state.reader_waits_for_batch = false;
        match (step, state.write) {
            (Step::Commit, _) => {
                state.database += 1;
                state.write = Write::Committed(0);
            }
            (Step::Invalidate, Write::Committed(row)) => {
                self.invalidate(&mut state, row);
                state.write = Write::Committed(row + 1);
                if row + 1 == self.outbox().len() {
                    state.write = Write::Idle;
                    state.acknowledged = state.database;
                }
            }
            (Step::WriterDies, _) => state.write = Write::Idle,
            (Step::Relay, _) => (0..self.outbox().len()).for_each(|row| self.invalidate(&mut state, row)),
            (Step::ReaderAcquires(_) | Step::ReaderLoads | Step::ReaderFills | Step::ReaderGivesBack, _) => {
                self.read(&mut state, step);
            }
            (Step::LateFillArrives, _) => {
                if let Some(fill) = state.late.take() {
                    self.fill(&mut state, fill);
                }
            }
            (Step::Evict(key), _) => state.keys[key].value = None,
            (Step::LeaseExpires(key), _) => state.keys[key].lease = None,
            _ => self.batch(&mut state, step),
        }
        if self.protocol.keeps(Without::FreshTokenPerBatch) {
            state.rename_tokens();
        }
        state
    }

    fn breaks(&self, state: &State, promise: Promise) -> bool {
        match promise {
            Promise::AcknowledgedIsSeen => state.keys.iter().any(|key| key.is_older_than(state.acknowledged)),
            Promise::L2IsCurrent => (0..2).any(|key| state.keys[key].is_older_than(state.invalidated[key])),
            _ => state.reader_waits_for_batch,
        }
    }

    fn sketch(&self, state: &State) -> String {
        let State { database, keys: [old, new], batch, reader, late, .. } = state;
        format!("database v{database}, redis [{old}] [{new}], {batch:?}, reader {reader:?}, late {late:?}")
    }
}

/// Larger than all tokens that are handed out.
const TOKEN_OF_PROCESS: Token = 31;

impl Tokens for State {
    fn each_token(&mut self, visit: &mut dyn FnMut(&mut Token)) {
        for lease in self.batch.leases.iter_mut().flatten() {
            if let Granted::Yes(token) = lease {
                visit(token);
            }
        }
        match &mut self.reader {
            Reader::Granted(_, token) | Reader::Loaded(Fill { token, .. }) => visit(token),
            Reader::Idle => {}
        }
        self.late.iter_mut().for_each(|fill| visit(&mut fill.token));
        for lease in self.keys.iter_mut().filter_map(|key| key.lease.as_mut()) {
            visit(&mut lease.token);
        }
    }
}
