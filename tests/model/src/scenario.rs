//! The scenarios (a model with its faults and bounds) and the table of what breaks without each ingredient.
//!
//! Invariant: the table says the same as `docs/protocol.md` says in words. A scenario keeps all its promises when
//! nothing is left out, and each entry of the table breaks exactly the promises that it names (`tests/protocol.rs`).

use std::fmt;

use crate::announcements::Announcements;
use crate::check::{Promise, Twins, Verdict, explore};
use crate::clear::Clear;
use crate::l1::L1;
use crate::outbox::{Change, Outbox};
use crate::read_write::{Faults, ReadWrite};
use crate::warm_up::WarmUp;
use crate::without::{Protocol, Without};

/// How much is explored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// For every change of the code: everything in about two minutes.
    #[default]
    Small,
    /// One more reader, write, row or change of the server.
    Large,
}

impl Scope {
    /// The environment variable that chooses the scope.
    pub const VARIABLE: &str = "PROTOCOL_MODEL_SCOPE";

    /// The scope in the environment: `small`, which is the default, or `large`.
    ///
    /// # Errors
    /// The variable has another value, which is returned.
    pub fn from_environment() -> Result<Self, String> {
        match std::env::var(Self::VARIABLE).as_deref() {
            Err(_) | Ok("" | "small") => Ok(Self::Small),
            Ok("large") => Ok(Self::Large),
            Ok(other) => Err(other.to_owned()),
        }
    }

    fn pick<T>(self, small: T, large: T) -> T {
        match self {
            Self::Small => small,
            Self::Large => large,
        }
    }
}

/// What is explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scenario {
    /// Reads and writes of one key, with all faults that leave the writer connected.
    ReadWrite,
    /// The same, with commands that are resent or executed late.
    LateCommands,
    /// The same, with writers that cannot reach Redis.
    WriterCutOff,
    /// The same without any fault, and with patience.
    Calm,
    /// A process with L1.
    L1,
    /// The echoes of heartbeats, and the messages around them.
    Announcements,
    /// The outbox and its relay, with a Redis that loses no data.
    Outbox,
    /// The outbox and failovers to lagging replicas.
    Failover,
    /// The outbox and restarts from old dumps.
    Restart,
    /// The outbox and data that are exchanged with others, and back.
    Swap,
    /// Warm-up of two keys, and a row that moves between them.
    WarmUp,
    /// Clear beside loads in flight.
    Clear,
}

impl Scenario {
    /// All scenarios.
    pub const ALL: [Self; 12] = [
        Self::ReadWrite,
        Self::LateCommands,
        Self::WriterCutOff,
        Self::Calm,
        Self::L1,
        Self::Announcements,
        Self::Outbox,
        Self::Failover,
        Self::Restart,
        Self::Swap,
        Self::WarmUp,
        Self::Clear,
    ];

    /// Explores the protocol, whole or without an ingredient.
    #[must_use]
    pub fn explore(self, protocol: Protocol, scope: Scope, twins: Twins) -> Verdict {
        let read_write = |faults, readers, writes| explore(ReadWrite { protocol, faults, readers, writes }, twins);
        let outbox = |change, changes, rows| explore(Outbox { protocol, rows, change, changes }, twins);
        match self {
            Self::ReadWrite => read_write(Faults::Usual, [2, 0], scope.pick(1, 2)),
            Self::LateCommands => read_write(Faults::LateCommands, [2, 0], scope.pick(1, 2)),
            Self::WriterCutOff => read_write(Faults::WriterCutOff, scope.pick([1, 1], [1, 2]), 1),
            Self::Calm => read_write(Faults::None, scope.pick([1, 1], [2, 1]), 1),
            Self::L1 => explore(L1 { protocol, readers: 2, writes: scope.pick(1, 2) }, twins),
            Self::Announcements => explore(Announcements { protocol, changes: scope.pick(2, 3), heartbeats: 3 }, twins),
            Self::Outbox => outbox(Change::Failover, 0, scope.pick(2, 3)),
            Self::Failover => outbox(Change::Failover, scope.pick(1, 2), 2),
            Self::Restart => outbox(Change::Restart, scope.pick(1, 2), scope.pick(1, 2)),
            Self::Swap => outbox(Change::Swap, scope.pick(2, 3), 1),
            Self::WarmUp => explore(WarmUp { protocol, writes: scope.pick(1, 2) }, twins),
            Self::Clear => explore(Clear { protocol, loads: scope.pick(2, 3) }, twins),
        }
    }

    /// The mutations of this scenario.
    pub fn mutations(self) -> impl Iterator<Item = &'static Mutation> {
        MUTATIONS.iter().filter(move |mutation| mutation.scenario == self)
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ReadWrite => "read and write",
            Self::LateCommands => "late commands",
            Self::WriterCutOff => "writer cut off",
            Self::Calm => "calm",
            Self::L1 => "L1",
            Self::Announcements => "announcements",
            Self::Outbox => "outbox",
            Self::Failover => "failover",
            Self::Restart => "restart",
            Self::Swap => "swap",
            Self::WarmUp => "warm-up",
            Self::Clear => "clear",
        })
    }
}

/// An ingredient that is left out in a scenario, and exactly the promises that this breaks.
#[derive(Clone, Copy, Debug)]
pub struct Mutation {
    /// What is left out.
    pub without: Without,
    /// The scenario.
    pub scenario: Scenario,
    /// The promises that this breaks.
    pub breaks: &'static [Promise],
}

const fn breaks(without: Without, scenario: Scenario, breaks: &'static [Promise]) -> Mutation {
    Mutation { without, scenario, breaks }
}

use Promise::{
    AcknowledgedIsSeen, ClearedIsGone, HeardIsSeen, L1IsCurrent, L1IsWithinBound, L2IsCurrent, OneLoad, OwnWriteIsSeen,
    StaleIsCovered, WarmUpDelaysNobody,
};
use Scenario::{Calm, Failover, LateCommands, Restart, Swap, WriterCutOff};

/// "What breaks without each part", as it is checked.
pub const MUTATIONS: [Mutation; 52] = [
    breaks(Without::FillChecksLease, Scenario::ReadWrite, &[AcknowledgedIsSeen, L2IsCurrent]),
    breaks(Without::AcquireBeforeSnapshot, Scenario::ReadWrite, &[AcknowledgedIsSeen, L2IsCurrent]),
    breaks(Without::InvalidateRemovesLease, Scenario::ReadWrite, &[AcknowledgedIsSeen, L2IsCurrent]),
    breaks(Without::LeaseNotAfterKey, Scenario::ReadWrite, &[AcknowledgedIsSeen, L2IsCurrent]),
    breaks(Without::FreshTokenPerSend, LateCommands, &[AcknowledgedIsSeen, L2IsCurrent]),
    breaks(Without::LeaseOfOne, Calm, &[OneLoad]),
    breaks(Without::ReleaseChecksLease, Calm, &[OneLoad]),
    breaks(Without::DatabasePrimary, Scenario::ReadWrite, &[AcknowledgedIsSeen, L2IsCurrent]),
    breaks(Without::RedisPrimary, Scenario::ReadWrite, &[AcknowledgedIsSeen]),
    breaks(Without::RuleCForHits, Scenario::ReadWrite, &[AcknowledgedIsSeen]),
    breaks(Without::RuleCForLoads, Scenario::ReadWrite, &[AcknowledgedIsSeen]),
    breaks(Without::RuleCForStoredFills, Scenario::ReadWrite, &[AcknowledgedIsSeen]),
    breaks(Without::RuleCForLostFills, Scenario::ReadWrite, &[AcknowledgedIsSeen]),
    breaks(Without::RuleCForBypasses, Scenario::ReadWrite, &[AcknowledgedIsSeen]),
    breaks(Without::InvalidateBeforeReturn, Scenario::ReadWrite, &[AcknowledgedIsSeen]),
    breaks(Without::InvalidateAfterCommit, Scenario::ReadWrite, &[AcknowledgedIsSeen]),
    breaks(Without::SuspectKeys, WriterCutOff, &[OwnWriteIsSeen]),
    breaks(Without::SuspectKeys, Scenario::L1, &[OwnWriteIsSeen]),
    breaks(Without::SuspectBeforeStamps, WriterCutOff, &[OwnWriteIsSeen]),
    breaks(Without::StampBeforeGet, Scenario::L1, &[OwnWriteIsSeen, HeardIsSeen, L1IsCurrent]),
    breaks(Without::StampBeforeSuspects, Scenario::L1, &[OwnWriteIsSeen]),
    breaks(Without::StampCheckedByEntry, Scenario::L1, &[OwnWriteIsSeen, HeardIsSeen, L1IsCurrent]),
    breaks(Without::LostFillsStayOutOfL1, Scenario::L1, &[HeardIsSeen, L1IsCurrent]),
    breaks(Without::BypassesStayOutOfL1, Scenario::L1, &[HeardIsSeen, L1IsCurrent]),
    breaks(Without::BumpOnResubscription, Scenario::L1, &[HeardIsSeen, L1IsCurrent]),
    breaks(Without::BumpAfterRedis, Scenario::L1, &[OwnWriteIsSeen]),
    breaks(Without::BumpBeforeReturn, Scenario::L1, &[OwnWriteIsSeen]),
    breaks(Without::BumpThoughRedisIsAway, Scenario::L1, &[OwnWriteIsSeen]),
    breaks(Without::EchoProvesEarlier, Scenario::Announcements, &[L1IsWithinBound]),
    breaks(Without::EchoOfLaterCycle, Scenario::Announcements, &[L1IsWithinBound]),
    breaks(Without::MarkAfterInvalidate, Scenario::Outbox, &[StaleIsCovered]),
    breaks(Without::NoMarkInDoubt, Scenario::Outbox, &[StaleIsCovered]),
    breaks(Without::StateInsteadOfCursor, Scenario::Outbox, &[StaleIsCovered]),
    breaks(Without::HistoryId, Failover, &[StaleIsCovered]),
    breaks(Without::HistoryId, Restart, &[StaleIsCovered, L2IsCurrent]),
    breaks(Without::HistoryId, Swap, &[StaleIsCovered, L2IsCurrent]),
    breaks(Without::DataId, Swap, &[StaleIsCovered, L2IsCurrent]),
    breaks(Without::DataIdBefore, Swap, &[StaleIsCovered, L2IsCurrent]),
    breaks(Without::DataIdAfter, Swap, &[StaleIsCovered, L2IsCurrent]),
    breaks(Without::HistoryOfTheSameConnection, Failover, &[StaleIsCovered]),
    breaks(Without::HistoryInEveryPass, Failover, &[StaleIsCovered]),
    breaks(Without::ReplayBeforeServing, Restart, &[L2IsCurrent]),
    breaks(Without::RetireOnlyTodaysHistory, Failover, &[StaleIsCovered]),
    breaks(Without::RetireOnlyAfterRetention, Failover, &[StaleIsCovered]),
    breaks(Without::OldAndNewKeys, Scenario::WarmUp, &[AcknowledgedIsSeen]),
    breaks(Without::FillChecksLease, Scenario::WarmUp, &[AcknowledgedIsSeen, L2IsCurrent]),
    breaks(Without::SnapshotAfterAllAnswers, Scenario::WarmUp, &[AcknowledgedIsSeen, L2IsCurrent]),
    breaks(Without::FreshTokenPerBatch, Scenario::WarmUp, &[AcknowledgedIsSeen, L2IsCurrent]),
    breaks(Without::WeakLease, Scenario::WarmUp, &[WarmUpDelaysNobody]),
    breaks(Without::LeasesFirstInClear, Scenario::Clear, &[ClearedIsGone]),
    breaks(Without::TwoWalksInClear, Scenario::Clear, &[ClearedIsGone]),
    breaks(Without::LeasesInClear, Scenario::Clear, &[ClearedIsGone]),
];
