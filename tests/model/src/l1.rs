//! L1 and its tracking connection: one key, one process that keeps the key in its memory, and everything else.
//!
//! Only one property of epochs matters: whether a noted one is still current. So an entry is gone as soon as the epoch
//! advances, and the epoch of a reader is a flag. Each reader loads alone; shared flights are the subject of
//! `read_write`. Redis pushes a message when the value is set, removed or evicted, and not when an absent key is
//! invalidated. Pushes wait in order, for any time. Three or more count as two, which only makes the promises harder to
//! keep. Stored fills enter L1 here, which is more than the code does (it keeps what a GET answered); evictions cover
//! the rest. The heartbeat bound is the subject of `announcements`. While the loss of the tracking connection
//! is unnoticed, nothing is promised.

use crate::check::{Promise, World};
use crate::redis::{Acquired, Filled, Key, Lease, Token, Version};
use crate::without::{Protocol, Without};
use crate::write::{Write, WriteStep};

/// The model. The last reader is in another process, without L1.
pub(crate) struct L1 {
    pub(crate) protocol: Protocol,
    pub(crate) readers: usize,
    pub(crate) writes: Version,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    database: Version,
    redis: Key,
    entry: Option<Version>,
    ear: Ear,
    pushes: u8,
    readers: Vec<Reader>,
    /// A writer in the process with L1.
    write: Write,
    suspicion: Suspicion,
    /// The version in the database at the last INVALIDATE.
    invalidated: Version,
    /// The last write that was acknowledged in the process with L1.
    acknowledged_here: Version,
    broken: Option<Promise>,
}

/// The tracking connection, which receives pushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Ear {
    Hears,
    /// It is lost, but the loss is unnoticed, so L1 still counts.
    IsDeaf,
    /// The loss was noticed: L1 does not count.
    IsOff,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Suspicion {
    None,
    Suspect,
    Told,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Reader {
    place: Place,
    /// Whether the noted epoch is still current.
    stamp_is_current: bool,
    must_see_here: Version,
    must_see_heard: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    Idle,
    /// Only in a mutation: unconfirmed keys were checked, and the epoch is not noted yet.
    NotSuspect,
    Asked(Option<Version>),
    Missed,
    Granted,
    Loaded(Version),
    /// About to load past the cache.
    Bypassing,
    /// The answer is known, and how it was validated.
    Known(Version, Validated),
    /// Only in a mutation: the epoch was compared, and the entry is inserted next.
    Inserting(Version),
}

/// How a value was validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Validated {
    /// By a hit or a stored fill.
    ByRedis,
    LostFill,
    Bypass,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Looks into L1, or notes the epoch and sends GET.
    Read(usize),
    GetFails(usize),
    Proceed(usize),
    /// A command fails, or the patience is over.
    Fail(usize),
    Write(WriteStep),
    InvalidateFails,
    Mend,
    MendSettles,
    CommitElsewhere,
    /// By the writer there, or by a relay.
    InvalidateElsewhere,
    PushArrives,
    EarIsLost,
    LossIsNoticed,
    EarIsBack,
    Evict,
    LeaseExpires,
    EntryIsEvicted,
    Restart,
}

impl World for L1 {
    type State = State;
    type Step = Step;

    fn promises(&self) -> &'static [Promise] {
        &[Promise::OwnWriteIsSeen, Promise::HeardIsSeen, Promise::L1IsCurrent, Promise::L2IsCurrent]
    }

    fn beginning(&self) -> State {
        State {
            database: 0,
            redis: Key::default(),
            entry: None,
            ear: Ear::Hears,
            pushes: 0,
            readers: vec![Reader::IDLE; self.readers],
            write: Write::default(),
            suspicion: Suspicion::None,
            invalidated: 0,
            acknowledged_here: 0,
            broken: None,
        }
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        for (number, reader) in state.readers.iter().enumerate() {
            match reader.place {
                Place::Idle => steps.extend([Step::Read(number), Step::GetFails(number)]),
                Place::Missed | Place::Loaded(_) => steps.extend([Step::Proceed(number), Step::Fail(number)]),
                _ => steps.push(Step::Proceed(number)),
            }
        }
        let next = state.write.next(self.protocol);
        if !state.write.is_idle() || state.database < self.writes {
            steps.push(Step::Write(next));
            steps.extend((next == WriteStep::Invalidate).then_some(Step::InvalidateFails));
        }
        match state.suspicion {
            Suspicion::None => {}
            Suspicion::Suspect => steps.push(Step::Mend),
            Suspicion::Told => steps.push(Step::MendSettles),
        }
        steps.extend((state.database < self.writes).then_some(Step::CommitElsewhere));
        steps.extend((state.invalidated < state.database).then_some(Step::InvalidateElsewhere));
        list_events(state, steps);
    }

    fn after(&self, state: &State, step: Step) -> State {
        let mut state = state.clone();
        state.broken = None;
        match step {
            Step::Read(reader) => self.read(&mut state, reader),
            Step::GetFails(reader) => {
                self.read(&mut state, reader);
                if matches!(state.readers[reader].place, Place::Asked(_)) {
                    state.readers[reader].place = Place::Bypassing;
                }
            }
            Step::Proceed(reader) => self.proceed(&mut state, reader),
            Step::Fail(reader) => {
                let place = &mut state.readers[reader].place;
                *place = match *place {
                    Place::Loaded(value) => Place::Known(value, Validated::LostFill),
                    _ => Place::Bypassing,
                };
            }
            Step::Write(step) => self.write(&mut state, step),
            Step::InvalidateFails => {
                state.write.pending = true;
                state.write.advance(self.protocol);
            }
            Step::Mend => {
                self.invalidate(&mut state);
                state.suspicion = Suspicion::Told;
            }
            Step::MendSettles => state.suspicion = Suspicion::None,
            Step::CommitElsewhere => state.database += 1,
            Step::InvalidateElsewhere => self.invalidate(&mut state),
            event => self.happen(&mut state, event),
        }
        state
    }

    fn breaks(&self, state: &State, promise: Promise) -> bool {
        let older = |value: Option<Version>| value.is_some_and(|value| value < state.invalidated);
        match promise {
            Promise::L1IsCurrent => state.ear == Ear::Hears && state.pushes == 0 && older(state.entry),
            Promise::L2IsCurrent => older(state.redis.value),
            _ => state.broken == Some(promise),
        }
    }

    fn sketch(&self, state: &State) -> String {
        let State { database, redis, entry, ear, pushes, .. } = state;
        let places: Vec<Place> = state.readers.iter().map(|reader| reader.place).collect();
        format!("database v{database}, redis {redis}, L1 {entry:?}, ear {ear:?}, {pushes} pushes, readers {places:?}")
    }
}

impl L1 {
    /// Whether the process of this reader has L1.
    fn has_l1(&self, reader: usize) -> bool {
        reader + 1 < self.readers
    }

    fn read(&self, state: &mut State, number: usize) {
        let has_l1 = self.has_l1(number);
        let reader = &mut state.readers[number];
        reader.stamp_is_current = true;
        let heard = state.ear != Ear::IsDeaf && state.pushes == 0;
        reader.must_see_here = if has_l1 { state.acknowledged_here } else { 0 };
        reader.must_see_heard = if heard || !has_l1 { state.invalidated } else { 0 };
        let is_suspect = has_l1 && state.suspicion != Suspicion::None;
        match state.entry {
            Some(value) if has_l1 && state.ear != Ear::IsOff => state.answer(number, value),
            _ if is_suspect => reader.place = Place::Bypassing,
            _ if !self.protocol.keeps(Without::StampBeforeSuspects) => reader.place = Place::NotSuspect,
            _ => reader.place = Place::Asked(state.redis.value),
        }
    }

    fn proceed(&self, state: &mut State, number: usize) {
        // The token is free while it matters: a reader asks for a lease only when it has finished with the previous
        // one.
        let token = Token::try_from(number).expect("few readers");
        let place = state.readers[number].place;
        state.readers[number].place = match place {
            Place::Idle => unreachable!("an idle reader does not proceed"),
            Place::NotSuspect => Place::Asked(state.redis.value),
            Place::Asked(Some(value)) => Place::Known(value, Validated::ByRedis),
            Place::Asked(None) => Place::Missed,
            Place::Missed => match state.redis.acquire(Lease::of_reader(token), self.protocol) {
                Acquired::Hit(value) => Place::Known(value, Validated::ByRedis),
                Acquired::Granted => Place::Granted,
                Acquired::Contended => Place::Missed,
            },
            Place::Granted => Place::Loaded(state.database),
            Place::Loaded(value) => match state.redis.fill(token, value, self.protocol) {
                Filled::Stored => {
                    state.push();
                    Place::Known(value, Validated::ByRedis)
                }
                Filled::Lost => Place::Known(value, Validated::LostFill),
            },
            Place::Bypassing => Place::Known(state.database, Validated::Bypass),
            Place::Known(value, validated) => return self.conclude(state, number, value, validated),
            Place::Inserting(value) => {
                state.entry = Some(value);
                return state.answer(number, value);
            }
        };
        let is_answered = matches!(place, Place::Asked(_)) && !self.protocol.keeps(Without::StampBeforeGet);
        if is_answered || place == Place::NotSuspect {
            state.readers[number].stamp_is_current = true;
        }
    }

    /// A validated value enters L1 under the epoch of the reader, so it counts only if that is current. Then the reader
    /// answers.
    fn conclude(&self, state: &mut State, number: usize, value: Version, validated: Validated) {
        let goes_in = match validated {
            Validated::ByRedis => true,
            Validated::LostFill => !self.protocol.keeps(Without::LostFillsStayOutOfL1),
            Validated::Bypass => !self.protocol.keeps(Without::BypassesStayOutOfL1),
        };
        if goes_in && self.has_l1(number) && state.readers[number].stamp_is_current {
            if !self.protocol.keeps(Without::StampCheckedByEntry) {
                state.readers[number].place = Place::Inserting(value);
                return;
            }
            state.entry = Some(value);
        }
        state.answer(number, value);
    }

    fn write(&self, state: &mut State, step: WriteStep) {
        match step {
            WriteStep::Commit => {
                state.database += 1;
                state.write.version = state.database;
            }
            WriteStep::Invalidate => self.invalidate(state),
            WriteStep::Suspect => state.suspicion = Suspicion::Suspect,
            WriteStep::Bump => self.bump(state),
            WriteStep::Return => state.acknowledged_here = state.write.version,
            WriteStep::RemoveValue | WriteStep::RemoveLease => unreachable!("{step:?} is the subject of read_write"),
        }
        state.write.advance(self.protocol);
    }

    fn invalidate(&self, state: &mut State) {
        if state.redis.value.is_some() {
            state.push();
        }
        state.redis.invalidate(self.protocol);
        state.invalidated = state.database;
    }

    fn bump(&self, state: &mut State) {
        state.entry = None;
        for number in (0..self.readers).filter(|number| self.has_l1(*number)) {
            state.readers[number].stamp_is_current = false;
        }
    }

    fn happen(&self, state: &mut State, event: Step) {
        match event {
            Step::PushArrives => {
                state.pushes -= 1;
                self.bump(state);
            }
            Step::EarIsLost => (state.ear, state.pushes) = (Ear::IsDeaf, 0),
            Step::LossIsNoticed => {
                state.ear = Ear::IsOff;
                self.bump(state);
            }
            Step::EarIsBack => {
                state.ear = Ear::Hears;
                if self.protocol.keeps(Without::BumpOnResubscription) {
                    self.bump(state);
                }
            }
            Step::Evict => {
                state.redis.value = None;
                state.push();
            }
            Step::LeaseExpires => state.redis.lease = None,
            Step::EntryIsEvicted => state.entry = None,
            Step::Restart => {
                let elsewhere = state.readers.last().cloned();
                state.readers.fill(Reader::IDLE);
                state.readers.extend(elsewhere);
                state.readers.remove(self.readers - 1);
                (state.entry, state.ear, state.pushes) = (None, Ear::Hears, 0);
                (state.write, state.suspicion, state.acknowledged_here) = (Write::default(), Suspicion::None, 0);
            }
            _ => unreachable!("{event:?} is no event"),
        }
    }
}

fn list_events(state: &State, steps: &mut Vec<Step>) {
    steps.extend((state.pushes > 0).then_some(Step::PushArrives));
    steps.push(match state.ear {
        Ear::Hears => Step::EarIsLost,
        Ear::IsDeaf => Step::LossIsNoticed,
        Ear::IsOff => Step::EarIsBack,
    });
    steps.extend(state.redis.value.map(|_| Step::Evict));
    steps.extend(state.redis.lease.map(|_| Step::LeaseExpires));
    steps.extend(state.entry.map(|_| Step::EntryIsEvicted));
    steps.push(Step::Restart);
}

impl Reader {
    const IDLE: Self = Self { place: Place::Idle, stamp_is_current: false, must_see_here: 0, must_see_heard: 0 };
}

impl State {
    fn answer(&mut self, number: usize, value: Version) {
        let reader = &mut self.readers[number];
        if value < reader.must_see_here {
            self.broken = Some(Promise::OwnWriteIsSeen);
        } else if value < reader.must_see_heard {
            self.broken = Some(Promise::HeardIsSeen);
        }
        *reader = Reader::IDLE;
    }

    fn push(&mut self) {
        if self.ear == Ear::Hears {
            self.pushes = (self.pushes + 1).min(2);
        }
    }
}
