//! The state of reading and writing one key.

use super::flight::Flight;
use crate::check::Promise;
use crate::redis::{Key, Token, Tokens, Version};
use crate::write::Write;

/// A counter; the model never wraps it.
pub(super) type Stamp = u8;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(super) database: Version,
    /// The version on a lagging replica of the database; the same, unless the mutation reads it.
    pub(super) database_replica: Version,
    pub(super) redis: Key,
    /// The value on a lagging replica of Redis; the same, unless the mutation reads it.
    pub(super) redis_replica: Option<Version>,
    pub(super) late: Option<Late>,
    pub(super) refresh: Refresh,
    pub(super) processes: [Process; 2],
    pub(super) readers: Vec<Reader>,
    pub(super) write: Write,
    /// The last write that was acknowledged as complete.
    pub(super) acknowledged: Version,
    /// The version in the database at the last INVALIDATE.
    pub(super) invalidated: Version,
    /// Number of loads under a lease since then.
    pub(super) grants: u8,
    /// The promise that the last step broke.
    pub(super) broken: Option<Promise>,
}

/// A command that no caller waits for and that Redis has not executed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Late {
    Acquire(Token),
    Fill(Token, Version),
    Release(Token),
}

/// A refresh ahead, by any process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Refresh {
    None,
    Granted(Token),
    Loaded(Token, Version),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Process {
    pub(super) stamp: Stamp,
    pub(super) suspicion: Suspicion,
    /// The last write that was acknowledged as pending to a caller in this process.
    pub(super) pending_here: Version,
    /// At most one for each epoch, in the order of the epochs.
    pub(super) flights: Vec<Flight>,
}

/// Whether the invalidation of the key is unconfirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Suspicion {
    None,
    Suspect,
    /// Still unconfirmed. The INVALIDATE that ends this was executed, unless another one fails first.
    Told,
}

/// A caller, which reads again and again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Reader {
    pub(super) home: usize,
    pub(super) place: Place,
    /// The acknowledged version when the read began.
    pub(super) must_see: Version,
    /// The version acknowledged as pending in this process when the read began.
    pub(super) must_see_here: Version,
    pub(super) has_started_over: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Place {
    Idle,
    /// GET was executed, and its answer is in transit.
    Asked(Stamp, Reply),
    /// Waits for the flight of this epoch.
    Seated {
        stamp: Stamp,
        covered: bool,
    },
    StartingOver,
    LoadingAlone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Reply {
    Hit(Version),
    Miss,
    /// Redis was not asked.
    Suspect,
}

impl Reader {
    pub(super) fn idle(home: usize) -> Self {
        Self { home, place: Place::Idle, must_see: 0, must_see_here: 0, has_started_over: false }
    }
}

impl State {
    /// Gives an answer to a reader, which is then idle.
    pub(super) fn answer(&mut self, reader: usize, value: Version) {
        let reader = &mut self.readers[reader];
        if value < reader.must_see {
            self.broken = Some(Promise::AcknowledgedIsSeen);
        } else if value < reader.must_see_here {
            self.broken = Some(Promise::OwnWriteIsSeen);
        }
        *reader = Reader::idle(reader.home);
    }
}

impl Tokens for State {
    fn each_token(&mut self, visit: &mut dyn FnMut(&mut Token)) {
        for flight in self.processes.iter_mut().flat_map(|process| &mut process.flights) {
            if let Some(token) = flight.phase.token() {
                visit(token);
            }
        }
        match &mut self.late {
            Some(Late::Acquire(token) | Late::Fill(token, _) | Late::Release(token)) => visit(token),
            None => {}
        }
        match &mut self.refresh {
            Refresh::Granted(token) | Refresh::Loaded(token, _) => visit(token),
            Refresh::None => {}
        }
        if let Some(lease) = &mut self.redis.lease {
            visit(&mut lease.token);
        }
    }
}
