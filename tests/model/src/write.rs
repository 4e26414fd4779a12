//! The order of a write (`WriteTxn::commit` and `Cache::invalidate`), which the mutations change.

use crate::redis::Version;
use crate::without::{Protocol, Without};

/// One step of a writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum WriteStep {
    Commit,
    Invalidate,
    /// The first half of an INVALIDATE.
    RemoveValue,
    /// The second half.
    RemoveLease,
    /// Only if Redis could not be reached.
    Suspect,
    Bump,
    Return,
}

/// A running write; the beginning is also the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Write {
    done: usize,
    /// The version that the commit created.
    pub(crate) version: Version,
    /// Redis could not be reached: the invalidation is pending.
    pub(crate) pending: bool,
}

impl Write {
    pub(crate) fn is_idle(self) -> bool {
        self.done == 0
    }

    pub(crate) fn next(self, protocol: Protocol) -> WriteStep {
        order(protocol)[self.done]
    }

    /// The step was taken. Steps that do not apply to this write are skipped.
    pub(crate) fn advance(&mut self, protocol: Protocol) {
        self.done += 1;
        while let Some(step) = order(protocol).get(self.done) {
            let skipped = match step {
                WriteStep::Suspect => !self.pending,
                WriteStep::Bump => self.pending && !protocol.keeps(Without::BumpThoughRedisIsAway),
                _ => false,
            };
            if !skipped {
                return;
            }
            self.done += 1;
        }
        *self = Self::default();
    }
}

fn order(protocol: Protocol) -> &'static [WriteStep] {
    use WriteStep::{Bump, Commit, Invalidate, RemoveLease, RemoveValue, Return, Suspect};
    match protocol.without {
        Some(Without::InvalidateBeforeReturn) => &[Commit, Return, Invalidate, Suspect, Bump],
        Some(Without::InvalidateAfterCommit) => &[Invalidate, Commit, Suspect, Bump, Return],
        Some(Without::LeaseNotAfterKey) => &[Commit, RemoveValue, RemoveLease, Bump, Return],
        Some(Without::SuspectKeys) => &[Commit, Invalidate, Bump, Return],
        Some(Without::SuspectBeforeStamps) => &[Commit, Invalidate, Bump, Suspect, Return],
        Some(Without::BumpAfterRedis) => &[Commit, Bump, Invalidate, Suspect, Return],
        Some(Without::BumpBeforeReturn) => &[Commit, Invalidate, Suspect, Return, Bump],
        _ => &[Commit, Invalidate, Suspect, Bump, Return],
    }
}
