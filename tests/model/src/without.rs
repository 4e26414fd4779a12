//! The ingredients of the protocol, each of which can be left out.
//!
//! Invariant: one variant for every part of the table "what breaks without each part" in `docs/protocol.md`, and for those
//! details of the code that the table only implies. The models ask [`Protocol::keeps`] wherever an ingredient acts.

use std::fmt;

/// An ingredient that a mutation of the protocol does without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Without {
    /// FILL stores only while the lease holds its token. Without: it stores what it has.
    FillChecksLease,
    /// The snapshot begins after the grant. Without: it is older than the lease.
    AcquireBeforeSnapshot,
    /// INVALIDATE removes the lease too. Without: only the value.
    InvalidateRemovesLease,
    /// The lease does not go after the value. Without: two commands, the value first.
    LeaseNotAfterKey,
    /// A new token each time an ACQUIRE is sent. Without: the client library resends it as it was.
    FreshTokenPerSend,
    /// ACQUIRE takes only a free lease. Without: it takes any.
    LeaseOfOne,
    /// Loads read the primary of the database. Without: a replica that lags.
    DatabasePrimary,
    /// GET reads the primary of Redis. Without: a replica that lags.
    RedisPrimary,
    /// Rule C where ACQUIRE found a value. Without: it answers whoever joined.
    RuleCForHits,
    /// Rule C where a load was not stored. Without: it answers whoever joined.
    RuleCForLoads,
    /// Rule C where FILL stored. Without: it answers whoever joined.
    RuleCForStoredFills,
    /// Rule C where FILL was lost. Without: it answers whoever joined.
    RuleCForLostFills,
    /// Rule C where a load went past the cache. Without: it answers whoever joined.
    RuleCForBypasses,
    /// The writer returns after INVALIDATE. Without: before.
    InvalidateBeforeReturn,
    /// INVALIDATE comes after the commit. Without: before.
    InvalidateAfterCommit,
    /// Keys that Redis could not be told of are suspect. Without: they are read as ever.
    SuspectKeys,
    /// Keys become suspect before the stamps move. Without: after.
    SuspectBeforeStamps,
    /// The stamp is noted before GET. Without: when its answer is there.
    StampBeforeGet,
    /// The stamp is noted before the suspects are asked. Without: after.
    StampBeforeSuspects,
    /// An entry counts while its stamp is current. Without: the stamp is compared once, before the entry goes in.
    StampCheckedByEntry,
    /// What a lost fill had loaded stays out of L1.
    LostFillsStayOutOfL1,
    /// What was loaded past the cache stays out of L1.
    BypassesStayOutOfL1,
    /// The stamps move when the ear hears again.
    BumpOnResubscription,
    /// The writer's stamps move after INVALIDATE. Without: before.
    BumpAfterRedis,
    /// The writer's stamps move before it returns. Without: after.
    BumpBeforeReturn,
    /// The writer's stamps move also when Redis could not be told.
    BumpThoughRedisIsAway,
    /// A row is marked after INVALIDATE. Without: before.
    MarkAfterInvalidate,
    /// A row whose commit is in doubt is not marked by its writer.
    NoMarkInDoubt,
    /// The relay goes by the state of a row. Without: by ids greater than the last it saw.
    StateInsteadOfCursor,
    /// A row marked in another history is pending again. Without: a mark is for ever.
    HistoryId,
    /// The history id is that of the server which was told. Without: of the server that is primary now.
    HistoryOfTheSameConnection,
    /// Data that are exchanged on the same server have an id, which is part of the history. Without: nobody notices.
    DataId,
    /// INVALIDATE asks for that id before it removes. Without: only after.
    DataIdBefore,
    /// INVALIDATE asks for that id after it removed, too. Without: only before.
    DataIdAfter,
    /// Every pass of the relay takes rows of other histories. Without: only the pass after a (re)connection.
    HistoryInEveryPass,
    /// Reads wait until the replay is done. Without: they go on at once.
    ReplayBeforeServing,
    /// Only a row of today's history is retired. Without: one of any history that is old enough.
    RetireOnlyTodaysHistory,
    /// Only a row older than its retention is retired. Without: at once.
    RetireOnlyAfterRetention,
    /// The outbox has the old and the new keys of a row. Without: only the new ones.
    OldAndNewKeys,
    /// A warm-up's snapshot begins after all leases were answered. Without: while they are on their way.
    SnapshotAfterAllAnswers,
    /// A new token for every batch. Without: a process has one for all its batches.
    FreshTokenPerBatch,
    /// Readers take over the lease of a warm-up. Without: they wait for it.
    WeakLease,
    /// A clear walks over the leases before the values. Without: after.
    LeasesFirstInClear,
    /// A clear walks twice. Without: once, over leases and values alike.
    TwoWalksInClear,
    /// A clear removes leases at all. Without: values only.
    LeasesInClear,
}

impl Without {
    /// All ingredients, in the order of the protocol.
    pub const ALL: [Self; 45] = [
        Self::FillChecksLease,
        Self::AcquireBeforeSnapshot,
        Self::InvalidateRemovesLease,
        Self::LeaseNotAfterKey,
        Self::FreshTokenPerSend,
        Self::LeaseOfOne,
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

    /// The ingredient of this name, as it is displayed.
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
    /// What it does without.
    pub without: Option<Without>,
}

impl Protocol {
    /// Whether the ingredient is there.
    pub(crate) fn keeps(self, ingredient: Without) -> bool {
        self.without != Some(ingredient)
    }
}
