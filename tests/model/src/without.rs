//! The ingredients of the protocol, each of which can be left out.
//!
//! Invariant: one variant for every part of the table "What breaks without each part" in `docs/protocol.md`, and for
//! the details of the code that the table only implies. The models ask [`Protocol::keeps`] wherever an ingredient has
//! an effect.

use std::fmt;

/// An ingredient that a mutation of the protocol leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Without {
    /// FILL stores only while the lease holds its token. Without: it always stores.
    FillChecksLease,
    /// The snapshot begins after the grant. Without: it is older than the lease.
    AcquireBeforeSnapshot,
    /// INVALIDATE removes the lease too. Without: only the value.
    InvalidateRemovesLease,
    /// The lease is not removed after the value. Without: two commands, the value first.
    LeaseNotAfterKey,
    /// A new token each time an ACQUIRE is sent. Without: the client library resends the same one.
    FreshTokenPerSend,
    /// ACQUIRE takes only a free lease. Without: it takes any.
    LeaseOfOne,
    /// RELEASE removes only the lease that holds its token. Without: any lease of the key.
    ReleaseChecksLease,
    /// Loads read the primary of the database. Without: a lagging replica.
    DatabasePrimary,
    /// GET reads the primary of Redis. Without: a lagging replica.
    RedisPrimary,
    /// Rule C where ACQUIRE found a value. Without: it answers all callers that joined.
    RuleCForHits,
    /// Rule C where a load was not stored. Without: it answers all callers that joined.
    RuleCForLoads,
    /// Rule C where FILL stored. Without: it answers all callers that joined.
    RuleCForStoredFills,
    /// Rule C where FILL was lost. Without: it answers all callers that joined.
    RuleCForLostFills,
    /// Rule C where a load went past the cache. Without: it answers all callers that joined.
    RuleCForBypasses,
    /// The writer returns after INVALIDATE. Without: before.
    InvalidateBeforeReturn,
    /// INVALIDATE comes after the commit. Without: before.
    InvalidateAfterCommit,
    /// Keys that could not be invalidated in Redis count as unconfirmed. Without: they are read as usual.
    SuspectKeys,
    /// Keys become unconfirmed before the epochs advance. Without: after.
    SuspectBeforeStamps,
    /// The epoch is noted before GET. Without: when its answer has arrived.
    StampBeforeGet,
    /// The epoch is noted before unconfirmed keys are checked. Without: after.
    StampBeforeSuspects,
    /// An entry counts while its epoch is current. Without: the epoch is compared once, before the entry is inserted.
    StampCheckedByEntry,
    /// The value of a lost fill does not enter L1.
    LostFillsStayOutOfL1,
    /// A value loaded past the cache does not enter L1.
    BypassesStayOutOfL1,
    /// The epochs advance when the tracking connection receives messages again.
    BumpOnResubscription,
    /// The writer's epochs advance after INVALIDATE. Without: before.
    BumpAfterRedis,
    /// The writer's epochs advance before it returns. Without: after.
    BumpBeforeReturn,
    /// The writer's epochs advance even if Redis could not be reached.
    BumpThoughRedisIsAway,
    /// An echo proves the heartbeats of earlier echoes. Without: also its own.
    EchoProvesEarlier,
    /// Only an echo of a later cycle proves a heartbeat. Without: a later heartbeat in the same message does, too.
    EchoOfLaterCycle,
    /// A row is marked after INVALIDATE. Without: before.
    MarkAfterInvalidate,
    /// A row whose commit is in doubt is not marked by its writer.
    NoMarkInDoubt,
    /// The relay takes rows by their state. Without: by ids greater than the last it saw.
    StateInsteadOfCursor,
    /// A row marked in another history is pending again. Without: a mark holds forever.
    HistoryId,
    /// The history id is that of the server that acknowledged. Without: of the current primary.
    HistoryOfTheSameConnection,
    /// Exchanged data on the same server have an id, which is part of the history. Without: an exchange goes unnoticed.
    DataId,
    /// INVALIDATE asks for that id before the removal. Without: only after.
    DataIdBefore,
    /// INVALIDATE also asks for that id after the removal. Without: only before.
    DataIdAfter,
    /// Every pass of the relay takes rows of other histories. Without: only the pass after a (re)connection.
    HistoryInEveryPass,
    /// Reads wait until the replay is complete. Without: they continue at once.
    ReplayBeforeServing,
    /// Only a row of the current history is retired. Without: one of any history that is old enough.
    RetireOnlyTodaysHistory,
    /// Only a row older than its retention is retired. Without: at once.
    RetireOnlyAfterRetention,
    /// The outbox has the old and the new keys of a row. Without: only the new ones.
    OldAndNewKeys,
    /// The snapshot of a warm-up begins after the answers to all leases. Without: before some of them.
    SnapshotAfterAllAnswers,
    /// A new token for every batch. Without: a process uses one for all its batches.
    FreshTokenPerBatch,
    /// Readers take over the lease of a warm-up. Without: they wait for it.
    WeakLease,
    /// A clear scans the leases before the values. Without: after.
    LeasesFirstInClear,
    /// A clear scans twice. Without: once, over leases and values together.
    TwoWalksInClear,
    /// A clear removes leases. Without: only values.
    LeasesInClear,
}

impl Without {
    /// All ingredients, in the order of the protocol.
    pub const ALL: [Self; 48] = [
        Self::FillChecksLease,
        Self::AcquireBeforeSnapshot,
        Self::InvalidateRemovesLease,
        Self::LeaseNotAfterKey,
        Self::FreshTokenPerSend,
        Self::LeaseOfOne,
        Self::ReleaseChecksLease,
        Self::DatabasePrimary,
        Self::RedisPrimary,
        Self::RuleCForHits,
        Self::RuleCForLoads,
        Self::RuleCForStoredFills,
        Self::RuleCForLostFills,
        Self::RuleCForBypasses,
        Self::InvalidateBeforeReturn,
        Self::InvalidateAfterCommit,
        Self::SuspectKeys,
        Self::SuspectBeforeStamps,
        Self::StampBeforeGet,
        Self::StampBeforeSuspects,
        Self::StampCheckedByEntry,
        Self::LostFillsStayOutOfL1,
        Self::BypassesStayOutOfL1,
        Self::BumpOnResubscription,
        Self::BumpAfterRedis,
        Self::BumpBeforeReturn,
        Self::BumpThoughRedisIsAway,
        Self::EchoProvesEarlier,
        Self::EchoOfLaterCycle,
        Self::MarkAfterInvalidate,
        Self::NoMarkInDoubt,
        Self::StateInsteadOfCursor,
        Self::HistoryId,
        Self::HistoryOfTheSameConnection,
        Self::DataId,
        Self::DataIdBefore,
        Self::DataIdAfter,
        Self::HistoryInEveryPass,
        Self::ReplayBeforeServing,
        Self::RetireOnlyTodaysHistory,
        Self::RetireOnlyAfterRetention,
        Self::OldAndNewKeys,
        Self::SnapshotAfterAllAnswers,
        Self::FreshTokenPerBatch,
        Self::WeakLease,
        Self::LeasesFirstInClear,
        Self::TwoWalksInClear,
        Self::LeasesInClear,
    ];

    /// The ingredient with this displayed name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ingredient| ingredient.to_string() == name)
    }
}

/// `RuleCForHits` is displayed as `rule-c-for-hits`.
impl fmt::Display for Without {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut name = String::new();
        for letter in format!("{self:?}").chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(letter.to_ascii_lowercase());
        }
        f.pad(&name)
    }
}

/// The protocol, whole or without one ingredient.
#[derive(Clone, Copy, Debug, Default)]
pub struct Protocol {
    /// The ingredient that is left out.
    pub without: Option<Without>,
}

impl Protocol {
    /// Whether the ingredient is present.
    pub(crate) fn keeps(self, ingredient: Without) -> bool {
        self.without != Some(ingredient)
    }
}
